"""Brings a candidate forward: what changed in the lake, through dbt and identity."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from identity.dictionary import extend_dictionary
from identity.model import Rules
from identity.resolve import KEPT_TABLES, Resolved, resolve, write_relationships
from ingestion.contract import Feed
from ingestion.errors import BuildFailed, NotReady, PassbookError
from ingestion.identifiers import quoted, text_literal
from warehouse.attrition_model import AttritionModel
from warehouse.bank import Bank
from warehouse.dbt_runs import DbtRuns
from warehouse.editions import DATABASE, METRICS, Candidate, Edition
from warehouse.lineage import tell_models
from warehouse.restatements import Restatement, write_restatements
from warehouse.stations import check_of

# Reading one feed as it stood on the day of another: a changed partition of the first
# changes every later partition of the second.
READ_AS_OF = {"core_banking.standing_orders": "online_banking.payments"}
# Feeds of which just the changes from day to day are kept: where a day changes, all
# later ones are held against it anew.
KEPT_AS_CHANGES = ("core_banking.balances", "core_banking.employees")
# Schemas of a candidate that hold views on the lake; a published edition has none.
WORKING_SCHEMAS = ("staging", "raw")


@dataclass(frozen=True, order=True)
class Partition:
    """One landed partition, by what it was landed from."""

    channel: str
    feed: str
    business_date: date
    fingerprint: str
    landed_rows: int

    @property
    def feed_id(self) -> str:
        """`channel.feed`."""
        return f"{self.channel}.{self.feed}"


@dataclass(frozen=True)
class Built:
    """A candidate that is built, closed and not yet judged."""

    candidate: Candidate
    as_of: date
    changed: int
    missing: tuple[str, ...]
    resolved: Resolved
    restated: tuple[Restatement, ...]
    runs: DbtRuns
    seconds: float


def believable_partitions(bank: Bank, as_of: date) -> list[Partition]:
    """Return every landed partition up to a date whose check did not stop it."""
    found = []
    for standing in bank.lake.all_standing():
        if not _is_believed(bank, standing):
            continue
        channel, feed = str(standing["channel"]), str(standing["feed"])
        for day, rows in standing["partitions"].items():
            partition = Partition(
                channel, feed, date.fromisoformat(day), standing["fingerprint"], rows
            )
            if partition.business_date <= as_of:
                found.append(partition)
    return sorted(found)


def _is_believed(bank: Bank, standing: dict[str, Any]) -> bool:
    """Whether a landing is of a feed of the contracts and passed its check."""
    contract = bank.contracts.get(standing["channel"])
    feeds = contract.feeds if contract else ()
    feed = next((f for f in feeds if f.name == standing["feed"]), None)
    checked = check_of(bank, feed, standing) if feed else None
    return checked is not None and checked.verdict in {"pass", "warn"}


def unchanged_edition(bank: Bank, business_date: date) -> Edition | None:
    """Return the current edition where building it again would give the same."""
    current = bank.editions.current()
    if current is None or date.fromisoformat(current.as_of) < business_date:
        return None
    if _code_of(bank, current.id) != bank.code_version:
        return None
    path = bank.editions.folder(current.id) / DATABASE
    with duckdb.connect(str(path), read_only=True) as connection:
        loaded = _loaded(connection)
        rules = connection.execute(
            "select identity_rules, attrition_model from ops.build"
        ).fetchall()
    forecast = bank.attrition_model
    if rules != [(bank.identity_rules.version, forecast and forecast.version)]:
        return None
    partitions = believable_partitions(bank, date.fromisoformat(current.as_of))
    return current if loaded == set(partitions) else None


def build(bank: Bank, business_date: date, rules: Rules | None = None) -> Built:
    """Return a candidate brought forward to a date and to all that changed since.

    The caller holds the writer's lock. An edition never goes back: where the current
    one is later than `business_date`, the candidate stands at the current one's date.
    `rules` say who is who where they are not the bank's own.

    Raises:
        BuildFailed: A model or the identity step failed. `current` is as it was.
    """
    started = time.monotonic()
    rules = rules or bank.identity_rules
    current = bank.editions.current()
    as_of = business_date
    if current:
        as_of = max(as_of, date.fromisoformat(current.as_of))
    same_code = current is not None and _code_of(bank, current.id) == bank.code_version
    candidate = bank.editions.new_candidate(from_base=same_code)
    if current and not same_code:
        _carry_keys(bank, current.id, candidate)
    partitions = believable_partitions(bank, as_of)
    with open_candidate(bank, candidate.database) as connection:
        changed = _prepare(bank, connection, partitions, as_of, rules)
    runs = DbtRuns(bank, candidate.database, as_of)
    # The base has the policies of the same code.
    if not same_code:
        runs.seed()
    runs.run("before_identity")
    with open_candidate(bank, candidate.database) as connection:
        resolved = resolve(connection, as_of, bank.keys.token, rules)
        write_relationships(connection)
    runs.run("after_identity")
    base = bank.editions.folder(current.id) / DATABASE if current else None
    with open_candidate(bank, candidate.database) as connection:
        restated = write_restatements(connection, base)
    tell_models(bank, runs.built, as_of.isoformat())
    runs.write_metrics(candidate.folder / METRICS)
    return Built(
        candidate,
        as_of,
        changed,
        missing_feeds_of(bank, partitions, as_of),
        resolved,
        tuple(restated),
        runs,
        round(time.monotonic() - started, 3),
    )


@contextmanager
def open_candidate(bank: Bank, database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a candidate for writing, with the memory and the threads of the settings."""
    # The same as in profiles.yml: one process may not open a file in two ways.
    with duckdb.connect(
        str(database), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        # A candidate is written out once, at the end; before, nothing rests on it.
        connection.execute("set checkpoint_threshold = '2GB'")
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set memory_limit = {text_literal(bank.settings.memory)}")
        connection.execute(f"set threads = {bank.settings.threads}")
        yield connection


def _code_of(bank: Bank, edition_id: str) -> str | None:
    path = bank.editions.folder(edition_id) / DATABASE
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("select code_version from ops.build").fetchall()
    return str(rows[0][0]) if rows else None


def _carry_keys(bank: Bank, edition_id: str, candidate: Candidate) -> None:
    """Take the keys of the current edition into a candidate that starts empty."""
    base = text_literal(str(bank.editions.folder(edition_id) / DATABASE))
    with open_candidate(bank, candidate.database) as connection:
        connection.execute(f"attach {base} as earlier (read_only)")
        connection.execute("create schema identity")
        for name in KEPT_TABLES:
            connection.execute(
                f"create table identity.{name} as from earlier.identity.{name}"
            )
        _fill_keys(connection)
        connection.execute("detach earlier")


def _fill_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring records of a time when they were kept without their key up to date."""
    connection.execute(
        "alter table identity.records add column if not exists customer_key varchar"
    )
    connection.execute(
        "update identity.records set customer_key = held.customer_key "
        "from identity.record_keys as held where records.customer_key is null "
        "and records.record_id = held.record_id and held.valid_to is null"
    )


def _prepare(
    bank: Bank,
    connection: duckdb.DuckDBPyConnection,
    partitions: list[Partition],
    as_of: date,
    rules: Rules,
) -> int:
    """Write what the models read beside the lake; count the changed partitions."""
    for schema in ("ops", "identity", *reversed(WORKING_SCHEMAS)):
        connection.execute(f"create schema if not exists {schema}")
    changed = _changed(connection, partitions)
    base_as_of = _base_as_of(connection)
    forecast = bank.attrition_model
    _write_partitions(connection, "loaded_partitions", partitions)
    _write_partitions(connection, "changed_partitions", changed)
    connection.execute(
        "create or replace table ops.build as select "
        "? as code_version, cast(? as date) as as_of_date, "
        "cast(? as date) as base_as_of_date, ? as timezone, "
        "? as currency_code, ? as identity_rules, "
        "cast(? as varchar) as attrition_model",
        [
            bank.code_version,
            as_of,
            base_as_of,
            bank.settings.timezone,
            bank.settings.currency,
            rules.version,
            forecast and forecast.version,
        ],
    )
    _write_forecast(connection, forecast)
    _write_outcomes(bank, connection)
    _write_rejects(bank, connection, as_of)
    for contract in bank.shipped.values():
        for feed in contract.feeds:
            _write_raw_view(bank, connection, feed, partitions, changed)
    _normalise(bank, connection)
    return len(changed)


def _write_forecast(
    connection: duckdb.DuckDBPyConnection, forecast: AttritionModel | None
) -> None:
    """Write the attrition model, one row a feature, and its terms; none, no row."""
    connection.execute(
        "create or replace table ops.attrition_model (feature_code varchar, "
        "mean_value double, scale_value double, coefficient double)"
    )
    connection.execute(
        "create or replace table ops.attrition_terms (model_version varchar, "
        "intercept double, alarm_probability double, horizon_months integer)"
    )
    if forecast is None:
        return
    connection.executemany(
        "insert into ops.attrition_model values (?, ?, ?, ?)",
        [list(asdict(f).values()) for f in forecast.features],
    )
    connection.execute(
        "insert into ops.attrition_terms values (?, ?, ?, ?)",
        [
            forecast.version,
            forecast.intercept,
            forecast.alarm_probability,
            forecast.horizon_months,
        ],
    )


def _changed(
    connection: duckdb.DuckDBPyConnection, partitions: list[Partition]
) -> list[Partition]:
    """Return the partitions that differ from the base's, removed ones included."""
    connection.execute(
        "create table if not exists ops.loaded_partitions (channel varchar, "
        "feed varchar, business_date date, fingerprint varchar, landed_rows bigint)"
    )
    before = _loaded(connection)
    now = set(partitions)
    here = {(p.channel, p.feed, p.business_date) for p in partitions}
    gone = {p for p in before if (p.channel, p.feed, p.business_date) not in here}
    changed = (now - before) | gone
    followed = {**READ_AS_OF, **{feed: feed for feed in KEPT_AS_CHANGES}}
    for feed, follower in followed.items():
        days = [p.business_date for p in changed if p.feed_id == feed]
        if days:
            changed |= {
                p
                for p in partitions
                if p.feed_id == follower and p.business_date >= min(days)
            }
    return sorted(changed)


def _base_as_of(connection: duckdb.DuckDBPyConnection) -> date | None:
    """Return the date that the candidate's base stands at; none, it has no base."""
    connection.execute("create table if not exists ops.build (as_of_date date)")
    row = connection.execute("select max(as_of_date) from ops.build").fetchone()
    found: date | None = row[0] if row else None
    return found


def _loaded(connection: duckdb.DuckDBPyConnection) -> set[Partition]:
    rows = connection.execute(
        "select channel, feed, business_date, fingerprint, landed_rows "
        "from ops.loaded_partitions"
    ).fetchall()
    return {Partition(*row) for row in rows}


def _write_partitions(
    connection: duckdb.DuckDBPyConnection, table: str, partitions: list[Partition]
) -> None:
    schema = pa.schema(
        [
            ("channel", pa.string()),
            ("feed", pa.string()),
            ("business_date", pa.date32()),
            ("fingerprint", pa.string()),
            ("landed_rows", pa.int64()),
        ]
    )
    _replace_table(
        connection,
        f"ops.{table}",
        pa.Table.from_pylist([asdict(p) for p in partitions], schema=schema),
    )


def _replace_table(
    connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table
) -> None:
    connection.register("incoming_rows", table)
    connection.execute(f"create or replace table {name} as from incoming_rows")
    connection.unregister("incoming_rows")


def _write_outcomes(bank: Bank, connection: duckdb.DuckDBPyConnection) -> None:
    columns = {
        "step": pa.string(),
        "subject": pa.string(),
        "business_date": pa.string(),
        "verdict": pa.string(),
        "message": pa.string(),
        "rows_in": pa.int64(),
        "rows_out": pa.int64(),
        "rejected": pa.int64(),
        "seconds": pa.float64(),
        "fingerprint": pa.string(),
        "code_version": pa.string(),
        "finished_at": pa.string(),
    }
    rows = [{k: getattr(o, k) for k in columns} for o in bank.ledger.all()]
    schema = pa.schema(list(columns.items()))
    _replace_table(
        connection, "ops.outcomes", pa.Table.from_pylist(rows, schema=schema)
    )


def _write_rejects(
    bank: Bank, connection: duckdb.DuckDBPyConnection, as_of: date
) -> None:
    connection.execute(
        "create or replace table ops.rejects (channel varchar, feed varchar, "
        "business_date date, source_file varchar, source_line bigint, "
        "column_name varchar, reason_code varchar, expected varchar, found varchar)"
    )
    for contract in bank.contracts.values():
        for feed in contract.feeds:
            for path in sorted(bank.lake.reject_folder(feed).glob("*.parquet")):
                day = None if path.stem == "history" else date.fromisoformat(path.stem)
                if day is not None and day > as_of:
                    continue
                connection.execute(
                    "insert into ops.rejects select ?, ?, ?, source_file, source_line, "
                    "column_name, reason_code, expected, found from read_parquet(?)",
                    [feed.channel, feed.name, day, str(path)],
                )


def _write_raw_view(
    bank: Bank,
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    partitions: list[Partition],
    changed: list[Partition],
) -> None:
    """Make `raw.<channel>__<feed>`: the columns of the shipped contract, typed.

    A feed of events shows its changed partitions, and so does one of which changes are
    kept; another snapshot its latest one. A column that the bank's own contract has not
    is null.
    """
    mine = [p for p in partitions if p.feed_id == feed.id]
    chosen = _chosen(feed, mine, changed)
    present = _present_columns(bank, feed)
    columns = [
        f"cast({quoted(c.name) if c.name in present else 'null'} as {c.sql_type}) "
        f"as {quoted(c.name)}"
        for c in feed.columns
    ]
    columns += [
        "cast(business_date as date) as business_date",
        "cast(source_file as varchar) as source_file",
        "cast(source_line as bigint) as source_line",
    ]
    _hold_undamaged(bank, feed, chosen)
    relation = _parquet_relation(bank, feed, chosen) if chosen else _EMPTY
    if not chosen:
        columns = [
            f"cast(null as {c.sql_type}) as {quoted(c.name)}" for c in feed.columns
        ] + columns[-3:]
    connection.execute(
        f"create or replace view raw.{quoted(f'{feed.channel}__{feed.name}')} as "
        f"select {', '.join(columns)} from {relation}"
    )


_EMPTY = (
    "(select null as business_date, null as source_file, null as source_line "
    "where false)"
)


def _hold_undamaged(bank: Bank, feed: Feed, chosen: list[Partition]) -> None:
    """Refuse to read partitions that are not as they were landed.

    Raises:
        BuildFailed: One is gone or another file, by what its landing wrote down.
    """
    days = [p.business_date for p in chosen]
    for key in sorted({bank.lake.landing_key(feed, day) for day in days}):
        mine = [d for d in days if bank.lake.landing_key(feed, d) == key]
        standing = bank.lake.standing(feed, mine[0]) or {"partitions": {}}
        damages = bank.lake.damages(feed, standing, [d.isoformat() for d in mine])
        for day, damage in damages.items():
            raise BuildFailed(
                f"{feed.id} {day}",
                f"the lake is damaged: {damage}",
                remedy=f"Run: passbook land {feed.channel} --date {day}, "
                f"passbook check {feed.channel} --date {day}, "
                "and then the night again.",
            )


def _chosen(
    feed: Feed,
    mine: list[Partition],
    changed: list[Partition],
) -> list[Partition]:
    if feed.delivery.content == "events" or feed.id in KEPT_AS_CHANGES:
        return sorted(set(mine).intersection(changed))
    if not mine:
        return []
    reader = READ_AS_OF.get(feed.id)
    if reader is None:
        return mine[-1:]
    days = [p.business_date for p in changed if p.feed_id == reader]
    first_day = min(days, default=mine[-1].business_date)
    earlier = [p for p in mine if p.business_date <= first_day][-1:]
    return earlier + [p for p in mine if p.business_date > first_day]


def _present_columns(bank: Bank, feed: Feed) -> set[str]:
    own = bank.contracts.get(feed.channel)
    if own is None:
        return set()
    return {c.name for f in own.feeds if f.name == feed.name for c in f.columns}


def _parquet_relation(bank: Bank, feed: Feed, partitions: list[Partition]) -> str:
    paths = ", ".join(
        text_literal(str(bank.lake.partition(feed, p.business_date)))
        for p in partitions
    )
    return (
        f"read_parquet([{paths}], hive_partitioning = true, union_by_name = true, "
        "hive_types = {'business_date': date})"
    )


def _normalise(bank: Bank, connection: duckdb.DuckDBPyConnection) -> None:
    """Give every identifier of the raw views that is not known yet its normal form."""
    sources: dict[str, list[str]] = defaultdict(list)
    for contract in bank.shipped.values():
        for feed in contract.feeds:
            view = f"raw.{quoted(f'{feed.channel}__{feed.name}')}"
            for column in feed.columns:
                if column.identifier:
                    sources[column.identifier].append(
                        f"select {quoted(column.name)} from {view}"
                    )
    extend_dictionary(connection, sources, bank.settings.country)


def missing_feeds_of(
    bank: Bank, partitions: list[Partition], as_of: date
) -> tuple[str, ...]:
    """Return the daily feeds that an edition of these lacks on its own date."""
    here = {(p.feed_id, p.business_date) for p in partitions}
    return tuple(
        f"{feed.id} {as_of}"
        for contract in bank.contracts.values()
        for feed in contract.feeds
        if feed.delivery.cadence == "daily" and (feed.id, as_of) not in here
    )


def seal(bank: Bank, candidate: Candidate) -> None:
    """Drop the working schemas, so that an edition leans on no file of the lake.

    A file of which more is empty than holds something is packed.
    """
    with open_candidate(bank, candidate.database) as connection:
        for schema in WORKING_SCHEMAS:
            connection.execute(f"drop schema if exists {schema} cascade")
        connection.execute("checkpoint")
        ((free, used),) = connection.execute(
            "select free_blocks, used_blocks from pragma_database_size()"
        ).fetchall()
    if free > used:
        _pack(bank, candidate)


def _pack(bank: Bank, candidate: Candidate) -> None:
    """Write what a candidate holds into a fresh file, in place of the one it has."""
    # A database is called like its file.
    packed = candidate.folder / "packed" / DATABASE
    packed.parent.mkdir()
    with open_candidate(bank, packed) as connection:
        source = text_literal(str(candidate.database))
        connection.execute(f"attach {source} as loose (read_only)")
        target = quoted(packed.stem)
        connection.execute(f"copy from database loose to {target}")
        connection.execute("detach loose")
        connection.execute("checkpoint")
    packed.replace(candidate.database)
    packed.parent.rmdir()


def build_failure(where: str, error: Exception) -> PassbookError:
    """Return an unforeseen failure of a build as an error of one line.

    One that lies with another program's lock is `NotReady`: it is worth another try.
    """
    logging.getLogger("passbook").debug("build failed", exc_info=error)
    text = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    if isinstance(error, duckdb.IOException) and "Could not set lock" in text:
        return NotReady(
            where,
            f"another program has a database open for writing: {text}",
            remedy="End it; editions are opened to be read only (duckdb -readonly). "
            "Then run the night again.",
        )
    return BuildFailed(where, f"the build failed: {text}")
