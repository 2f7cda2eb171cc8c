"""What an edition says otherwise of the past than the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.identifiers import quoted, text_literal

TABLE = "ops.restatements"
# Of these only months with a changed partition can differ: they are what was landed.
_FACTS = frozenset({"interactions"})
# By which column a table tells when its rows are of, the first that it has.
_TIMES = ("month_start", "business_date")
_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("month_start", pa.date32()),
        ("figure_name", pa.string()),
        ("rows_before", pa.int64()),
        ("rows_after", pa.int64()),
        ("sum_before", pa.decimal128(38, 4)),
        ("sum_after", pa.decimal128(38, 4)),
    ]
)


@dataclass(frozen=True)
class Restatement:
    """One figure of a month that both editions tell, and tell otherwise.

    Of a month in which no sum but the number of rows differs, `figure_name` and the
    sums are None.
    """

    table_name: str
    month_start: date
    figure_name: str | None
    rows_before: int
    rows_after: int
    sum_before: Decimal | None
    sum_after: Decimal | None

    def line(self) -> str:
        """Return the restatement as a line for people."""
        where = f"{self.table_name} {self.month_start:%Y-%m}"
        if self.figure_name is None:
            return f"{where}: {self.rows_before:,} rows are {self.rows_after:,}"
        before, after = self.sum_before or Decimal(), self.sum_after or Decimal()
        return (
            f"{where}: {self.figure_name} {_number(before)} is {_number(after)} "
            f"({_number(after - before, '+')})"
        )


def _number(value: Decimal, sign: str = "") -> str:
    digits = 0 if value == value.to_integral_value() else 2
    return f"{value:{sign},.{digits}f}"


@dataclass(frozen=True)
class _Told:
    """How a mart tells the past: its column of time and the figures that add up."""

    name: str
    time: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class _Month:
    """A month of a mart in one edition; the sums are in order of its figures."""

    rows: int
    sums: tuple[Decimal, ...]


def write_restatements(
    connection: duckdb.DuckDBPyConnection, base: Path | None
) -> list[Restatement]:
    """Write `ops.restatements` into a candidate and return what it holds.

    Compared is every mart by month with the same one of the base's file, as far as the
    base told it: months that were over, days up to its date. Without a base, nothing is
    restated.
    """
    found: list[Restatement] = []
    if base is not None:
        connection.execute(f"attach {text_literal(str(base))} as earlier (read_only)")
        try:
            found = _restatements(connection)
        finally:
            connection.execute("detach earlier")
    rows = pa.Table.from_pylist([asdict(r) for r in found], schema=_SCHEMA)
    connection.register("restated_rows", rows)
    connection.execute(f"create or replace table {TABLE} as from restated_rows")
    connection.unregister("restated_rows")
    return found


def summary(found: Sequence[Restatement]) -> str:
    """Return restatements as one line, that with the largest difference first."""
    if not found:
        return ""
    months = sorted({r.month_start for r in found})
    tables = {r.table_name for r in found}
    largest = max(found, key=_moved)
    span = f"{months[0]:%Y-%m}"
    if len(months) > 1:
        span += f" to {months[-1]:%Y-%m}"
    return (
        f"the past is told otherwise: {len(found):,} figures of {len(tables)} tables, "
        f"{span}; the most: {largest.line()}; all of them: {TABLE}"
    )


def _moved(of: Restatement) -> Decimal:
    return abs((of.sum_after or Decimal()) - (of.sum_before or Decimal()))


def _restatements(connection: duckdb.DuckDBPyConnection) -> list[Restatement]:
    told = connection.execute("select max(as_of_date) from earlier.ops.build")
    (as_of,) = told.fetchone() or (None,)
    if as_of is None:
        return []
    found: list[Restatement] = []
    for mart in _marts(connection):
        before = _by_month(connection, mart, as_of, "earlier.")
        after = _by_month(connection, mart, as_of, "")
        for month in sorted({*before, *after}):
            found += _differences(mart, month, before.get(month), after.get(month))
    return found


def _marts(connection: duckdb.DuckDBPyConnection) -> list[_Told]:
    """Return the marts by time that both editions have, with their common figures."""
    rows = connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'mart' "
        "and (column_name in ('month_start', 'business_date') or ("
        "regexp_matches(column_name, '(^|_)(amount|count)$') "
        "and not starts_with(column_name, 'year_before_'))) "
        "intersect select table_name, column_name from duckdb_columns() "
        "where database_name = 'earlier' and schema_name = 'mart'"
    ).fetchall()
    columns: dict[str, list[str]] = {}
    for table, column in sorted(rows):
        columns.setdefault(table, []).append(column)
    marts = []
    for table, names in columns.items():
        time = next((t for t in _TIMES if t in names), None)
        if time:
            figures = tuple(n for n in names if n not in _TIMES)
            marts.append(_Told(table, time, figures))
    return marts


def _by_month(
    connection: duckdb.DuckDBPyConnection, mart: _Told, as_of: date, catalog: str
) -> dict[date, _Month]:
    """Return rows and sums of each month that the base told to its end, or its date."""
    month = f"cast(date_trunc('month', {mart.time}) as date)"
    sums = ", ".join(
        f"cast(coalesce(sum({quoted(f)}), 0) as decimal(38, 4))" for f in mart.figures
    )
    bound = "date_trunc('month', ?::date)" if mart.time == "month_start" else "?::date"
    comparison = "<" if mart.time == "month_start" else "<="
    where = f"{mart.time} {comparison} {bound}"
    if mart.name in _FACTS:
        where += (
            f" and {month} in (select cast(date_trunc('month', business_date) as date) "
            "from ops.changed_partitions)"
        )
    rows = connection.execute(
        f"select {month}, count(*){', ' + sums if sums else ''} "
        f"from {catalog}mart.{quoted(mart.name)} where {where} group by 1",
        [as_of],
    ).fetchall()
    return {row[0]: _Month(row[1], row[2:]) for row in rows}


def _differences(
    mart: _Told, month: date, before: _Month | None, after: _Month | None
) -> list[Restatement]:
    nothing = _Month(0, (Decimal(),) * len(mart.figures))
    was, now = before or nothing, after or nothing
    moved = [
        (figure, old, new)
        for figure, old, new in zip(mart.figures, was.sums, now.sums, strict=True)
        if old != new
    ]
    where = (f"mart.{mart.name}", month)
    rows = (was.rows, now.rows)
    if not moved and was.rows != now.rows:
        return [Restatement(*where, None, *rows, None, None)]
    return [Restatement(*where, figure, *rows, old, new) for figure, old, new in moved]
