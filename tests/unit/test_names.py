"""Names written in different ways are equal, and what is no name is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nicknames import NickNamer

from identity.names import (
    _FORMAL,
    _MEANT,
    NormalName,
    _is_sure,
    _split_by_hand,
    _split_by_nameparser,
    normal_name,
)

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}

# Full name, family name and given name.
CHINESE = {
    "王小明": ("王小明", "wang", "xiaoming"),
    "王 小明": ("王小明", "wang", "xiaoming"),
    "王\u3000小明": ("王小明", "wang", "xiaoming"),
    "王\u200b小\u00a0明": ("王小明", "wang", "xiaoming"),
    "王小明2": ("王小明", "wang", "xiaoming"),
    "王小明先生": ("王小明", "wang", "xiaoming"),
    "王小明 教授 先生": ("王小明", "wang", "xiaoming"),
    "王小明總經理": ("王小明", "wang", "xiaoming"),
    "王小明（经理）": ("王小明", "wang", "xiaoming"),
    "Mr. 王小明": ("王小明", "wang", "xiaoming"),
    "王小明 Wang Xiaoming": ("王小明", "wang", "xiaoming"),
    "王先生": ("王先生", "wang", "xiansheng"),
    "王": ("王", "wang", ""),
    "陳麗華": ("陈丽华", "chen", "lihua"),
    "鄧麗君": ("邓丽君", "deng", "lijun"),
    "郭乾": ("郭乾", "guo", "qian"),
    "歐陽修": ("欧阳修", "ouyang", "xiu"),
    "欧阳": ("欧阳", "ou", "yang"),
    "诸葛孔明": ("诸葛孔明", "zhuge", "kongming"),
    "长孙无忌": ("长孙无忌", "zhangsun", "wuji"),
    "尉迟恭": ("尉迟恭", "yuchi", "gong"),
    "万俟卨": ("万俟卨", "moqi", "xie"),
    "令狐冲": ("令狐冲", "linghu", "chong"),
    "曾志伟": ("曾志伟", "zeng", "zhiwei"),
    "单田芳": ("单田芳", "shan", "tianfang"),
    "解晓东": ("解晓东", "xie", "xiaodong"),
    "仇英": ("仇英", "qiu", "ying"),
    "区小明": ("区小明", "ou", "xiaoming"),
    "查良镛": ("查良镛", "zha", "liangyong"),
    "朴小明": ("朴小明", "piao", "xiaoming"),
    "任飞": ("任飞", "ren", "fei"),
    "华罗庚": ("华罗庚", "hua", "luogeng"),
    "冼星海": ("冼星海", "xian", "xinghai"),
    "翟明": ("翟明", "zhai", "ming"),
    "乐毅": ("乐毅", "yue", "yi"),
    "吕布": ("吕布", "lv", "bu"),
    "买买提·艾力": ("买买提艾力", "", "maimaitiaili"),
    "買買提・艾力": ("买买提艾力", "", "maimaitiaili"),
    "王·小明": ("王小明", "wang", "xiaoming"),
    "买买提艾力": ("买买提艾力", "", "maimaitiaili"),
}


@pytest.mark.parametrize(("raw", "due"), CHINESE.items())
def test_a_chinese_name_is_simplified_and_read(
    raw: str, due: tuple[str, str, str]
) -> None:
    full, family, given_name = due
    latin = f"{family} {given_name}".strip()
    assert normal_name(raw, "CN") == NormalName(full, family, given_name, latin)


# Text and country to family name and given name.
SPELT = {
    ("Wang Xiaoming", "CN"): ("wang", "xiaoming"),
    ("Xiaoming Wang", "CN"): ("wang", "xiaoming"),
    ("Wang Xiaoming", "US"): ("wang", "xiaoming"),
    ("WANG Xiao Ming", "US"): ("wang", "xiaoming"),
    ("Wang Xiao Ming", "CN"): ("wang", "xiaoming"),
    ("Wang Xiao-Ming", "CN"): ("wang", "xiaoming"),
    ("wang, xiaoming", "US"): ("wang", "xiaoming"),
    ("WANG, XIAO MING", "CN"): ("wang", "xiaoming"),
    ("Xiao Ming WANG", "CN"): ("wang", "xiaoming"),
    ("Wáng Xiǎomíng", "CN"): ("wang", "xiaoming"),
    ("Ｗａｎｇ　Ｘｉａｏｍｉｎｇ", "CN"): ("wang", "xiaoming"),
    ("Mr Wang Xiaoming", "US"): ("wang", "xiaoming"),
    ("Wang Xiaoming, PhD", "US"): ("wang", "xiaoming"),
    ("Wang Ming", "CN"): ("wang", "ming"),
    ("Wang Ming", "US"): ("ming", "wang"),
    ("Jian Ma", "US"): ("ma", "jian"),
    ("Ma Jian", "SG"): ("ma", "jian"),
    ("Ouyang Xiu", "CN"): ("ouyang", "xiu"),
    ("Ou Yang Xiao Ming", "CN"): ("ouyang", "xiaoming"),
    ("Bai Li Xin", "CN"): ("bai", "lixin"),
    ("Zhang Xi'an", "CN"): ("zhang", "xian"),
    ("Lü Bu", "CN"): ("lv", "bu"),
    ("LYU Bu", "US"): ("lv", "bu"),
    ("Nong Xiuhua", "CN"): ("nong", "xiuhua"),
    ("Zeng Zhiwei", "CN"): ("zeng", "zhiwei"),
    ("Tina Ma", "CN"): ("ma", "tina"),
    ("John Smith", "CN"): ("smith", "john"),
    ("SMITH, John", "US"): ("smith", "john"),
    ("Smith, John, Jr.", "US"): ("smith", "john"),
    ("SMITH John", "US"): ("smith", "john"),
    ("Mr. John Smith III", "US"): ("smith", "john"),
    ("John Smith 先生", "CN"): ("smith", "john"),
    ("Mrs. Smith", "US"): ("smith", ""),
    ("John", "US"): ("", "john"),
    ("John Quincy Adams", "US"): ("adams", "john quincy"),
    ("J. R. Smith", "US"): ("smith", "j r"),
    ('John "Jack" Kennedy', "US"): ("kennedy", "john"),
    ("Bob Smith", "US"): ("smith", "robert"),
    ("Bob Lee Smith", "US"): ("smith", "robert lee"),
    ("Liz Taylor", "US"): ("taylor", "elizabeth"),
    ("Bill Smith", "US"): ("smith", "william"),
    ("Mike Smith", "US"): ("smith", "michael"),
    ("Alex Brown", "US"): ("brown", "alex"),
    ("Chris Brown", "US"): ("brown", "chris"),
    ("Peter Brown", "US"): ("brown", "peter"),
    ("Jan Novák", "CZ"): ("novak", "jan"),
    ("Prof. Dr. Hans Müller", "DE"): ("muller", "hans"),
    ("José García", "ES"): ("garcia", "jose"),
    ("Jürgen Groß", "DE"): ("gross", "jurgen"),
    ("Bjørn Đorđe Łuk", "NO"): ("luk", "bjorn dorde"),
    ("O'Brien, Patrick", "IE"): ("obrien", "patrick"),
    ("Patrick O’Brien", "IE"): ("obrien", "patrick"),
    ("Mary Jane Watson-Parker PhD", "US"): ("watson parker", "mary jane"),
    ("Ludwig van der Rohe", "DE"): ("van der rohe", "ludwig"),
    ("van der Rohe, Ludwig", "DE"): ("van der rohe", "ludwig"),
    ("Maria de la Cruz", "ES"): ("de la cruz", "maria"),
    ("Salem bin Laden", "SA"): ("bin laden", "salem"),
    ("Khalid al-Faisal", "SA"): ("al faisal", "khalid"),
}


@pytest.mark.parametrize(("raw", "due"), SPELT.items())
def test_a_name_in_letters_is_split_and_folded(
    raw: tuple[str, str], due: tuple[str, str]
) -> None:
    family, given_name = due
    text = f"{family} {given_name}".strip()
    assert normal_name(*raw) == NormalName(text, family, given_name, text)


NONE = ["", " ", "12345", "...", "-", "unknown", "N/A", "n.a.", "Test", "No Name", "Dr"]
NONE += ["无名", "未知", "测试", "無名", "不详", "先生", "\u200b"]


@pytest.mark.parametrize("raw", NONE)
def test_a_placeholder_is_no_name(raw: str) -> None:
    assert normal_name(raw, "CN") is None


PLAIN = [
    "John Smith",
    "Smith, John",
    "Mary Jane Watson",
    "Garcia Marquez, Gabriel Jose",
]


@pytest.mark.parametrize("raw", PLAIN)
def test_plain_names_are_split_as_by_nameparser(raw: str) -> None:
    split = _split_by_hand(raw)
    assert _is_sure(split)
    assert split == _split_by_nameparser(raw)


def test_every_nickname_with_a_meaning_is_one_of_a_formal_name() -> None:
    assert _MEANT
    for nickname, formal in _MEANT.items():
        assert formal in NickNamer().canonicals_of(nickname)
        assert formal in _FORMAL


NAME_TEXT = st.text("王小明歐陽·先生 WangXiomLü,.-'Dr", max_size=16)


@settings(deadline=None)
@given(st.text() | NAME_TEXT, st.sampled_from(["CN", "US"]))
def test_parts_of_any_name_make_up_its_latin_form(raw: str, country: str) -> None:
    name = normal_name(raw, country)
    if name is not None:
        assert name.full
        assert name.latin == f"{name.family} {name.given}".strip()


@settings(deadline=None)
@given(NAME_TEXT)
def test_width_of_letters_does_not_matter(raw: str) -> None:
    assert normal_name(raw, "CN") == normal_name(raw.translate(FULL_WIDTH), "CN")


@settings(deadline=None)
@given(st.text("王小明歐陽修曾国藩買提", min_size=2, max_size=4))
def test_a_chinese_full_name_stays_as_it_is(raw: str) -> None:
    once = normal_name(raw, "CN")
    assert once is not None
    assert normal_name(once.full, "CN") == once
