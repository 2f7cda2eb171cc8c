"""An edition says which figures of the past it tells otherwise than the one before."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from warehouse.restatements import Restatement, summary, write_restatements

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def fill(path: Path, as_of: str, months: str, days: str, changed: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema mart; create schema ops")
        connection.execute(
            f"create table ops.build as select date '{as_of}' as as_of_date"
        )
        connection.execute(
            "create table ops.changed_partitions as "
            f"select unnest([{changed}]::date[]) as business_date"
        )
        connection.execute(
            "create table mart.customer_months as select * from (values "
            f"{months}) as t (customer_key, month_start, fee_amount, call_count)"
        )
        connection.execute(
            "create table mart.interactions as select * from (values "
            f"{days}) as t (interaction_id, business_date, amount)"
        )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.duckdb"
    fill(
        path,
        "2026-02-10",
        "('A', date '2026-01-01', 10.00, 1), ('B', date '2026-01-01', 5.00, 2), "
        "('A', date '2026-02-01', 1.00, 1)",
        "(1, date '2026-01-05', 7.00), (2, date '2026-02-10', 8.00)",
        "",
    )
    return path


def compared(base: Path | None, path: Path) -> list[Restatement]:
    with duckdb.connect(str(path)) as connection:
        found = write_restatements(connection, base)
        rows = connection.execute(
            "select table_name, month_start, figure_name, rows_before, rows_after, "
            "sum_before, sum_after from ops.restatements"
        ).fetchall()
    assert [Restatement(*row) for row in rows] == found
    return found


def test_a_figure_of_a_month_that_was_over_is_told_with_both_sums(
    base: Path, tmp_path: Path
) -> None:
    path = tmp_path / "candidate.duckdb"
    fill(
        path,
        "2026-02-11",
        # B's January is 6.00 now; February was running and may well be other.
        "('A', date '2026-01-01', 10.00, 1), ('B', date '2026-01-01', 6.00, 2), "
        "('A', date '2026-02-01', 9.00, 9)",
        "(1, date '2026-01-05', 7.00), (2, date '2026-02-10', 8.00), "
        "(3, date '2026-01-05', 1.00), (4, date '2026-02-11', 1.00)",
        "date '2026-01-05', date '2026-02-11'",
    )
    assert compared(base, path) == [
        Restatement(
            "mart.customer_months",
            JANUARY,
            "fee_amount",
            2,
            2,
            Decimal("15.0000"),
            Decimal("16.0000"),
        ),
        Restatement(
            "mart.interactions",
            JANUARY,
            "amount",
            1,
            2,
            Decimal("7.0000"),
            Decimal("8.0000"),
        ),
    ]


def test_a_month_that_only_has_other_rows_is_told(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "candidate.duckdb"
    fill(
        path,
        "2026-02-11",
        "('A', date '2026-01-01', 15.00, 3), ('A', date '2026-02-01', 1.00, 1)",
        "(1, date '2026-01-05', 7.00), (2, date '2026-02-10', 8.00)",
        "",
    )
    assert compared(base, path) == [
        Restatement("mart.customer_months", JANUARY, None, 2, 1, None, None)
    ]


def test_a_first_edition_restates_nothing(base: Path) -> None:
    assert compared(None, base) == []


def test_the_line_names_the_largest_difference() -> None:
    small = Restatement(
        "mart.a", JANUARY, "fee_amount", 1, 1, Decimal("1"), Decimal("2")
    )
    large = Restatement(
        "mart.b", FEBRUARY, "amount", 1, 1, Decimal("1000.5000"), Decimal("0")
    )
    assert summary([small, large]) == (
        "the past is told otherwise: 2 figures of 2 tables, 2026-01 to 2026-02; the "
        "most: mart.b 2026-02: amount 1,000.50 is 0 (-1,000.50); all of them: "
        "ops.restatements"
    )
    rows = Restatement("mart.a", JANUARY, None, 3, 1, None, None)
    assert rows.line() == "mart.a 2026-01: 3 rows are 1"
    assert summary([]) == ""
