"""The settings of Passbook: the only module that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import phonenumbers

from identity.masking import ROLES
from ingestion.errors import SettingsError

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Setting:
    """One setting: its variable, its value, where the value came from, what it is."""

    variable: str
    value: str
    source: str
    meaning: str


_PASSWORD = re.compile("://[^/]*@")
# Addresses whose path is the secret that lets one write there.
_SECRET_PATHS = frozenset({"PASSBOOK_WEBHOOK_URL"})
_PATH = re.compile("(?<=[^:/])/[^/].*")
_MEANINGS = {
    "PASSBOOK_HOME": "Everything the program writes lies under it.",
    "PASSBOOK_EXTRACTS": "Where channels put their nightly extracts.",
    "PASSBOOK_CONTRACTS": "The folder of contracts, one file a channel.",
    "PASSBOOK_ENGINE": "The engine that builds editions; duckdb.",
    "PASSBOOK_TIMEZONE": "The bank's time zone, in which extracts tell the time.",
    "PASSBOOK_COUNTRY": "The bank's country, ISO 3166: how phones, ids, names read.",
    "PASSBOOK_CURRENCY": "The bank's own currency, ISO 4217.",
    "PASSBOOK_KEY_FILE": "The secret that makes card tokens; made with mode 0600.",
    "PASSBOOK_MEMORY": "Memory that DuckDB may use in a build.",
    "PASSBOOK_THREADS": "Threads that DuckDB may use in a build.",
    "PASSBOOK_AIRFLOW_DATABASE": "Where Airflow keeps its metadata; SQLite if empty.",
    "PASSBOOK_ROLE": "Who asks: analyst, to whom values are masked, or steward.",
    "PASSBOOK_KEEP_EDITIONS": "Editions kept for rollback, the current one included.",
    "PASSBOOK_WEBHOOK_URL": "Where a line about each night is posted as JSON.",
    "PASSBOOK_SMTP_URL": "The mail server: smtp[s]://[user:password@]host[:port].",
    "PASSBOOK_MAIL_FROM": "Who sends the line about each night.",
    "PASSBOOK_MAIL_TO": "Who receives it, by commas.",
    "PASSBOOK_LINEAGE": "Where OpenLineage events go: a file, or a collector's URL.",
    "PASSBOOK_LATE_AFTER": "Hours and minutes after which a scheduled night is late.",
    "PASSBOOK_KEEP_DAYS": "Business dates back for which they are kept; at least two.",
}


@dataclass(frozen=True)
class Settings:
    """All settings, checked."""

    home: Path
    extracts: Path
    contracts: Path
    engine: str
    timezone: str
    country: str
    currency: str
    key_file: Path
    memory: str
    threads: int
    airflow_database: str | None
    role: str
    keep_editions: int
    keep_days: int
    webhook_url: str | None
    smtp_url: str | None
    mail_from: str
    mail_to: tuple[str, ...]
    lineage: str
    late_after: timedelta
    sources: tuple[Setting, ...]


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment, this process's where none is given.

    Raises:
        SettingsError: A value cannot be used.
    """
    given = os.environ if environment is None else environment
    home = Path(given.get("PASSBOOK_HOME") or PROJECT / ".passbook").absolute()
    defaults = {
        "PASSBOOK_HOME": str(home),
        "PASSBOOK_EXTRACTS": str(home / "extracts"),
        "PASSBOOK_CONTRACTS": str(PROJECT / "ingestion" / "contracts"),
        "PASSBOOK_ENGINE": "duckdb",
        "PASSBOOK_TIMEZONE": "Asia/Shanghai",
        "PASSBOOK_COUNTRY": "CN",
        "PASSBOOK_CURRENCY": "CNY",
        "PASSBOOK_KEY_FILE": str(home / "secrets" / "card.key"),
        "PASSBOOK_MEMORY": "4GB",
        "PASSBOOK_THREADS": str(os.cpu_count() or 2),
        "PASSBOOK_AIRFLOW_DATABASE": "",
        "PASSBOOK_ROLE": "analyst",
        "PASSBOOK_KEEP_EDITIONS": "7",
        "PASSBOOK_KEEP_DAYS": "90",
        "PASSBOOK_WEBHOOK_URL": "",
        "PASSBOOK_SMTP_URL": "",
        "PASSBOOK_MAIL_FROM": "passbook@localhost",
        "PASSBOOK_MAIL_TO": "",
        "PASSBOOK_LATE_AFTER": "09:00",
        "PASSBOOK_LINEAGE": str(home / "lineage" / "events.jsonl"),
    }
    values = {name: given.get(name) or default for name, default in defaults.items()}
    sources = tuple(
        Setting(
            name,
            _shown(name, value),
            "environment" if given.get(name) else "default",
            _MEANINGS[name],
        )
        for name, value in values.items()
    )
    return Settings(
        home=home,
        extracts=Path(values["PASSBOOK_EXTRACTS"]).absolute(),
        contracts=Path(values["PASSBOOK_CONTRACTS"]).absolute(),
        engine=_one_of("PASSBOOK_ENGINE", values["PASSBOOK_ENGINE"], ("duckdb",)),
        timezone=_zone(values["PASSBOOK_TIMEZONE"]),
        country=_country(values["PASSBOOK_COUNTRY"]),
        currency=values["PASSBOOK_CURRENCY"],
        key_file=Path(values["PASSBOOK_KEY_FILE"]).absolute(),
        memory=_memory(values["PASSBOOK_MEMORY"]),
        threads=_count("PASSBOOK_THREADS", values["PASSBOOK_THREADS"]),
        airflow_database=values["PASSBOOK_AIRFLOW_DATABASE"] or None,
        role=_one_of("PASSBOOK_ROLE", values["PASSBOOK_ROLE"], ROLES),
        keep_editions=_count(
            "PASSBOOK_KEEP_EDITIONS", values["PASSBOOK_KEEP_EDITIONS"]
        ),
        keep_days=_count("PASSBOOK_KEEP_DAYS", values["PASSBOOK_KEEP_DAYS"]),
        webhook_url=_url("PASSBOOK_WEBHOOK_URL", values, ("https", "http")),
        smtp_url=_url("PASSBOOK_SMTP_URL", values, ("smtps", "smtp")),
        mail_from=values["PASSBOOK_MAIL_FROM"],
        mail_to=_receivers(values),
        lineage=values["PASSBOOK_LINEAGE"],
        late_after=_duration("PASSBOOK_LATE_AFTER", values["PASSBOOK_LATE_AFTER"]),
        sources=sources,
    )


def _shown(name: str, value: str) -> str:
    """Return a value without what lets whoever reads it in."""
    shown = _PASSWORD.sub("://***@", value)
    return _PATH.sub("/***", shown) if name in _SECRET_PATHS else shown


def _url(name: str, values: Mapping[str, str], schemes: tuple[str, ...]) -> str | None:
    value = values[name]
    if not value:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            name,
            "is no address",
            expected=f"{schemes[0]}://host",
            found=_shown(name, value),
        )
    return value


def _receivers(values: Mapping[str, str]) -> tuple[str, ...]:
    given = values["PASSBOOK_MAIL_TO"].split(",")
    listed = tuple(address.strip() for address in given if address.strip())
    if values["PASSBOOK_SMTP_URL"] and not listed:
        raise SettingsError(
            "PASSBOOK_MAIL_TO",
            "is empty, and PASSBOOK_SMTP_URL is not",
            expected="addresses, by commas",
        )
    return listed


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsError(
            name, "cannot be used", expected=" or ".join(allowed), found=value
        )
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            "PASSBOOK_TIMEZONE",
            "is no time zone",
            expected="a name such as Europe/Prague",
            found=value,
        ) from None
    return value


def _country(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(
            "PASSBOOK_COUNTRY",
            "is no country",
            expected="two capitals of ISO 3166, such as CZ",
            found=value,
        )
    return value


def _memory(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)?\s*([KMGT]i?B)", value):
        raise SettingsError(
            "PASSBOOK_MEMORY", "is no size", expected="such as 4GB", found=value
        )
    return value


def _duration(name: str, value: str) -> timedelta:
    try:
        read = time.fromisoformat(value)
    except ValueError:
        read = time()
    if read == time() or read.tzinfo is not None:
        raise SettingsError(
            name, "is no duration", expected="HH:MM, such as 09:00", found=value
        )
    return timedelta(hours=read.hour, minutes=read.minute, seconds=read.second)


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise SettingsError(name, "is no count", expected="1 or more", found=value)
    return int(value)
