"""What one edition says otherwise than another: rows, sums, and the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from ingestion.errors import SettingsError
from ingestion.identifiers import quoted, text_literal
from ingestion.sessions import in_memory
from warehouse.bank import Bank
from warehouse.editions import DATABASE

_SCHEMAS = "('mart', 'identity', 'policy')"
# Both editions open at once, read-only.
_EDITIONS = ("before", "after")


@dataclass(frozen=True)
class TableDifference:
    """How a table differs between two editions.

    `rows_gone` and `rows_new` are those that only one of both has. A row count is None
    where an edition has no such table. `figure` is the sum that moved most against what
    it was, None where none did.
    """

    table: str
    rows_before: int | None
    rows_after: int | None
    rows_gone: int
    rows_new: int
    figure: str | None = None
    sum_before: Decimal | None = None
    sum_after: Decimal | None = None


def differences(bank: Bank, before: str, after: str) -> list[TableDifference]:
    """Return the tables in which two editions differ, in order of name.

    Raises:
        SettingsError: An edition is not there.
    """
    with _both(bank, before, after) as connection:
        columns = _columns(connection)
        found = [_difference(connection, name, columns[name]) for name in columns]
    return [d for d in found if d is not None]


def changed_rows(
    bank: Bank, before: str, after: str, table: str, limit: int
) -> list[dict[str, Any]]:
    """Return rows of a table that only one of two editions has, like beside like.

    Raises:
        SettingsError: An edition is not there, or not both have the table.
    """
    with _both(bank, before, after) as connection:
        columns = _columns(connection)
        shared = [name for name, both in columns.items() if len(both) == len(_EDITIONS)]
        if table not in shared:
            raise SettingsError(
                "--table",
                "is no table of both editions",
                expected="one of " + ", ".join(shared),
                found=table,
            )
        gone, new = _only(table, _common(columns[table]))
        cursor = connection.execute(
            f"select * from (select 'before' as edition, * from ({gone}) "
            f"union all select 'after', * from ({new})) as differing "
            "order by columns(* exclude (edition)), edition desc limit ?",
            [limit],
        )
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def _both(bank: Bank, before: str, after: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with in_memory(bank.settings.home / "spill") as connection:
        for name, edition_id in zip(_EDITIONS, (before, after), strict=True):
            edition = bank.editions.named(edition_id)
            path = text_literal(str(bank.editions.folder(edition.id) / DATABASE))
            connection.execute(f"attach {path} as {name} (read_only)")
        yield connection


def _columns(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, dict[str, dict[str, str]]]:
    """Return the type of each column by table, edition and name."""
    rows = connection.execute(
        "select schema_name || '.' || table_name, database_name, column_name, "
        f"data_type from duckdb_columns() where schema_name in {_SCHEMAS} "
        "and database_name in ('before', 'after') order by 1, 2, column_index"
    ).fetchall()
    found: dict[str, dict[str, dict[str, str]]] = {}
    for table, edition, column, kind in rows:
        found.setdefault(table, {}).setdefault(edition, {})[column] = kind
    return found


def _common(by_edition: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the columns of a table that both editions have."""
    other = by_edition["after"]
    return {c: kind for c, kind in by_edition["before"].items() if c in other}


def _only(table: str, columns: dict[str, str]) -> tuple[str, str]:
    """Return the queries of the rows that just the one and just the other has."""
    listed = ", ".join(map(quoted, columns))
    one, other = (f"select {listed} from {name}.{table}" for name in _EDITIONS)
    return f"{one} except all {other}", f"{other} except all {one}"


def _difference(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    by_edition: dict[str, dict[str, str]],
) -> TableDifference | None:
    counts = {name: _one(connection, "count(*)", name, table) for name in by_edition}
    if len(counts) < len(_EDITIONS):
        before, after = counts.get("before"), counts.get("after")
        return TableDifference(table, before, after, before or 0, after or 0)
    columns = _common(by_edition)
    # Hashes of rows add up to the same in any order: most tables need no more.
    rows = f"sum(hash({', '.join(map(quoted, columns))})::hugeint)"
    prints = {_one(connection, rows, name, table) for name in _EDITIONS}
    if len(prints) == 1 and by_edition["before"] == by_edition["after"]:
        return None
    gone, new = (
        connection.execute(f"select count(*) from ({query})").fetchall()[0][0]
        for query in _only(table, columns)
    )
    moved = _most_moved(connection, table, columns)
    return TableDifference(table, counts["before"], counts["after"], gone, new, *moved)


def _one(
    connection: duckdb.DuckDBPyConnection, expression: str, edition: str, table: str
) -> Any:
    query = f"select {expression} from {edition}.{table}"
    return connection.execute(query).fetchall()[0][0]


def _most_moved(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]
) -> tuple[str, Decimal, Decimal] | tuple[()]:
    """Return the sum that moved most in proportion, with what it was and is."""
    figures = [c for c, kind in columns.items() if _adds_up(c, kind)]
    if not figures:
        return ()
    sums = ", ".join(
        f"cast(coalesce(sum({quoted(f)}), 0) as decimal(38, 2))" for f in figures
    )
    before, after = (
        connection.execute(f"select {sums} from {name}.{table}").fetchall()[0]
        for name in _EDITIONS
    )
    moved = [m for m in zip(figures, before, after, strict=True) if m[1] != m[2]]
    if not moved:
        return ()
    return max(moved, key=lambda m: abs(m[2] - m[1]) / (abs(m[1]) + 1))


def _adds_up(column: str, kind: str) -> bool:
    name = column.removeprefix("year_before_")
    is_figure = name == column and name.endswith(("amount", "count"))
    return is_figure and kind.startswith(("DECIMAL", "BIGINT", "HUGEINT", "INTEGER"))
