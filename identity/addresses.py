"""Brings postal addresses to one normal form and to parts that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from identity.names import folded, simplified
from identity.normalise import plain_text


@dataclass(frozen=True, slots=True)
class NormalAddress:
    """An address as its parts in the order written, and as the sorted distinct ones."""

    text: str
    tokens: tuple[str, ...]


_PLACEHOLDERS = frozenset([
    "unknown", "na", "none", "null", "nil", "test", "tbd", "notknown", "notgiven",
    "noaddress", "nofixedaddress", "nofixedabode", "xxx", "same", "sameasabove",
    "无", "未知", "不详", "不明", "暂无", "未提供", "空", "测试", "同上", "地址不详",
    "无地址", "地址未知",
])  # fmt: skip

_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_SIGNS = re.compile(r"[\W_]+")
_HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]")


def normal_address(raw: str, country: str) -> NormalAddress | None:
    """Return an address folded and split into parts; None where there is none.

    Addresses with Han characters are split at administrative and street suffixes,
    others at spaces. The country is not asked: scripts tell the two apart, and a
    bank's customers live abroad too.
    """
    del country
    text = folded(_APOSTROPHES.sub("", plain_text(raw)))
    if _HAN.search(text):
        parts = _chinese_parts(simplified(text))
    else:
        parts = _spelt_parts(text)
    if not parts or "".join(parts) in _PLACEHOLDERS:
        return None
    return NormalAddress(" ".join(parts), tuple(sorted(set(parts))))


# --- addresses in Chinese characters -------------------------------------------------

_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北"
    "|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_ROAD_AHEAD = "[东西南北中]?[大小]?(?:路|街|道|巷|胡同)"
# A province may stand without its suffix: 广东广州市. 北京东路 is a street elsewhere.
_PROVINCE = re.compile(
    f"(?:中华人民共和国|中国)?(?P<province>{_PROVINCES})(?!{_ROAD_AHEAD})"
    "(?:省|市|特别行政区|(?:壮族|回族|维吾尔)?自治区)?"
)

# What is counted in a building or an estate, the longer before what begins like them.
_COUNTED = "号楼|号院|号|弄|栋|幢|座|单元|层|楼|室|组|期|户"
_NUMERALS = re.compile(
    f"[零〇一二三四五六七八九十百千两]+(?=(?:{_COUNTED})(?!路|街|大道))"
)
_GAP = re.compile(f"(?<=[0-9a-z]) +(?=(?:{_COUNTED}))")
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}

# Suffixes of provinces, cities, districts and counties are often left out, and so are
# dropped. Those of lower places and streets tell them apart: 南京东路, 南京西路.
_DROPPED = "特别行政区|自治区|自治州|自治县|地区|新区|省|市|区|县|盟"
_KEPT = (
    "街道|开发区|工业区|小区|社区|园区|校区|花园|广场|大厦|大楼|公寓|大道|大街|胡同|新村"
    "|旗|镇|乡|村|路|街|道|巷|弄"
)
# No place ends where a name goes on: 红旗路, 中关村大街, 沙市区, 市场.
_PART = re.compile(
    f"(?P<counted>[0-9a-z]+(?:{_COUNTED}|路|街|巷|区))"
    f"|(?P<place>[^0-9a-z]+?)(?P<suffix>{_KEPT}|{_DROPPED})(?!{_ROAD_AHEAD}|区|场|政府)"
    "|(?P<rest>[0-9a-z]+|[^0-9a-z]+)"
)


def _chinese_parts(text: str) -> list[str]:
    text = _NUMERALS.sub(_in_digits, _GAP.sub("", _SIGNS.sub(" ", text)))
    return _without_repeats(part for run in text.split() for part in _split_run(run))


def _split_run(run: str) -> Iterator[str]:
    """Yield the parts of an address without spaces: 上海, 黄浦, 南京东路, 12号, 3室."""
    province = _PROVINCE.match(run)
    if province:
        yield province["province"]
    for part in _PART.finditer(run, province.end() if province else 0):
        place, suffix = part["place"], part["suffix"]
        is_short = len(place or "") > 1 and suffix in _DROPPED_SUFFIXES
        yield place if is_short else part[0]


_DROPPED_SUFFIXES = frozenset(_DROPPED.split("|"))


def _in_digits(numerals: re.Match[str]) -> str:
    """Return 十二 as 12, 一百零五 as 105, and 三〇二, digit by digit, as 302."""
    if not _UNITS.keys() & set(numerals[0]):
        return "".join(str(_DIGITS[digit]) for digit in numerals[0])
    total = last = 0
    for numeral in numerals[0]:
        if numeral in _UNITS:
            total, last = total + (last or 1) * _UNITS[numeral], 0
        else:
            last = _DIGITS[numeral]
    return str(total + last)


# --- addresses in letters ------------------------------------------------------------

# The commonest words of streets, units and directions with their short forms, after
# Publication 28 of the United States Postal Service, and some of Europe.
_SHORT_FORMS = {
    "st": "street str strt",
    "rd": "road",
    "ave": "avenue av aven avenu avn avnue",
    "blvd": "boulevard boul boulv",
    "dr": "drive drv driv",
    "ln": "lane",
    "ct": "court crt",
    "cts": "courts",
    "pl": "place",
    "sq": "square sqr sqre squ",
    "ter": "terrace terr",
    "cir": "circle circ crcl",
    "cres": "crescent crsent",
    "pkwy": "parkway pky pkway parkwy",
    "hwy": "highway hiway hway",
    "fwy": "freeway frwy",
    "expy": "expressway expw",
    "trl": "trail trails",
    "aly": "alley ally",
    "plz": "plaza plza",
    "xing": "crossing crssng",
    "brg": "bridge brdge",
    "brk": "brook",
    "byp": "bypass byps",
    "cswy": "causeway",
    "ctr": "center centre cntr cent",
    "cv": "cove",
    "crk": "creek",
    "est": "estate",
    "ests": "estates",
    "fld": "field",
    "flds": "fields",
    "gdn": "garden",
    "gdns": "gardens grdns",
    "grn": "green",
    "grv": "grove",
    "hbr": "harbor harbour",
    "hts": "heights",
    "hl": "hill",
    "hls": "hills",
    "is": "island",
    "jct": "junction jction",
    "lk": "lake",
    "lndg": "landing",
    "mdw": "meadow",
    "mdws": "meadows",
    "ml": "mill",
    "mt": "mount",
    "mtn": "mountain",
    "orch": "orchard",
    "pt": "point",
    "prt": "port",
    "rdg": "ridge",
    "riv": "river",
    "rte": "route",
    "shr": "shore",
    "spg": "spring",
    "spgs": "springs",
    "sta": "station stn",
    "tpke": "turnpike trnpk",
    "tunl": "tunnel",
    "vly": "valley",
    "vw": "view",
    "vlg": "village",
    "apt": "apartment unit flat appartment apmt",
    "ste": "suite",
    "bldg": "building",
    "fl": "floor flr",
    "rm": "room",
    "dept": "department",
    "n": "north",
    "s": "south",
    "e": "east",
    "w": "west",
    "ne": "northeast",
    "nw": "northwest",
    "se": "southeast",
    "sw": "southwest",
    "ul": "ulice",
    "nam": "namesti",
}
_SHORT = {
    word: short for short, words in _SHORT_FORMS.items() for word in words.split()
}

_INITIALS = re.compile(r"(?<=\b[a-z])\.(?=[a-z]\b)")
_POST_BOX = re.compile(r"\b(?:post office box|p o box|pobox)\b")
_NUMBER_SIGN = re.compile(r"\b(?:no|nr) (?=[0-9])")


def _spelt_parts(text: str) -> list[str]:
    joined = _INITIALS.sub("", text).replace("#", " apt ")
    spaced = _POST_BOX.sub("po box", _SIGNS.sub(" ", joined))
    words = _NUMBER_SIGN.sub("", spaced).split()
    return _without_repeats(map(_short_form, words))


def _short_form(word: str) -> str:
    """Return a word's short form; a German street's is part of it: Hauptstr."""
    short = _SHORT.get(word, word)
    return f"{short[:-7]}str" if short.endswith("strasse") else short


def _without_repeats(parts: Iterable[str]) -> list[str]:
    """Return parts without any word that was just said: Apt. #3, 上海上海市."""
    kept = [""]
    for part in parts:
        if part != kept[-1] or part.isdigit():
            kept.append(part)
    return kept[1:]
