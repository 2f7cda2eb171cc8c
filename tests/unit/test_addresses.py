"""Addresses written in different ways have the same parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.addresses import NormalAddress, normal_address

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}

CHINESE = {
    "上海市黄浦区南京东路12号3室": "上海 黄浦 南京东路 12号 3室",
    "上海市黄浦区南京东路十二号三室": "上海 黄浦 南京东路 12号 3室",
    "上海黄浦区南京东路12号3室": "上海 黄浦 南京东路 12号 3室",
    "上海市 黄浦区 南京东路 12 号 3 室": "上海 黄浦 南京东路 12号 3室",
    "上海市，黄浦区，南京东路１２号，３室": "上海 黄浦 南京东路 12号 3室",
    "中国上海市黄浦區南京東路12號3室": "上海 黄浦 南京东路 12号 3室",
    "上海市上海市黄浦区": "上海 黄浦",
    "200001 上海市黄浦区": "200001 上海 黄浦",
    "广东省广州市天河区体育西路103号": "广东 广州 天河 体育西路 103号",
    "广州市天河区体育西路103号": "广州 天河 体育西路 103号",
    "廣東省深圳市南山區科技園路1號A座1201": "广东 深圳 南山 科技园路 1号 a座 1201",
    "内蒙古自治区呼和浩特市新城区新华大街5号": "内蒙古 呼和浩特 新城 新华大街 5号",
    "广西壮族自治区南宁市青秀区民族大道": "广西 南宁 青秀 民族大道",
    "江苏省镇江市京口区中山东路18号": "江苏 镇江 京口 中山东路 18号",
    "河北省石家庄市赵县石塔路3号": "河北 石家庄 赵县 石塔路 3号",
    "南京市鼓楼区中央路8号": "南京 鼓楼 中央路 8号",
    "上海市浦东新区世纪大道1000号": "上海 浦东 世纪大道 1000号",
    "北京市海淀区中关村大街27号": "北京 海淀 中关村大街 27号",
    "北京东路20号": "北京东路 20号",
    "沙市区红旗路7号": "沙市 红旗路 7号",
    "杭州市西湖区文三路一百零五号二〇三室": "杭州 西湖 文三路 105号 203室",
    "人民路阳光小区二十栋2单元十层": "人民路 阳光小区 20栋 2单元 10层",
    "黄浦区五里桥街道": "黄浦 五里桥街道",
    "三门县海游镇上坑村": "三门 海游镇 上坑村",
}

SPELT = {
    "387 Wellington Ave.": "387 wellington ave",
    "387 WELLINGTON AVENUE": "387 wellington ave",
    "75 W. Berkshire St.": "75 w berkshire st",
    "75 West Berkshire Street": "75 w berkshire st",
    "12 Main Street, Apartment 3B": "12 main st apt 3b",
    "12 Main St Apt. #3B": "12 main st apt 3b",
    "12 Main St, Unit 3B": "12 main st apt 3b",
    "１２ Ｍａｉｎ Ｓｔ": "12 main st",
    "350 5th Avenue, New York, NY 10118-0110": "350 5th ave new york ny 10118 0110",
    "Suite 5, 1 N.E. Harbour Boulevard": "ste 5 1 ne hbr blvd",
    "P.O. Box 12": "po box 12",
    "Post Office Box 12": "po box 12",
    "No. 12 Nanjing East Road": "12 nanjing e rd",
    "O'Hara Hwy": "ohara hwy",
    "Hauptstraße 5": "hauptstr 5",
    "Hauptstr. 5": "hauptstr 5",
    "Šumavská ulice 12, Praha 2": "sumavska ul 12 praha 2",
}

NONE = [
    "",
    " ",
    "---",
    "，。",
    "unknown",
    "N/A",
    "n/a.",
    "None",
    "无",
    "未知",
    "地址不详",
]


@pytest.mark.parametrize(("raw", "due"), [*CHINESE.items(), *SPELT.items()])
def test_an_address_is_its_parts(raw: str, due: str) -> None:
    tokens = tuple(sorted(set(due.split())))
    assert normal_address(raw, "CN") == NormalAddress(due, tokens)


@pytest.mark.parametrize("raw", NONE)
def test_a_placeholder_is_no_address(raw: str) -> None:
    assert normal_address(raw, "CN") is None


def test_without_its_province_an_address_is_one_part_less() -> None:
    long = normal_address("广东省广州市天河区体育西路103号", "CN")
    short = normal_address("广州市天河区体育西路103号", "CN")
    assert long is not None
    assert short is not None
    assert set(long.tokens) - set(short.tokens) == {"广东"}
    assert set(short.tokens) <= set(long.tokens)


CHINESE_TEXT = st.text("上海市黄浦区南京东路十二号三室村镇县省12A -,", max_size=20)


@given(st.text() | CHINESE_TEXT)
def test_tokens_are_the_sorted_parts_of_any_text(raw: str) -> None:
    address = normal_address(raw, "CN")
    if address is not None:
        assert address.text
        assert list(address.tokens) == sorted(set(address.text.split(" ")))


@given(CHINESE_TEXT | st.text("12 Main St.#,AptNo", max_size=20))
def test_width_of_letters_does_not_matter(raw: str) -> None:
    wide = raw.translate(FULL_WIDTH)
    assert normal_address(raw, "CN") == normal_address(wide, "CN")
