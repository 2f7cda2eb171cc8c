"""Brings identifiers to one normal form, so that equal ones are equal as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

import phonenumbers
from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)
from stdnum import get_cc_module
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

# Soft hyphens, joiners, direction marks and control characters: pasted, never seen.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u2069\ufeff]"
)


def plain_text(raw: str) -> str:
    """Return text in NFKC, without unseen characters and with single plain spaces."""
    return " ".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", raw)).split())


_EXTENSION = re.compile(
    r"[\s,;(]*(?:ext(?:ension|n)?|x|转|轉|分机|分機|#)[\s.:=]*\d{1,7}\)?$",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(r"^(?:tel:)?\s*(\(?\s*)00", re.IGNORECASE)


def normal_phone(raw: str, country: str) -> str | None:
    """Return a number as E.164, None where it is no possible number of any country.

    An extension is dropped: colleagues share the number before it. Other letters make
    it no number; phonenumbers would dial 1-800-FLOWERS and pass over "ask Wang".
    """
    text = _INTERNATIONAL.sub(r"\1+", _EXTENSION.sub("", plain_text(raw)))
    text = text[4:] if text[:4].lower() == "tel:" else text
    if any(map(str.isalpha, text)):
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    shown: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return shown


# Domains under which a provider shows one and the same mailbox, to the one kept here.
_ONE_PROVIDER = {
    "googlemail.com": "gmail.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "pm.me": "proton.me",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
    "yandex.by": "yandex.ru",
    "yandex.kz": "yandex.ru",
    "yandex.ua": "yandex.ru",
}

# Providers whose help pages say that name+anything reaches name. At any other domain
# a plus is a letter like others, and name+a may be another person's mailbox.
_PLUS_TAGS = frozenset([
    "gmail.com", "icloud.com", "proton.me", "yandex.ru", "fastmail.com", "fastmail.fm",
    "outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.es",
    "hotmail.fr", "hotmail.it", "live.com", "live.cn", "live.co.uk", "msn.com",
])  # fmt: skip

# Gmail alone says that dots make no other mailbox and is commonly written with them.
_DOTS_IGNORED = frozenset(["gmail.com"])

_IN_BRACKETS = re.compile(r"([^<>]*)<([^<>]+)>")

# Plain addresses, the many: a subset of what email-validator accepts, ten times as
# fast. Up to 64 characters no part can be too long; a double hyphen may be Punycode.
_PLAIN_MAIL = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,})"
)
_RESERVED = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


def normal_email(raw: str, country: str) -> str | None:
    """Return the mailbox that an address reaches, None where it is not one address.

    The address is in lower case, its domain in ASCII (Punycode). Aliases that a
    provider is known to deliver to one mailbox are brought to one spelling.
    """
    del country
    address = _bare_address(plain_text(raw).lower())
    if not _is_plain(address):
        address = _judged(address)
    return _mailbox(address) if address else None


def _bare_address(text: str) -> str:
    """Return the address of "Name <address>" and of a mailto: link, or the text."""
    shown = _IN_BRACKETS.fullmatch(text)
    if shown:
        name, text = shown[1].strip(" \"'"), shown[2].strip()
        if "@" in name and name != text:
            return ""
    if text.startswith("mailto:"):
        return text.removeprefix("mailto:").partition("?")[0].strip()
    return text


def _is_plain(address: str) -> bool:
    plain = _PLAIN_MAIL.fullmatch(address) if len(address) <= 64 else None
    return plain is not None and plain[1] not in _RESERVED


def _judged(address: str) -> str:
    """Return an address that email-validator accepts with an ASCII domain, or "".

    Its test environment lets the reserved domain .test pass, where made-up banks
    live; .example passes anyhow. No name is looked up.
    """
    try:
        valid = validate_email(
            address, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        return ""
    domain = valid.ascii_domain.lower()
    return f"{valid.local_part}@{domain}" if "." in domain else ""


def _mailbox(address: str) -> str | None:
    name, _, domain = address.rpartition("@")
    domain = _ONE_PROVIDER.get(domain, domain)
    if domain in _PLUS_TAGS:
        name = name.partition("+")[0]
    if domain in _DOTS_IGNORED:
        name = name.replace(".", "")
    return f"{name}@{domain}" if name and not name.endswith(".") else None


# Countries whose number of a person has check digits or a fixed form, with the modules
# of stdnum that judge it; any of them may accept. Left out are countries where the
# module knows just a tax or insurance number, and a bank holds an identity card's
# number instead: AT, DE, FR, GR, RU.
_PERSON_NUMBERS: dict[str, tuple[str, ...]] = {
    "AR": ("dni",),
    "BE": ("nn", "bis"),
    "BG": ("egn", "pnf"),
    "BR": ("cpf",),
    "CA": ("sin",),
    "CH": ("ssn",),
    "CL": ("rut",),
    "CR": ("cpf",),
    "CU": ("ni",),
    "CZ": ("rc",),
    "DK": ("cpr",),
    "DO": ("cedula",),
    "EC": ("ci",),
    "EE": ("ik",),
    "ES": ("dni", "nie"),
    "FI": ("hetu",),
    "HR": ("oib",),
    "ID": ("nik",),
    "IE": ("pps",),
    "IL": ("idnr",),
    "IN": ("aadhaar", "pan"),
    "IS": ("kennitala",),
    "IT": ("codicefiscale",),
    "JP": ("in_",),
    "KR": ("rrn",),
    "LT": ("asmens",),
    "LV": ("pvn",),
    "MU": ("nid",),
    "MX": ("curp",),
    "MY": ("nric",),
    "NL": ("bsn",),
    "NO": ("fodselsnummer",),
    "PE": ("cui",),
    "PK": ("cnic",),
    "PL": ("pesel",),
    "PT": ("cc", "nif"),
    "RO": ("cnp",),
    "SE": ("personnummer",),
    "SI": ("emso",),
    "SK": ("rc",),
    "TH": ("pin",),
    "TR": ("tckimlik",),
    "UA": ("rntrc",),
    "ZA": ("idnr",),
}

_SEPARATORS = re.compile(r"[\W_]+")


def normal_national_id(raw: str, country: str) -> str | None:
    """Return a national id without separators, None where its form is wrong.

    Where the country's ids have check digits or a date of birth, these are right. An
    id of a country that is not known here is returned whatever its form.
    """
    text = _compact(raw)
    if country == "CN":
        return _resident_id(text)
    if country == "US":
        return text if _is_social_security_number(text) else None
    if country in _PERSON_NUMBERS:
        return _person_number(plain_text(raw).upper(), country)
    return text or None


def national_id_as_typed(raw: str) -> str | None:
    """Return an id's letters and digits in upper case, be its check digit right or not.

    A wrong digit is evidence still. Fewer than five characters and one character over
    and over are none.
    """
    text = _compact(raw)
    return text if len(text) >= 5 and len(set(text)) > 1 else None


def _compact(raw: str) -> str:
    return _SEPARATORS.sub("", plain_text(raw)).upper()


def _resident_id(text: str) -> str | None:
    """Return a Chinese resident id of 18 characters, None where it is none.

    Ids of 15 digits, issued until 1999, become what replaced them: the century put
    in and a check digit added (GB 11643-1999).
    """
    if re.fullmatch(r"[0-9]{15}", text):
        longer = f"{text[:6]}19{text[6:]}"
        text = longer + ric.calc_check_digit(f"{longer}0")
    return text if _is_resident_id(text) else None


def _is_resident_id(text: str) -> bool:
    """Whether a text is a Chinese resident id: form, date of birth and check digit.

    The county is not judged: boundaries change, and ids keep the old codes.
    """
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return False
    try:
        ric.get_birth_date(text)
    except ValidationError:
        return False
    return bool(ric.calc_check_digit(text) == text[-1])


def _is_social_security_number(text: str) -> bool:
    """Whether a text has the form of an American number of a person.

    There is no check digit. Areas are not judged: since 2011 they are drawn at
    random, and those from 900 are taxpayers without social security (ITIN).
    """
    return bool(re.fullmatch(r"[0-9]{9}", text)) and len(set(text)) > 1


def _person_number(text: str, country: str) -> str | None:
    for judged in _judges(country):
        try:
            return judged(text)
        except ValidationError:
            continue
    return None


@cache
def _judges(country: str) -> tuple[Callable[[str], str], ...]:
    found = [get_cc_module(country, name) for name in _PERSON_NUMBERS[country]]
    return tuple(module.validate for module in found if module is not None)


NORMALISERS: dict[str, Callable[[str, str], str | None]] = {
    "phone": normal_phone,
    "email": normal_email,
    "national_id": normal_national_id,
}
