"""The gate on landed data: one feed's rules, put to what its last landing left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion.contract import Feed
from ingestion.identifiers import quoted, text_literal
from ingestion.lake import Lake
from quality.database import Database, open_database, prepare
from quality.errors import GateError
from quality.pages import Checked, keep, write_index
from quality.rules import row_count_is, rules_of
from quality.verdict import Judged, Place, Verdict, judge

LANDED_PLACE = Place(
    "source_file || ' line ' || source_line", "source_file, source_line"
)


@dataclass(frozen=True)
class CheckedFeed:
    """What a check came to. `message` is empty, or one line without personal values."""

    feed: str
    verdict: Verdict
    message: str
    rows: int
    rules: int
    failed: int
    seconds: float


def check_feed(
    feed: Feed, lake: Lake, standing: Mapping[str, object], folder: Path
) -> CheckedFeed:
    """Put a feed's rules to every partition of its standing landing.

    The result is kept as JSON and as a page under `folder/<feed>`, in place of an
    earlier one of the same date, and `folder/index.html` lists it.

    Raises:
        ContractError: A quality entry says something that cannot be checked.
        GateError: The lake lacks a partition, or a rule could not be put to the data.
    """
    prepare()
    started = time.monotonic()
    day = date.fromisoformat(str(standing["business_date"]))
    key = lake.landing_key(feed, day)
    partitions = _partitions(standing)
    files = _files(feed, lake, partitions)
    folder.mkdir(parents=True, exist_ok=True)
    with open_database(None, folder) as database:
        judged = _judged(feed, database, files, sum(partitions.values()))
    checked = Checked.of(feed.id, key, judged, time.monotonic() - started)
    keep(folder / feed.id, key, checked, judged, home="../index.html")
    write_index(folder, "Landed feeds", "Newest dates first, failures first.")
    said = {k: v for k, v in vars(checked).items() if k not in {"subject", "date"}}
    return CheckedFeed(feed=feed.id, **said)


def _partitions(standing: Mapping[str, object]) -> dict[str, int]:
    partitions = standing["partitions"]
    if not isinstance(partitions, Mapping):
        raise GateError(str(standing.get("feed")), "the manifest has no partitions")
    return {str(day): int(rows) for day, rows in partitions.items()}


def _files(feed: Feed, lake: Lake, partitions: Mapping[str, int]) -> list[Path]:
    files = [lake.partition(feed, date.fromisoformat(day)) for day in partitions]
    lost = [path for path in files if not path.is_file()]
    if lost:
        raise GateError(
            feed.id,
            f"{len(lost)} partitions of the standing landing are not in the lake",
            expected=str(lost[0]),
            remedy="Land the day again.",
        )
    return files


def _judged(feed: Feed, database: Database, files: list[Path], due_rows: int) -> Judged:
    if not files:  # a file over many dates that held no row has no partition
        columns = ", ".join(
            f"cast(null as {c.sql_type}) as {quoted(c.name)}" for c in feed.columns
        )
        source = f"(select {columns} where false)"
    else:
        listed = ", ".join(text_literal(str(path)) for path in files)
        source = f"read_parquet([{listed}], hive_partitioning = true)"
    relation = f"{quoted(feed.channel)}.{quoted(feed.name)}"
    database.rows(f"create schema {quoted(feed.channel)}")
    database.rows(f"create view {relation} as select * from {source}")
    present = database.columns(relation)
    rules = (row_count_is(due_rows), *rules_of(feed, "landed", present))
    has_lines = {"source_file", "source_line"}.issubset(present)
    place = LANDED_PLACE if has_lines else None
    return judge(database, relation, f"{feed.id} as landed", rules, place)
