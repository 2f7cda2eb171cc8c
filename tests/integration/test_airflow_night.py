"""One night of a small bank, run by a real Airflow from nothing to an edition."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PASSBOOK = str(Path(sys.executable).with_name("passbook"))
BUSINESS_DATE = "2026-03-01"
WITHIN_SECONDS = 400


@pytest.mark.airflow
def test_a_night_in_airflow_ends_in_an_edition_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    home, user_home = tmp_path / "passbook", tmp_path / "user"
    user_home.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PASSBOOK_", "AIRFLOW"))
    }
    environment |= {"PASSBOOK_HOME": str(home), "HOME": str(user_home)}

    sample = [PASSBOOK, "sample", "--customers", "200", "--days", "1", "--seed", "7"]
    finished([*sample, "--start", BUSINESS_DATE], environment)
    dates = ["--from", BUSINESS_DATE, "--to", BUSINESS_DATE]
    embedded = [sys.executable, "-m", "dags.embedded", "nights"]
    said = finished([*embedded, *dates], environment)

    assert "1 of 1 nights succeeded" in said
    assert customers(home) > 0
    assert processes_of(home) == []
    assert not (home / "logs" / "alerts.log").exists()
    assert not (user_home / "airflow").exists()


def finished(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command printed, having made sure that it succeeded."""
    ran = subprocess.run(
        command,
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def customers(home: Path) -> int:
    """Return how many customers the current edition has."""
    edition = home / "editions" / "current" / "bank.duckdb"
    with duckdb.connect(str(edition), read_only=True) as connection:
        row = connection.execute("select count(*) from mart.customers").fetchone()
    assert row is not None
    return int(row[0])


def processes_of(home: Path) -> list[str]:
    """Return the command lines of living processes that work in this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PASSBOOK_HOME") == str(home):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
