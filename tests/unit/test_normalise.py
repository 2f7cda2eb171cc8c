"""Equal identifiers are equal as text, and what is none is none."""

from __future__ import annotations

import re

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.normalise import (
    _PERSON_NUMBERS,
    _is_plain,
    _judges,
    national_id_as_typed,
    normal_email,
    normal_national_id,
    normal_phone,
)

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}

PHONES = {
    ("13800138000", "CN"): "+8613800138000",
    ("138 0013 8000", "CN"): "+8613800138000",
    ("+86-138-0013-8000", "CN"): "+8613800138000",
    ("0086 13800138000", "CN"): "+8613800138000",
    ("(0086)13800138000", "CN"): "+8613800138000",
    ("(+86)13800138000", "CN"): "+8613800138000",
    ("（＋８６）13800138000", "CN"): "+8613800138000",
    ("１３８００１３８０００", "CN"): "+8613800138000",
    ("8613800138000", "CN"): "+8613800138000",
    ("\u200b138\u00a00013\u30008000\ufeff", "CN"): "+8613800138000",
    ("tel:+8613800138000", "CN"): "+8613800138000",
    ("TEL:0086-13800138000", "CN"): "+8613800138000",
    ("010-62345678", "CN"): "+861062345678",
    ("010-62345678 ext. 12", "CN"): "+861062345678",
    ("010-62345678 Ext12", "CN"): "+861062345678",
    ("010-62345678 x 12", "CN"): "+861062345678",
    ("010-62345678 转 12", "CN"): "+861062345678",
    ("010-62345678轉12", "CN"): "+861062345678",
    ("010-62345678(分机 8012)", "CN"): "+861062345678",
    ("tel:+86-10-62345678;ext=12", "CN"): "+861062345678",
    ("+86 (0)10 62345678", "CN"): "+861062345678",
    ("+420 601 123 456", "CN"): "+420601123456",
    ("601 123 456", "CZ"): "+420601123456",
    ("367-171-6840", "US"): "+13671716840",
    ("001 202 555 0100", "CN"): "+12025550100",
    ("withheld", "CN"): None,
    ("ask Wang 13800138000", "CN"): None,
    ("13800138000 (home)", "CN"): None,
    ("1-800-FLOWERS", "US"): None,
    ("13800138000, 13900139000", "CN"): None,
    ("", "CN"): None,
    ("转 12", "CN"): None,
    ("12", "CN"): None,
    ("9" * 40, "CN"): None,
}


@pytest.mark.parametrize(("raw", "due"), PHONES.items())
def test_phones_are_e164(raw: tuple[str, str], due: str | None) -> None:
    assert normal_phone(*raw) == due


MAILS = {
    " Wang@Example.COM ": "wang@example.com",
    "ｗａｎｇ＠example.com": "wang@example.com",
    "\u200bwang@example.com\u00a0": "wang@example.com",
    "wang@customers.bank.example": "wang@customers.bank.example",
    "wang@bank.test": "wang@bank.test",
    "Wang <w@x.cn>": "w@x.cn",
    '"Wang, Xiaoming" <W@x.cn>': "w@x.cn",
    "<w@x.cn>": "w@x.cn",
    "w@x.cn <w@x.cn>": "w@x.cn",
    "'w@x.cn' <w@x.cn>": "w@x.cn",
    "mailto:w@x.cn": "w@x.cn",
    "MAILTO:w@x.cn?subject=hello": "w@x.cn",
    "Wang <mailto:w@x.cn>": "w@x.cn",
    "a.b-c_d@x-y.com.cn": "a.b-c_d@x-y.com.cn",
    "o'brien@x.ie": "o'brien@x.ie",
    "w@例子.中国": "w@xn--fsqu00a.xn--fiqs8s",
    "w@XN--FSQU00A.xn--fiqs8s": "w@xn--fsqu00a.xn--fiqs8s",
    "w@bücher.example": "w@xn--bcher-kva.example",
    "王@example.com": "王@example.com",
    "J.Smith@gmail.com": "jsmith@gmail.com",
    "j.smith+bank@googlemail.com": "jsmith@gmail.com",
    "j.smith+bank@outlook.com": "j.smith@outlook.com",
    "j.smith@hotmail.com": "j.smith@hotmail.com",
    "js+a@me.com": "js@icloud.com",
    "js@mac.com": "js@icloud.com",
    "js+a@fastmail.com": "js@fastmail.com",
    "js+a@protonmail.com": "js@proton.me",
    "js+a@ya.ru": "js@yandex.ru",
    "js+a@company.cn": "js+a@company.cn",
    "12345+a@qq.com": "12345+a@qq.com",
    "j.s@163.com": "j.s@163.com",
    "+tag@gmail.com": None,
    "a.+tag@outlook.com": None,
    "a@b": None,
    "w@test": None,
    "w@host.localhost": None,
    "noreply@nowhere.invalid": None,
    "a b@c.cn": None,
    "a..b@c.cn": None,
    ".a@c.cn": None,
    "a@-c.cn": None,
    "a@c.123": None,
    "a@b@c.cn": None,
    "a@b.cn, c@d.cn": None,
    "a@b.cn;c@d.cn": None,
    "a@b.cn, <c@d.cn>": None,
    "a@[10.0.0.1]": None,
    f"{'a' * 250}@b.cn": None,
    "nobody": None,
    "@x.cn": None,
    "": None,
}


@pytest.mark.parametrize(("raw", "due"), MAILS.items())
def test_mail_addresses_are_one_spelling_of_a_mailbox(
    raw: str, due: str | None
) -> None:
    assert normal_email(raw, "CN") == due


# 11010519491231002X is the example of GB 11643-1999. The check digits of the others
# are those of the examples in stdnum's documentation.
IDS = {
    ("11010519491231002X", "CN"): "11010519491231002X",
    ("11010519491231002x", "CN"): "11010519491231002X",
    ("110105 19491231 002X", "CN"): "11010519491231002X",
    ("１１０１０５１９４９１２３１００２Ｘ", "CN"): "11010519491231002X",
    ("110105491231002", "CN"): "11010519491231002X",
    ("110105 491231 002", "CN"): "11010519491231002X",
    ("110105491331002", "CN"): None,
    ("110105194912310021", "CN"): None,
    ("11010519491331002X", "CN"): None,
    ("0" * 18, "CN"): None,
    ("0" * 15, "CN"): None,
    ("", "CN"): None,
    ("710319/2745", "CZ"): "7103192745",
    ("710319 2745", "CZ"): "7103192745",
    ("7103192746", "CZ"): None,
    ("ab-123 456", "CZ"): None,
    (" ", "CZ"): None,
    ("54362315-K", "ES"): "54362315K",
    ("x-2482300w", "ES"): "X2482300W",
    ("54362315-Z", "ES"): None,
    ("880320-0016", "SE"): "880320-0016",
    ("880320-0018", "SE"): None,
    ("211062-5629", "DK"): "2110625629",
    ("131052-308T", "FI"): "131052-308T",
    ("44051401359", "PL"): "44051401359",
    ("44051401358", "PL"): None,
    ("926-93-2157", "US"): "926932157",
    ("536-90-4399", "US"): "536904399",
    ("536-90-439", "US"): None,
    ("000-00-0000", "US"): None,
    ("ab-123 456", "DE"): "AB123456",
    ("ａｂ－123/456", "GB"): "AB123456",
    (" - ", "GB"): None,
}


@pytest.mark.parametrize(("raw", "due"), IDS.items())
def test_national_ids_have_a_right_checksum(
    raw: tuple[str, str], due: str | None
) -> None:
    assert normal_national_id(*raw) == due


TYPED_IDS = {
    "110105 19491231 0021": "110105194912310021",
    "１１０１０５１９４９１２３１００２ｘ": "11010519491231002X",
    "ab-12/3": "AB123",
    "ab-12": None,
    "00000000": None,
    "---": None,
    "": None,
}


@pytest.mark.parametrize(("raw", "due"), TYPED_IDS.items())
def test_a_typed_id_is_kept_with_a_wrong_digit(raw: str, due: str | None) -> None:
    assert national_id_as_typed(raw) == due


def test_every_country_with_person_numbers_has_its_judges() -> None:
    assert _PERSON_NUMBERS
    for country, names in _PERSON_NUMBERS.items():
        assert len(_judges(country)) == len(names), country


# Judges are imported and their tables read when first asked for, which takes a while.
@settings(deadline=None)
@given(st.text())
def test_no_text_makes_a_normaliser_fail(raw: str) -> None:
    normal_phone(raw, "CN")
    normal_email(raw, "CN")
    national_id_as_typed(raw)
    for country in [*_PERSON_NUMBERS, "CN", "US", "GB"]:
        normal_national_id(raw, country)


DIGITS = st.text("0123456789-X /", min_size=5, max_size=20)


@settings(deadline=None)
@given(DIGITS)
def test_a_normal_national_id_stays_as_it_is(raw: str) -> None:
    for country in [*_PERSON_NUMBERS, "CN", "US", "GB"]:
        once = normal_national_id(raw, country)
        assert once is None or normal_national_id(once, country) == once


@given(st.text("0123456789+-() ext.转"), st.sampled_from(["CN", "CZ", "US", "DE"]))
def test_a_normal_phone_stays_as_it_is(raw: str, country: str) -> None:
    once = normal_phone(raw, country)
    assert once is None or normal_phone(once, country) == once


LOCAL = st.text("abzé王0.+-_'", min_size=1, max_size=8)
DOMAINS = st.sampled_from(
    ["gmail.com", "googlemail.com", "outlook.com", "ya.ru", "a--b.cn", "b.test"]
) | st.from_regex(r"[a-z0-9-]{1,8}\.[a-z0-9]{1,5}", fullmatch=True)


@given(st.emails() | st.builds("{}@{}".format, LOCAL, DOMAINS) | st.text())
def test_a_normal_mail_address_stays_as_it_is(raw: str) -> None:
    once = normal_email(raw, "CN")
    assert once is None or normal_email(once, "CN") == once


@given(st.builds("{}@{}".format, LOCAL, DOMAINS))
def test_every_plain_address_is_accepted_by_the_validator(address: str) -> None:
    if _is_plain(address):
        assert re.fullmatch(r"[\x21-\x7e]+", address)
        try:
            validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError as reason:
            pytest.fail(f"{address}: {reason}")


@given(st.text("0123456789+-() x", max_size=16))
def test_width_of_digits_does_not_matter(raw: str) -> None:
    wide = raw.translate(FULL_WIDTH)
    assert normal_phone(raw, "CN") == normal_phone(wide, "CN")
    assert normal_national_id(raw, "CN") == normal_national_id(wide, "CN")
    assert national_id_as_typed(raw) == national_id_as_typed(wide)


@given(st.builds("{}@{}".format, LOCAL, DOMAINS))
def test_width_of_an_address_does_not_matter(raw: str) -> None:
    assert normal_email(raw, "CN") == normal_email(raw.translate(FULL_WIDTH), "CN")
