"""A bank with a past that a benchmark gives it, and the night after it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from benchmarks._sample_nights import (
    land_sample,
    model_seconds,
    open_bank,
    run_until_identity,
)
from identity.resolve import resolve, write_relationships
from ingestion.sample import SampleSpec
from warehouse.build import open_candidate, seal
from warehouse.dbt_runs import DbtRuns

LAST, NIGHT = date(2026, 2, 27), date(2026, 2, 28)


@dataclass(frozen=True)
class Past:
    """What a day brought, again every so many days, a part of it each time."""

    every_days: int
    times: int
    kept_of_ten: int


@dataclass(frozen=True)
class Run:
    """How long the models after the identity step took, and each of them, in seconds.

    `read` has of each model those of them that it read.
    """

    seconds: float
    models: dict[str, float]
    read: dict[str, list[str]]


def land(root: Path, customers: int, landed_days: int = 2) -> None:
    """Make a clean bank of two days and land both, or the first one only."""
    spec = SampleSpec(customers=customers, days=2, start=LAST, dirt="none", seed=3)
    land_sample(open_bank(root), spec, root, spec.business_dates[:landed_days])


def publish_history(root: Path, past: Past) -> tuple[Run, int]:
    """Publish an edition as of the first day with a past before it.

    Returns the time of its models, all of them computed from the first row on, and how
    many interactions there are.
    """
    bank = open_bank(root)
    candidate = bank.editions.new_candidate(from_base=False)
    run_until_identity(bank, candidate.database, LAST)
    with open_candidate(bank, candidate.database) as connection:
        _remember(connection, past)
        count = connection.execute("select count(*) from mart.interactions").fetchall()
        resolve(connection, LAST, bank.keys.token, bank.identity_rules)
        write_relationships(connection)
    # Parsed anew: a project that was run once loses its ephemeral models.
    run = timed_run(DbtRuns(bank, candidate.database, LAST))
    seal(bank, candidate)
    bank.editions.publish(candidate, LAST.isoformat(), (), bank.settings.keep_editions)
    return run, int(count[0][0])


def _remember(connection: duckdb.DuckDBPyConnection, past: Past) -> None:
    """Write what the day brought, again and again, into the time before it."""
    connection.execute(
        "create temp table shifts as select (number * ?)::integer as days, number "
        "from range(1, ? + 1) as numbers(number)",
        [past.every_days, past.times],
    )
    connection.execute(
        "insert into mart.interactions select interactions.* replace ("
        "interaction_id || '-' || number as interaction_id, "
        "(business_date - days)::date as business_date, "
        "occurred_at - to_days(days) as occurred_at) "
        "from mart.interactions, shifts "
        f"where hash(record_id, number) % 10 < {past.kept_of_ten} "
        "order by business_date, record_id"
    )
    # A quarter of the accounts has another balance each time; all had one a year ago.
    connection.execute(
        "insert into intermediate.int_account_balances select balances.* replace ("
        "(business_date - days)::date as business_date, "
        "(balance_amount * (0.5 + hash(account_id, number) % 1000 / 1000.0)) "
        "::decimal(18, 2) as balance_amount) "
        "from intermediate.int_account_balances as balances, shifts "
        "where hash(account_id, number, 1) % 4 = 0 or number = ? "
        "order by business_date, account_id",
        [past.times],
    )


def timed_run(runs: DbtRuns) -> Run:
    """Run the models after the identity step."""
    before = len(runs.built)
    started = time.perf_counter()
    runs.run("after_identity")
    seconds = time.perf_counter() - started
    built = runs.built[before:]
    names = {model.table: model.name for model in built}
    read = {m.name: [names[t] for t in m.read if t in names] for m in built}
    return Run(seconds, model_seconds(built), read)


def night(root: Path) -> tuple[Run, int]:
    """Bring a candidate forward by the night's changes; return the time, its bytes."""
    bank = open_bank(root)
    candidate = bank.editions.new_candidate()
    runs = run_until_identity(bank, candidate.database, NIGHT)
    with open_candidate(bank, candidate.database) as connection:
        resolve(connection, NIGHT, bank.keys.token, bank.identity_rules)
        write_relationships(connection)
    return timed_run(runs), candidate.database.stat().st_size
