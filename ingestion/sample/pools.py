"""Where invented people get their names, streets and cities from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from faker import Faker

from ingestion.sample.chance import Odds

# The commonest family names of China with their spelling in mail addresses and their
# share per mille, so that namesakes are as common as in life.
_SURNAMES = (
    "王 wang 72,李 li 71,张 zhang 66,刘 liu 53,陈 chen 45,杨 yang 31,黄 huang 22,"
    "赵 zhao 21,吴 wu 20,周 zhou 20,徐 xu 15,孙 sun 15,马 ma 13,朱 zhu 13,胡 hu 13,"
    "林 lin 12,郭 guo 12,何 he 12,高 gao 11,罗 luo 10,郑 zheng 9,梁 liang 9,谢 xie 8,"
    "宋 song 7,唐 tang 7,许 xu 7,邓 deng 7,冯 feng 7,韩 han 6,曹 cao 6,曾 zeng 6,"
    "彭 peng 6,萧 xiao 6,蔡 cai 5,潘 pan 5,田 tian 5,董 dong 5,袁 yuan 5,于 yu 5,"
    "余 yu 5,叶 ye 4,蒋 jiang 4,杜 du 4,苏 su 4,魏 wei 4,程 cheng 4,吕 lv 4,丁 ding 4,"
    "沈 shen 4,任 ren 3,姚 yao 3,卢 lu 3,傅 fu 3,钟 zhong 3,姜 jiang 3,崔 cui 3,"
    "谭 tan 3,廖 liao 3,范 fan 3,汪 wang 3,陆 lu 3,金 jin 3,石 shi 3,戴 dai 3,"
    "贾 jia 3,韦 wei 3,夏 xia 3,邱 qiu 3,方 fang 3,侯 hou 3,欧阳 ouyang 1,司马 sima 1"
)
_MAIL_SYLLABLES = (
    "wei,fang,na,min,jing,li,qiang,lei,jun,yang,yong,yan,jie,tao,ming,chao,xia,ping,"
    "gang,ying,hua,yu,bo,xin,hao,yun,mei,lan,feng,dan"
)
_CITIES = (
    "上海 310101 上海市黄浦区 30,北京 110105 北京市朝阳区 24,"
    "广州 440106 广东省广州市天河区 14,深圳 440304 广东省深圳市福田区 14,"
    "杭州 330106 浙江省杭州市西湖区 12,南京 320102 江苏省南京市玄武区 9,"
    "成都 510107 四川省成都市武侯区 9,武汉 420106 湖北省武汉市武昌区 8,"
    "西安 610113 陕西省西安市雁塔区 6,苏州 320508 江苏省苏州市姑苏区 6,"
    "重庆 500103 重庆市渝中区 6,天津 120101 天津市和平区 5"
)


@dataclass(frozen=True)
class Pools:
    """Names and places to draw from. Given names have two characters out of a set."""

    surnames: tuple[str, ...]
    surname_spellings: tuple[str, ...]
    surname_odds: Odds
    male_characters: tuple[str, ...]
    female_characters: tuple[str, ...]
    latin_first_male: tuple[str, ...]
    latin_first_female: tuple[str, ...]
    latin_last: tuple[str, ...]
    mail_syllables: tuple[str, ...]
    mail_domains: tuple[str, ...]
    cities: tuple[str, ...]
    city_regions: tuple[int, ...]
    city_prefixes: tuple[str, ...]
    city_odds: Odds
    streets: tuple[str, ...]


@lru_cache(maxsize=4)
def make_pools(seed: int) -> Pools:
    """Return the pools of a seed; the same seed gives the same pools."""
    chinese, latin = Faker("zh_CN"), Faker("en_US")
    chinese.seed_instance(seed)
    latin.seed_instance(seed)
    surnames = [entry.split() for entry in _SURNAMES.split(",")]
    cities = [entry.split() for entry in _CITIES.split(",")]
    return Pools(
        surnames=tuple(s[0] for s in surnames),
        surname_spellings=tuple(s[1] for s in surnames),
        surname_odds=Odds.of([float(s[2]) for s in surnames]),
        male_characters=_characters([chinese.first_name_male() for _ in range(1500)]),
        female_characters=_characters(
            [chinese.first_name_female() for _ in range(1500)]
        ),
        latin_first_male=_distinct([latin.first_name_male() for _ in range(300)]),
        latin_first_female=_distinct([latin.first_name_female() for _ in range(300)]),
        latin_last=_distinct([latin.last_name() for _ in range(600)]),
        mail_syllables=tuple(_MAIL_SYLLABLES.split(",")),
        mail_domains=(
            "mail.example",
            "qmail.example",
            "post.example",
            "163post.example",
            "outmail.example",
            "hanmail.example",
        ),
        cities=tuple(c[0] for c in cities),
        city_regions=tuple(int(c[1]) for c in cities),
        city_prefixes=tuple(c[2] for c in cities),
        city_odds=Odds.of([float(c[3]) for c in cities]),
        streets=_distinct([chinese.street_name() for _ in range(400)]),
    )


def _distinct(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _characters(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys("".join(names)))
