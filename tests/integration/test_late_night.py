"""What comes late or is corrected after its night: taken in, and what moved is told."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.integration.bank_runs import Home, differing_tables

DAYS = ("2026-03-31", "2026-04-01", "2026-04-02")
CORRECTED = ("online_banking", "sessions")


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bank")
    home = Home(root / "unused", root / "extracts", root / "card.key")
    home.must(
        *("sample", "--customers", "120", "--days", "3"),
        *("--start", DAYS[0], "--dirt", "none", "--seed", "4"),
    )
    return root / "extracts"


@pytest.fixture(scope="module")
def straight(extracts: Path) -> Home:
    """A bank whose files all came in time and as they should be."""
    home = Home(extracts.parent / "straight", extracts, extracts.parent / "card.key")
    home.must("night", "--date", DAYS[0])
    home.must("backfill", "--from", DAYS[1], "--to", DAYS[2])
    return home


@pytest.fixture(scope="module")
def crooked(straight: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same bank, half of whose sessions came a night late."""
    root = tmp_path_factory.mktemp("crooked")
    shutil.copytree(straight.extracts, root / "extracts")
    home = Home(root / "home", root / "extracts", straight.key_file)
    folder = root / "extracts" / CORRECTED[0] / DAYS[0]
    whole = {p.name: p.read_bytes() for p in folder.glob(f"{CORRECTED[1]}*")}
    _leave_out_half(folder, CORRECTED[1])
    home.must("night", "--date", DAYS[0])
    for name, content in whole.items():
        (folder / name).write_bytes(content)
    said = json.loads((folder / f"{CORRECTED[1]}.ctl.json").read_text())
    corrected = folder / f"{CORRECTED[1]}.2.ctl.json"
    corrected.write_text(json.dumps({**said, "sequence": 2}))
    (root / "said.txt").write_text(home.must("night", "--date", DAYS[1]))
    home.must("night", "--date", DAYS[2])
    return home


def _leave_out_half(folder: Path, feed: str) -> None:
    """Deliver half of a file, with a control file that vouches for it."""
    data, control = folder / f"{feed}.parquet", folder / f"{feed}.ctl.json"
    table = pq.read_table(data)
    pq.write_table(table.slice(0, table.num_rows // 2), data)
    kept, rows = data.read_bytes(), table.num_rows // 2
    said = json.loads(control.read_text())
    said["files"][0] |= {
        "sha256": hashlib.sha256(kept).hexdigest(),
        "bytes": len(kept),
        "rows": rows,
    }
    said["rows"] = rows
    control.write_text(json.dumps(said))


def test_the_night_after_a_correction_ends_as_if_it_had_come_in_time(
    straight: Home, crooked: Home
) -> None:
    differing = differing_tables(straight, crooked)
    # That one was landed from the second file sent is all that may be seen of it.
    assert set(differing) == {"ops.loaded_partitions"}, differing


def test_what_moved_is_told_by_table_and_month(crooked: Home) -> None:
    said = (crooked.root.parent / "said.txt").read_text()
    assert f"online_banking.sessions {DAYS[0]}: landed" in said
    (line,) = [x for x in said.splitlines() if x.startswith("the past is told")]
    assert "2026-03" in line
    told = json.loads(
        crooked.must(
            "sql",
            "select figure_name, rows_before, rows_after from ops.restatements "
            "where table_name = 'mart.channel_service' "
            "and month_start = date '2026-03-01'",
            "--edition",
            "edition-000002",
            "--json",
        )
    )
    assert "interaction_count" in {row["figure_name"] for row in told}
    status = json.loads(crooked.must("status", "--date", DAYS[1], "--json"))
    assert status["restated"] == line


def test_a_night_without_late_files_restates_nothing(straight: Home) -> None:
    moved = straight.rows(
        "select distinct table_name from ops.restatements "
        "where month_start < date '2026-04-01' and table_name = 'mart.interactions'"
    )
    assert moved == []


def test_a_backfill_says_what_it_would_do_and_goes_on_where_it_was(
    straight: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home", straight.extracts, straight.key_file)
    span = ("--from", DAYS[0], "--to", DAYS[2])
    planned = json.loads(home.must("backfill", *span, "--dry-run", "--json"))
    assert {p["state"] for p in planned} == {"new"}
    assert not (home.root / "lake").exists()
    home.must("land", "atm", "--date", DAYS[0])
    home.must("check", "atm", "--date", DAYS[0])
    again = json.loads(home.must("backfill", *span, "--dry-run", "--json"))
    stands = [p for p in again if p["state"] == "unchanged"]
    assert [p["feed"] for p in stands] == ["atm.transactions"]
    said = home.must("backfill", *span)
    assert f"{DAYS[1]}: landed and checked (2 of 3, about" in said
    assert "as of 2026-04-02" in said
    lines = home.must("backfill", *span, "--dry-run").splitlines()
    assert lines[-1].startswith("0 would be landed")
    assert "nothing changed" in home.must("backfill", *span)
