"""Brings identifiers to one normal form, so that equal ones are equal as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import phonenumbers
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

_SPACES = re.compile(r"\s+")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def normal_phone(raw: str, country: str) -> str | None:
    """Return a number as E.164, None where it is no possible number of any country."""
    text = unicodedata.normalize("NFKC", raw).strip()
    if text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    shown: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return shown


def normal_email(raw: str, country: str) -> str | None:
    """Return a mail address in lower case, None where it is not one address."""
    del country
    text = unicodedata.normalize("NFKC", raw).strip().lower()
    return text if _MAIL.fullmatch(text) else None


def normal_national_id(raw: str, country: str) -> str | None:
    """Return a national id without separators; for China only with a right checksum."""
    text = _SPACES.sub("", unicodedata.normalize("NFKC", raw)).replace("-", "").upper()
    if country == "CN":
        return text if _is_resident_id(text) else None
    return text or None


def _is_resident_id(text: str) -> bool:
    """Whether a text is a Chinese resident id: form, date of birth and check digit.

    The county is not judged: boundaries change, and ids keep the old codes.
    """
    if not re.fullmatch(r"\d{17}[\dX]", text):
        return False
    try:
        ric.get_birth_date(text)
    except ValidationError:
        return False
    return bool(ric.calc_check_digit(text) == text[-1])


NORMALISERS: dict[str, Callable[[str, str], str | None]] = {
    "phone": normal_phone,
    "email": normal_email,
    "national_id": normal_national_id,
}
