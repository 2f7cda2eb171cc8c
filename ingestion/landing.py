"""Lands one extract: every record becomes a typed row of the lake or a reject."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.chunks import (
    ChunkTyper,
    TypedChunk,
    landed_schema,
    nearest_name,
)
from ingestion.contract import Contract, Feed
from ingestion.contract_lines import contract_place
from ingestion.errors import LandingRefused
from ingestion.extract import Extract, Verdict, find_extract
from ingestion.formats.trailer import Claims
from ingestion.identifiers import quoted, text_literal
from ingestion.lake import PART, Lake
from ingestion.plain_forms import one_array
from ingestion.readers import parses_of
from ingestion.reconcile import Count, hold_ceiling, reconcile
from ingestion.records import Parse
from ingestion.rejects import REJECT_SCHEMA
from ingestion.sessions import in_memory
from ingestion.tokens import Keys, masked_text
from ingestion.typed_columns import has_few

WORKERS = 2
_ROW_GROUP = 100_000
_CODES_SHOWN = 5
_SAID_LENGTH = 200
# What libraries raise on bytes that nobody thought of; a bank's file is no reason for a
# traceback in the night.
_UNFORESEEN = (
    pa.ArrowException,
    duckdb.Error,
    ArithmeticError,
    AssertionError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
# Distinct values of a sample of 1,000.
_FEW = 750
REJECTS = "rejects.parquet"


@dataclass(frozen=True)
class Landed:
    """What became of one extract. `records_in` = landed + rejected + filtered.

    By date, `partitions` has the rows of each partition, `contents` its file's sha256.
    """

    channel: str
    feed: str
    business_date: str
    verdict: Verdict
    fingerprint: str
    sequence: int = 1
    files: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    records_in: int = 0
    landed: int = 0
    rejected: int = 0
    filtered: int = 0
    sums: dict[str, str] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


def land(
    contract: Contract,
    feed: Feed,
    extracts: Path,
    lake: Lake,
    business_date: date,
    keys: Keys,
    timezone: str,
) -> Landed:
    """Land one extract as Parquet, replacing any earlier landing of the same day.

    Rows that do not fit the contract go to the feed's rejects with line number and
    reason; landed, rejected and filtered rows add up to the extract's records. An
    extract that is landed already is left as it is and comes back `unchanged`, unless
    what is landed of it was damaged since. Where a corrected extract takes an earlier
    one's place, the earlier landing is kept among the superseded ones of the lake.

    Raises:
        MissingExtract: There is no complete extract.
        LandingRefused: The extract as a whole cannot be believed; nothing is landed,
            and what would have been rejected lies beside the lake's rejects.
    """
    zone = feed.layout.timezone or timezone
    with lake.landing(feed, business_date):
        reading = (zone, keys.fingerprint)
        extract = find_extract(contract, feed, extracts, business_date, reading)
        standing = lake.standing(feed, business_date)
        if standing:
            extract.prove()
            same = standing["fingerprint"] == extract.fingerprint
            if same and not lake.damages(feed, standing):
                return Landed(**{**standing, "verdict": "unchanged"})
        return _landed(extract, lake, keys, zone, standing)


def _landed(
    extract: Extract,
    lake: Lake,
    keys: Keys,
    zone: str,
    standing: Mapping[str, Any] | None,
) -> Landed:
    """Stage an extract, put it in the place of the standing one, and say so."""
    started = time.monotonic()
    feed, business_date = extract.feed, extract.business_date
    day = feed.delivery.date_of(business_date)
    with lake.staging() as folder:
        count = _believed(extract, lake, folder, keys, zone)
        if standing and list(standing.get("digests", ())) != list(extract.digests):
            lake.supersede(feed, business_date, standing)
        partitions = _commit(feed, lake, folder, day, zone, count)
    landed = Landed(
        feed.channel,
        feed.name,
        day.isoformat(),
        "landed",
        extract.fingerprint,
        sequence=extract.control.sequence if extract.control else 1,
        files=tuple(f.name for f in extract.files),
        digests=extract.digests,
        superseded=extract.superseded,
        records_in=count.records,
        landed=count.landed,
        rejected=count.rejected,
        filtered=count.filtered,
        sums=count.stated_sums(),
        partitions=partitions,
        contents=lake.contents(feed, partitions),
        reasons=dict(sorted(count.reasons.items())),
        warnings=_warnings(extract, count),
        seconds=round(time.monotonic() - started, 3),
    )
    lake.write_manifest(feed, day, asdict(landed))
    return landed


def _believed(
    extract: Extract, lake: Lake, folder: Path, keys: Keys, zone: str
) -> Count:
    """Stage an extract and return what it counted, once it can be believed.

    Raises:
        LandingRefused: It cannot; what it would have rejected is kept to look at.
    """
    count = Count()
    try:
        claims = _stage(extract, folder, keys, zone, count)
        extract.prove()
        reconcile(extract, count, claims)
        _hold_day(extract, lake, count)
        hold_ceiling(extract, count)
    except LandingRefused:
        # A file that is not the one that was sent explains all that follows.
        extract.prove()
        _keep_refused(lake, extract, folder, count)
        raise
    except _UNFORESEEN as error:
        logging.getLogger("passbook").debug("landing failed", exc_info=error)
        extract.prove()
        raise _unforeseen(extract, error) from error
    return count


def _unforeseen(extract: Extract, error: Exception) -> LandingRefused:
    said = masked_text(str(error).strip().splitlines()[0]) if str(error).strip() else ""
    return LandingRefused(
        extract.where,
        "the extract cannot be read",
        found=f"{type(error).__name__} {said}"[:_SAID_LENGTH],
        remedy="Nothing was landed. Report it with the file: it is a defect.",
    )


def _warnings(extract: Extract, count: Count) -> tuple[str, ...]:
    """Return what changed in the extract without keeping it from landing, a line each.

    Each names the line of the contract to edit.
    """
    feed = extract.feed
    said = []
    if count.extra:
        # Of a file that lost its header these are values.
        names = ", ".join(repr(masked_text(name)) for name in count.extra)
        place = contract_place(feed.contract_path, feed.name)
        said.append(
            f"not in the contract, so landed in the map 'extra': {names} (add them, or "
            f"name them in layout.ignored_columns: {place})"
        )
    said += [_missing_line(feed, name, tuple(count.extra)) for name in count.missing]
    said += [_codes_line(feed, *item) for item in sorted(count.unknown_codes.items())]
    said += [_fault_line(feed, *item) for item in sorted(count.faults.items())]
    if count.unreadable and feed.summed_columns:
        said.append(
            f"{count.unreadable:,} rows have no readable value for the control sums"
        )
    if feed.delivery.date_column and feed.delivery.cadence == "daily":
        elsewhere = count.landed - count.on_the_day
        if elsewhere * 2 > count.landed:
            said.append(
                f"{elsewhere:,} of {count.landed:,} rows are of other days than "
                f"{extract.business_date} by {feed.delivery.date_column!r}"
            )
    return tuple(said)


def _missing_line(feed: Feed, physical: str, extra: tuple[str, ...]) -> str:
    near = nearest_name(physical, extra)
    logical = next((c.name for c in feed.columns if physical in c.sources), None)
    place = contract_place(feed.contract_path, feed.name, logical)
    renamed = "; if it was renamed,"
    if near:
        renamed = f"; if it is called {near!r} now,"
    return (
        f"optional column {physical!r} is not in the file{renamed} edit physicalName "
        f"({place})"
    )


def _fault_line(feed: Feed, fault: tuple[str, str, str], rows: int) -> str:
    column, reason, expected = fault
    place = contract_place(feed.contract_path, feed.name, column)
    many = f"{rows:,} row{'s' if rows > 1 else ''} rejected"
    return f"{column!r}: {many}, {reason}, expected {expected} ({place})"


def _codes_line(feed: Feed, column: str, codes: dict[str, int]) -> str:
    common = Counter(codes).most_common(_CODES_SHOWN)
    shown = ", ".join(f"{code!r} ({rows:,}x)" for code, rows in common)
    more = f" and {len(codes) - len(common)} more" if len(codes) > len(common) else ""
    place = contract_place(feed.contract_path, feed.name, column)
    return (
        f"unknown codes of {column!r}: {shown}{more}; add them to its codes ({place})"
    )


def _stage(
    extract: Extract, folder: Path, keys: Keys, zone: str, count: Count
) -> Claims:
    """Write all rows and rejects of an extract into a folder, and count them."""
    claims = Claims()
    typer = ChunkTyper(extract, keys, zone)
    with (
        _Writer(extract.feed, folder) as writer,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        for file in extract.files:
            parses = parses_of(extract.feed, file, claims)
            before = count.records
            for typed in _in_order(pool, typer, file, parses):
                _add(count, typed)
                writer.write(typed)
            count.records_by_file[file.name] = count.records - before
    return claims


class _Writer:
    """Writes typed rows and rejects into the files of a staging folder."""

    def __init__(self, feed: Feed, folder: Path) -> None:
        self._schema = landed_schema(feed)
        self._path = folder / PART
        self._rows: pq.ParquetWriter | None = None
        self._rejects = pq.ParquetWriter(
            folder / REJECTS,
            REJECT_SCHEMA,
            # What is encrypted does not get smaller.
            compression={n: "zstd" for n in REJECT_SCHEMA.names if n != "raw_sealed"},
            use_dictionary=[n for n in REJECT_SCHEMA.names if n != "raw_sealed"],
        )
        self._held: list[pa.Table] = []

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer(self._schema.empty_table()).close()
        self._rejects.close()

    def write(self, typed: TypedChunk) -> None:
        """Write a chunk; small ones wait until they make a row group."""
        if typed.rejects.num_rows:
            self._rejects.write_table(typed.rejects)
        self._held.append(typed.rows)
        if sum(table.num_rows for table in self._held) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            rows = pa.concat_tables(self._held).unify_dictionaries()
            self._writer(rows).write_table(rows)
        self._held = []

    def _writer(self, first: pa.Table) -> pq.ParquetWriter:
        """Return the writer of rows, opened as its first rows are best written."""
        if self._rows is None:
            self._rows = pq.ParquetWriter(
                self._path,
                self._schema,
                compression="zstd",
                use_dictionary=[n for n in first.column_names if _repeats(first, n)],
                # What readers look for by range; of texts they would be costly.
                write_statistics=[
                    field.name
                    for field in self._schema
                    if pa.types.is_primitive(field.type)
                ],
                column_encoding={"source_line": "DELTA_BINARY_PACKED"},
                store_decimal_as_integer=True,
                store_schema=False,
            )
        return self._rows


def _repeats(rows: pa.Table, name: str) -> bool:
    """Whether a column's values come again so often that a dictionary pays."""
    column = rows.column(name)
    if name == "source_line" or pa.types.is_nested(column.type):
        return False
    if pa.types.is_dictionary(column.type) or not rows.num_rows:
        return True
    return has_few(one_array(column), _FEW)


def _add(count: Count, typed: TypedChunk) -> None:
    count.records += typed.record_count
    count.landed += typed.rows.num_rows
    count.rejected += typed.rejects.num_rows
    count.filtered += typed.filtered
    count.unreadable += typed.unreadable
    count.on_the_day += typed.on_the_day
    count.extra |= dict.fromkeys(typed.extra)
    count.missing |= dict.fromkeys(typed.missing)
    count.add_sums(typed.sums)
    for column, codes in typed.unknown_codes.items():
        known = Counter(count.unknown_codes.get(column, {})) + codes
        count.unknown_codes[column] = dict(known)
    keys = ["column_name", "reason_code", "expected"]
    counted = typed.rejects.group_by(keys).aggregate([([], "count_all")])
    for entry in counted.to_pylist():
        rows, reason = entry["count_all"], entry["reason_code"]
        count.reasons[reason] = count.reasons.get(reason, 0) + rows
        # Codes have a line of their own, which names them.
        if entry["column_name"] is not None and reason != "unknown_code":
            fault = (entry["column_name"], reason, entry["expected"])
            count.faults[fault] = count.faults.get(fault, 0) + rows


def _in_order(
    pool: ThreadPoolExecutor, typer: ChunkTyper, file: Path, parses: Iterator[Parse]
) -> Iterator[TypedChunk]:
    """Yield the chunks' results in file order with at most WORKERS + 1 in memory."""
    pending: deque[Future[TypedChunk]] = deque()
    for parse in parses:
        pending.append(pool.submit(typer.typed, file, parse))
        if len(pending) > WORKERS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _hold_day(extract: Extract, lake: Lake, count: Count) -> None:
    """Refuse an extract that is another day's.

    Raises:
        LandingRefused: No row is of the day, or another day has landed the same files.
    """
    feed = extract.feed
    if feed.delivery.cadence != "daily" or not count.records:
        return
    column = feed.delivery.date_column
    if column and count.landed and not count.on_the_day:
        raise LandingRefused(
            extract.where,
            "is of another day",
            expected=f"rows whose {column!r} is on {extract.business_date}",
            found=f"none of {count.landed:,} rows",
            remedy="Ask the channel which day it is of, and for the right one.",
        )
    if feed.delivery.content == "events":
        twin = lake.twin_of(feed, extract.business_date, extract.digests)
        if twin:
            raise LandingRefused(
                extract.where,
                f"is the same file as that of {twin}",
                expected="events of its own",
                found=f"sha256 {extract.digests[0][:12]} under both dates",
                remedy="Ask the channel for the file of this day.",
            )


def _keep_refused(lake: Lake, extract: Extract, folder: Path, count: Count) -> None:
    """Keep what a refused landing would have rejected, for whoever looks into it."""
    day = extract.feed.delivery.date_of(extract.business_date)
    if count.rejected:
        lake.replace(folder / REJECTS, lake.refused(extract.feed, day))


def _commit(
    feed: Feed, lake: Lake, folder: Path, day: date, zone: str, count: Count
) -> dict[str, int]:
    """Move staged files into the lake; return the rows of each partition by date."""
    if feed.delivery.cadence == "history":
        partitions = _commit_history(feed, lake, folder, day, zone)
    else:
        lake.forget(feed, day)
        lake.replace(folder / PART, lake.partition(feed, day))
        partitions = {day.isoformat(): count.landed}
    lake.refused(feed, day).unlink(missing_ok=True)
    rejects = lake.rejects(feed, day)
    if count.rejected:
        lake.replace(folder / REJECTS, rejects)
    else:
        rejects.unlink(missing_ok=True)
    return partitions


def _commit_history(
    feed: Feed, lake: Lake, folder: Path, day: date, zone: str
) -> dict[str, int]:
    partitions = _split_by_date(feed, folder, zone)
    wholes = {
        name: _whole(folder / "split" / f"business_date={name}", rows)
        for name, rows in partitions.items()
    }
    lake.forget(feed, day)
    for name, whole in wholes.items():
        lake.replace(whole, lake.partition(feed, date.fromisoformat(name)))
    for gone in lake.dates(feed):
        if gone.isoformat() not in partitions:
            lake.drop(feed, gone)
    return partitions


def _split_by_date(feed: Feed, folder: Path, zone: str) -> dict[str, int]:
    """Split the staged rows into a folder a date; return the rows of each."""
    column = feed.column(str(feed.delivery.date_column))
    day = quoted(column.name)
    if column.logical_type == "timestamp":
        day = f"timezone({text_literal(zone)}, timezone('UTC', {day}))"
    split = folder / "split"
    with in_memory(folder / "spill") as connection:
        connection.execute("set threads = 1")
        connection.read_parquet(str(folder / PART)).create_view("staged")
        rows = connection.execute(
            f"select cast({day} as date) as business_date, count(*) from staged "
            "group by business_date order by business_date"
        ).fetchall()
        connection.execute(
            f"copy (select *, cast({day} as date) as business_date from staged) "
            f"to {text_literal(str(split))} (format parquet, compression zstd, "
            "partition_by (business_date), write_partition_columns false)"
        )
    return {d.isoformat(): n for d, n in rows}


def _whole(folder: Path, rows: int) -> Path:
    """Return the one file of a date: DuckDB writes several where dates are many.

    Raises:
        LandingRefused: The parts do not hold all rows of their date.
    """
    parts = sorted(folder.iterdir())
    found = sum(pq.read_metadata(part).num_rows for part in parts)
    if found != rows:
        raise LandingRefused(
            folder.name,
            "rows were lost when the file was split by date",
            expected=f"{rows:,} rows",
            found=f"{found:,}",
            remedy="Nothing was landed. Report it with the file: it is a defect.",
        )
    if len(parts) == 1:
        return parts[0]
    tables = [pq.read_table(part, partitioning=None) for part in parts]
    merged = folder.with_suffix(".parquet")
    pq.write_table(pa.concat_tables(tables), merged, compression="zstd")
    return merged
