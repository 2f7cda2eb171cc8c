"""What dbt parsed is taken up again, whatever the candidate; a damaged file is not."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from benchmarks._sample_nights import open_bank
from tests.integration.conftest import PARSED
from warehouse.dbt_runs import DbtRuns

ANEW = "Unable to do partial parsing"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that parses for itself."""
    monkeypatch.delenv(PARSED)
    return tmp_path


@pytest.fixture
def target(home: Path) -> Path:
    """Where the data folder keeps what dbt parsed."""
    target = home / "dbt" / "target"
    target.mkdir(parents=True)
    return target


def told_of_parsing(home: Path, candidate: str, as_of: date) -> str:
    """Parse for a candidate; return what dbt has to say of it."""
    log = home / "dbt" / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    runs = DbtRuns(open_bank(home), home / candidate / "bank.duckdb", as_of)
    runs.write_metrics(home / "metrics.json")
    assert (home / "metrics.json").stat().st_size > 1000
    assert not list(home.rglob("bank.duckdb"))
    return log.read_text(encoding="utf-8")


def test_the_next_candidate_takes_up_what_was_parsed(
    home: Path, target: Path, parsed_project: Path
) -> None:
    shutil.copy(parsed_project, target)
    assert ANEW not in told_of_parsing(home, "edition-000002", date(2026, 3, 2))


def test_a_damaged_file_of_what_was_parsed_is_parsed_anew(
    home: Path, target: Path, parsed_project: Path
) -> None:
    whole = parsed_project.read_bytes()
    (target / parsed_project.name).write_bytes(whole[: len(whole) // 2])
    told_of_parsing(home, "edition-000002", date(2026, 3, 2))
    assert (target / parsed_project.name).stat().st_size > 0.9 * len(whole)
    assert ANEW not in told_of_parsing(home, "edition-000003", date(2026, 3, 3))
