"""Trying a policy before it counts: what other prices and rules would move."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from ingestion.errors import SettingsError
from ingestion.identifiers import quoted, text_literal
from ingestion.sessions import in_memory
from warehouse.bank import DBT_PROJECT, Bank
from warehouse.build import Built, build, open_candidate
from warehouse.dbt_runs import DbtRuns
from warehouse.editions import DATABASE, Candidate

SEEDS = DBT_PROJECT / "seeds"
_COMPARED = (Path(__file__).with_name("sql") / "policy_preview.sql").read_text("utf-8")


def preview(bank: Bank, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Build a candidate by other policies, compare it, throw it away; a figure a row.

    Each file takes the place of the policy whose name it has; the others are those of
    the project as they stand. Holds the writer's lock; nothing is published.

    Raises:
        SettingsError: There is no edition, or a file is no policy that can be tried.
        GateStopped: A policy breaks a rule of its own, such as two prices on one day.
    """
    as_of = date.fromisoformat(bank.editions.published().as_of)
    names = [_policy_of(file) for file in files]
    with bank.editions.writing():
        if names:
            _hold_sound(bank, files, names, as_of)
        built = build(bank, as_of)
        try:
            if names:
                _replace(bank, built, files, names)
            return _compared(bank, built.candidate)
        finally:
            shutil.rmtree(built.candidate.folder)


def _hold_sound(
    bank: Bank, files: Sequence[Path], names: Sequence[str], as_of: date
) -> None:
    """Put policies to their own rules beside the others, before anything is built."""
    bank.editions.candidates.mkdir(parents=True, exist_ok=True)
    # The next candidate clears away what a killed preview leaves here; a level deeper
    # than a candidate's own file, none takes it for one.
    with TemporaryDirectory(dir=bank.editions.candidates) as folder:
        database = Path(folder) / "policies" / DATABASE
        database.parent.mkdir()
        runs = DbtRuns(bank, database, as_of)
        early = runs.read_before_identity(names)
        if early:
            raise _not_to_be_tried(early)
        runs.seed()
        with open_candidate(bank, database) as connection:
            for file in files:
                _put_in_place(connection, file)
        runs.test_policies(names)


def _replace(
    bank: Bank, built: Built, files: Sequence[Path], names: Sequence[str]
) -> None:
    """Put policies into a candidate and compute anew what goes by them."""
    # A project that was run once is not run again: dbt loses its ephemeral models.
    runs = DbtRuns(bank, built.candidate.database, built.as_of)
    with open_candidate(bank, built.candidate.database) as connection:
        for file in files:
            _put_in_place(connection, file)
    runs.run_after(names)


def _policy_of(file: Path) -> str:
    """Return the policy that a file is of, by its name, and hold its columns."""
    known = {p.stem: p for p in sorted(SEEDS.glob("*.csv"))}
    if file.stem not in known:
        raise SettingsError(
            str(file),
            "is named like no policy",
            expected="one of " + ", ".join(known),
            found=file.stem,
        )
    due, found = _header(known[file.stem]), _header(file)
    if found != due:
        raise SettingsError(
            str(file),
            "has other columns",
            expected=", ".join(due),
            found=", ".join(found),
        )
    return file.stem


def _header(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return next(csv.reader(stream), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(str(file), f"is no CSV in UTF-8: {error}") from None


def _not_to_be_tried(names: Sequence[str]) -> SettingsError:
    return SettingsError(
        ", ".join(names),
        "decides who is who or what the timeline holds, so a file does not do",
        remedy="Edit it in dbt_project/seeds of a copy of the project, and run there: "
        "passbook policy preview",
    )


def _put_in_place(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Replace the rows of a policy's table, in the types that it has."""
    table = f"policy.{quoted(file.stem)}"
    relation = (
        f"read_csv({text_literal(str(file))}, header = true, all_varchar = true, "
        "delim = ',', quote = '\"', escape = '\"', nullstr = '', parallel = false)"
    )
    connection.execute(f"delete from {table}")
    try:
        connection.execute(f"insert into {table} by name select * from {relation}")
    except duckdb.Error as error:
        reason = " ".join(str(error).split("\n\n")[0].split())
        raise SettingsError(str(file), f"cannot be read: {reason}") from None


def _compared(bank: Bank, candidate: Candidate) -> list[dict[str, Any]]:
    before = bank.editions.published_database()
    with in_memory(bank.settings.home / "spill") as connection:
        for name, path in (("before", before), ("after", candidate.database)):
            connection.execute(
                f"attach {text_literal(str(path))} as {name}_edition (read_only)"
            )
        cursor = connection.execute(_COMPARED)
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
