"""Every setting has a value, a source and a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import SettingsError
from warehouse.settings import load_settings


def test_everything_lies_under_the_home_folder(tmp_path: Path) -> None:
    settings = load_settings({"PASSBOOK_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.extracts == tmp_path / "extracts"
    assert settings.key_file.is_relative_to(tmp_path)
    assert {s.variable: s.source for s in settings.sources}["PASSBOOK_HOME"] == (
        "environment"
    )


def test_a_value_of_the_environment_wins_and_an_empty_one_does_not() -> None:
    settings = load_settings(
        {"PASSBOOK_TIMEZONE": "Europe/Prague", "PASSBOOK_COUNTRY": ""}
    )
    assert settings.timezone == "Europe/Prague"
    assert settings.country == "CN"
    sources = {s.variable: s.source for s in settings.sources}
    assert sources["PASSBOOK_COUNTRY"] == "default"
    assert all(s.meaning for s in settings.sources)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PASSBOOK_TIMEZONE", "Mars/Olympus"),
        ("PASSBOOK_TIMEZONE", "../../etc/passwd"),
        ("PASSBOOK_TIMEZONE", "Europe"),
        ("PASSBOOK_ENGINE", "oracle"),
        ("PASSBOOK_THREADS", "0"),
        ("PASSBOOK_THREADS", "-1"),
        ("PASSBOOK_THREADS", "two"),
        ("PASSBOOK_KEEP_EDITIONS", "0"),
        ("PASSBOOK_KEEP_EDITIONS", "1.5"),
        ("PASSBOOK_LATE_AFTER", "nine"),
        ("PASSBOOK_LATE_AFTER", "00:00"),
        ("PASSBOOK_LATE_AFTER", "09:00+08:00"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        load_settings({variable: value})
