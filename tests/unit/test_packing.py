"""A candidate that is mostly empty is packed before it is published."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.bank import Bank
from warehouse.build import open_candidate, seal
from warehouse.editions import Candidate
from warehouse.settings import load_settings

ROWS = 400_000


def candidate_of(bank: Bank, kept: int) -> Candidate:
    """Return a candidate that had three tables, of which so many are left."""
    candidate = bank.editions.new_candidate()
    with open_candidate(bank, candidate.database) as connection:
        connection.execute("create schema mart; create schema raw")
        connection.execute("create view raw.v as select 1 as n")
        for number in range(3):
            connection.execute(
                f"create table mart.t{number} as "
                f"select hash(range, {number}) as n from range({ROWS})"
            )
        connection.execute("checkpoint")
        for number in range(kept, 3):
            connection.execute(f"drop table mart.t{number}")
    return candidate


def content(candidate: Candidate) -> tuple[list[tuple[str, ...]], int]:
    with duckdb.connect(str(candidate.database), read_only=True) as connection:
        names = connection.execute(
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall()
        (rows,) = connection.execute(
            "select count(*), sum(n::hugeint) from mart.t0"
        ).fetchall()
    return names, rows


def test_a_file_that_is_mostly_empty_is_packed(tmp_path: Path) -> None:
    bank = Bank(load_settings({"PASSBOOK_HOME": str(tmp_path)}))
    with bank.editions.writing():
        candidate = candidate_of(bank, kept=1)
        loose = candidate.database.stat().st_size
        before = content(candidate)
        seal(bank, candidate)
        assert content(candidate) == before
        assert candidate.database.stat().st_size < loose / 2
        assert sorted(p.name for p in candidate.folder.iterdir()) == [
            "bank.duckdb",
            "base.txt",
        ]
        published = bank.editions.publish(candidate, "2026-03-01", (), 7)
    assert bank.editions.damage(published) is None


def test_a_file_that_is_mostly_full_is_left_as_it_is(tmp_path: Path) -> None:
    bank = Bank(load_settings({"PASSBOOK_HOME": str(tmp_path)}))
    with bank.editions.writing():
        candidate = candidate_of(bank, kept=3)
        inode = candidate.database.stat().st_ino
        seal(bank, candidate)
        assert candidate.database.stat().st_ino == inode
