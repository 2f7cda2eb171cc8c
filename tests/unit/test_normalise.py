"""Equal identifiers are equal as text, and what is none is none."""

from __future__ import annotations

import pytest

from identity.normalise import normal_email, normal_national_id, normal_phone

PHONES = {
    ("13800138000", "CN"): "+8613800138000",
    ("138 0013 8000", "CN"): "+8613800138000",
    ("+86-138-0013-8000", "CN"): "+8613800138000",
    ("0086 13800138000", "CN"): "+8613800138000",
    ("１３８００１３８０００", "CN"): "+8613800138000",
    ("010-62345678", "CN"): "+861062345678",
    ("+420 601 123 456", "CN"): "+420601123456",
    ("601 123 456", "CZ"): "+420601123456",
    ("withheld", "CN"): None,
    ("", "CN"): None,
    ("12", "CN"): None,
    ("9" * 40, "CN"): None,
}


@pytest.mark.parametrize(("raw", "due"), PHONES.items())
def test_phones_are_e164(raw: tuple[str, str], due: str | None) -> None:
    assert normal_phone(*raw) == due


MAILS = {
    " Wang@Example.COM ": "wang@example.com",
    "ｗａｎｇ＠example.com": "wang@example.com",
    "a@b": None,
    "a b@c.cn": None,
    "a@b.cn, c@d.cn": None,
    "nobody": None,
    "": None,
}


@pytest.mark.parametrize(("raw", "due"), MAILS.items())
def test_mail_addresses_are_lower_case(raw: str, due: str | None) -> None:
    assert normal_email(raw, "CN") == due


# 11010519491231002X is the example of GB 11643-1999.
IDS = {
    ("11010519491231002X", "CN"): "11010519491231002X",
    ("11010519491231002x", "CN"): "11010519491231002X",
    ("110105 19491231 002X", "CN"): "11010519491231002X",
    ("１１０１０５１９４９１２３１００２Ｘ", "CN"): "11010519491231002X",
    ("110105194912310021", "CN"): None,
    ("11010519491331002X", "CN"): None,
    ("0" * 18, "CN"): None,
    ("", "CN"): None,
    ("ab-123 456", "CZ"): "AB123456",
    (" ", "CZ"): None,
}


@pytest.mark.parametrize(("raw", "due"), IDS.items())
def test_national_ids_have_a_right_checksum(
    raw: tuple[str, str], due: str | None
) -> None:
    assert normal_national_id(*raw) == due
