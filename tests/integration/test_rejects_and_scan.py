"""Rejects can be seen, exported and taken in; no card number stays behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest

from tests.integration.bank_runs import Home

DAY = "2026-03-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("rejects")
    home = Home(root / "home", root / "extracts", root / "key")
    home.must("sample", "--customers", "400", "--days", "1", "--dirt", "heavy")
    for channel in ("atm", "call_center", "core_banking", "email", "online_banking"):
        home.run("land", channel, "--date", DAY)
    return home


def payments(home: Home) -> list[dict[str, str]]:
    answer = home.must("rejects", "online_banking", DAY, "--json", "--limit", "1000")
    return [r for r in json.loads(answer) if r["feed"] == "payments"]


def test_rejects_say_where_and_why(home: Home) -> None:
    found = payments(home)
    assert found
    for reject in found:
        assert reject["source_file"] in {"payments.csv", "payments.2.csv"}
        assert int(reject["source_line"]) > 1
        assert reject["reason_code"]
        assert "raw_sealed" not in reject


def test_an_export_has_each_record_as_it_came(home: Home) -> None:
    home.must("rejects", "online_banking", DAY, "--export")
    path = home.root / "exports" / "rejects" / f"online_banking.payments.{DAY}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(payments(home))
    folder = home.extracts / "online_banking" / DAY
    for row in rows:
        data = (folder / row["source_file"]).read_bytes()
        place = int(row["source_offset"])
        said = row["record"].encode()
        if "�" not in row["record"] and "****" not in row["record"]:
            assert data[place : place + len(said)] == said


def test_no_card_number_is_under_the_home(home: Home) -> None:
    answer = home.must("scan")
    assert "no card number found" in answer
    assert int(answer.split("each of ")[1].split()[0].replace(",", "")) > 100


PLACES = (
    "logs/airflow.log",
    "exports/list.csv",
    "lake/raw/x/y/part.parquet",
    "e/b.duckdb",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_card_number_is_found_wherever_it_is(home: Home, place: str) -> None:
    journal = home.extracts / "atm" / DAY / "journal.dat"
    card = journal.read_bytes().split(b"\n")[0][36:55].decode().strip()
    assert len(card) >= 13
    path = home.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    _plant(path, f"{card[:4]} {card[4:8]}-{card[8:]}")
    done = home.run("scan", "--json")
    path.unlink()
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert {f["file"] for f in found} == {place}
    assert card not in done.stdout
    assert {f["example"] for f in found} == {f"****{card[-4:]}"}


def _plant(path: Path, number: str) -> None:
    if path.suffix == ".parquet":
        duckdb.execute(f"copy (select '{number}' as note) to '{path}' (format parquet)")
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create table t as select '{number}' as note")
    else:
        path.write_text(f"paid with {number} yesterday", encoding="utf-8")
