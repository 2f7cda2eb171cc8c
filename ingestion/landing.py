"""Lands one extract: every record becomes a typed row of the lake or a reject."""

from __future__ import annotations

import difflib
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.casting import (
    BAD_CARD,
    INDEX,
    LAST4,
    SHOWN_LENGTH,
    CastColumn,
    cast_column,
    faults_select,
    typed_select,
)
from ingestion.contract import Column, Contract, Feed
from ingestion.errors import LandingRefused
from ingestion.extract import Extract, Verdict, find_extract
from ingestion.formats.csv import read_csv
from ingestion.formats.fixed_width import read_fixed_width
from ingestion.formats.json_lines import read_json_lines
from ingestion.formats.mbox import read_mbox
from ingestion.formats.parquet import read_parquet
from ingestion.identifiers import quoted, text_literal
from ingestion.lake import PART, Lake
from ingestion.records import Chunk
from ingestion.tokens import Keys, mask_column, masked_text, seal, tokenise

WORKERS = 2
_REJECT_SCHEMA = pa.schema(
    [
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
        ("source_offset", pa.int64()),
        ("column_name", pa.string()),
        ("reason_code", pa.string()),
        ("expected", pa.string()),
        ("found", pa.string()),
        ("fault_count", pa.int64()),
        ("raw_sealed", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Landed:
    """What became of one extract. `records_in` = landed + rejected + filtered."""

    channel: str
    feed: str
    business_date: str
    verdict: Verdict
    fingerprint: str
    sequence: int = 1
    files: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    records_in: int = 0
    landed: int = 0
    rejected: int = 0
    filtered: int = 0
    sums: dict[str, str] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class _Typed:
    """One chunk after casting."""

    rows: pa.Table
    rejects: pa.Table
    record_count: int
    filtered: int
    sums: dict[str, Decimal]
    unreadable: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]


@dataclass
class _Count:
    """Running totals of a landing."""

    records: int = 0
    landed: int = 0
    rejected: int = 0
    filtered: int = 0
    unreadable: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def add(self, typed: _Typed) -> None:
        self.records += typed.record_count
        self.landed += typed.rows.num_rows
        self.rejected += typed.rejects.num_rows
        self.filtered += typed.filtered
        self.unreadable += typed.unreadable
        self.extra = tuple(dict.fromkeys(self.extra + typed.extra))
        self.missing = tuple(dict.fromkeys(self.missing + typed.missing))
        for name, value in typed.sums.items():
            self.sums[name] = self.sums.get(name, Decimal(0)) + value
        for reason in typed.rejects.column("reason_code").to_pylist():
            self.reasons[reason] = self.reasons.get(reason, 0) + 1


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
    extract that is landed already is left as it is and comes back `unchanged`.

    Raises:
        MissingExtract: There is no complete extract.
        LandingRefused: The extract as a whole cannot be believed; nothing is landed.
    """
    started = time.monotonic()
    zone = feed.layout.timezone or timezone
    day = feed.delivery.date_of(business_date)
    extract = find_extract(
        contract, feed, extracts, business_date, (zone, keys.fingerprint)
    )
    standing = lake.standing(feed, business_date)
    if standing and standing["fingerprint"] == extract.fingerprint:
        return Landed(**{**standing, "verdict": "unchanged"})
    with lake.staging() as folder:
        count = _stage(extract, folder, keys, zone)
        _reconcile(extract, count)
        _hold_ceiling(extract, count)
        partitions = _commit(feed, lake, folder, day, zone, count)
    landed = Landed(
        feed.channel,
        feed.name,
        day.isoformat(),
        "landed",
        extract.fingerprint,
        sequence=extract.control.sequence if extract.control else 1,
        files=tuple(f.name for f in extract.files),
        superseded=extract.superseded,
        records_in=count.records,
        landed=count.landed,
        rejected=count.rejected,
        filtered=count.filtered,
        sums={name: str(value) for name, value in sorted(count.sums.items())},
        partitions=partitions,
        reasons=dict(sorted(count.reasons.items())),
        warnings=_warnings(feed, count),
        seconds=round(time.monotonic() - started, 3),
    )
    lake.write_manifest(feed, day, asdict(landed))
    return landed


def _warnings(feed: Feed, count: _Count) -> tuple[str, ...]:
    # A shared file has columns that its other feeds read.
    said = []
    if count.extra and not feed.layout.rows:
        # Of a file that lost its header these are values.
        names = ", ".join(repr(masked_text(name)) for name in count.extra)
        said.append(f"not in the contract, so not landed: {names}")
    said += [f"optional column {name!r} is not in the file" for name in count.missing]
    if count.unreadable and feed.control.sums:
        said.append(
            f"{count.unreadable:,} rows have no readable value for the control sums"
        )
    return tuple(said)


def _chunks(feed: Feed, path: Path) -> Iterator[Chunk]:
    layout, columns = feed.layout, feed.physical_columns
    if layout.format == "csv":
        return read_csv(path, layout, columns)
    if layout.format == "fixed_width":
        widths = {c.sources[0]: int(c.width or 0) for c in feed.columns if c.sources}
        return read_fixed_width(path, layout, widths)
    if layout.format == "json_lines":
        return read_json_lines(path, layout, columns)
    if layout.format == "parquet":
        return read_parquet(path, columns)
    return read_mbox(path, columns)


def _stage(extract: Extract, folder: Path, keys: Keys, zone: str) -> _Count:
    """Write all rows and rejects of an extract into a folder; return the totals."""
    count = _Count()
    worker = _Worker(extract, keys, zone)
    staged = folder / PART
    writer: pq.ParquetWriter | None = None
    with (
        pq.ParquetWriter(folder / "rejects", _REJECT_SCHEMA, compression="zstd") as bad,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        for file in extract.files:
            for typed in _in_order(pool, worker, file, _chunks(extract.feed, file)):
                count.add(typed)
                if writer is None:
                    writer = pq.ParquetWriter(
                        staged, typed.rows.schema, compression="zstd"
                    )
                writer.write_table(typed.rows)
                if typed.rejects.num_rows:
                    bad.write_table(typed.rejects)
        if writer is None:
            empty = worker.empty()
            writer = pq.ParquetWriter(staged, empty.rows.schema, compression="zstd")
            writer.write_table(empty.rows)
        writer.close()
    return count


def _in_order(
    pool: ThreadPoolExecutor, worker: _Worker, file: Path, chunks: Iterator[Chunk]
) -> Iterator[_Typed]:
    """Yield the chunks' results in file order with at most WORKERS + 1 in memory."""
    pending: deque[Future[_Typed]] = deque()
    for chunk in chunks:
        pending.append(pool.submit(worker.typed, file, chunk))
        if len(pending) > WORKERS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


class _Worker:
    """Casts chunks of one extract; safe to use from several threads."""

    def __init__(self, extract: Extract, keys: Keys, zone: str) -> None:
        self._extract = extract
        self._feed = extract.feed
        self._keys = keys
        self._zone = zone
        self._local = threading.local()

    def typed(self, file: Path, chunk: Chunk) -> _Typed:
        """Return the chunk's typed rows and its rejects."""
        self._refuse_missing_columns(file, chunk)
        table = self._prepared(chunk)
        columns = self._columns(chunk)
        connection = self._connection()
        connection.register("text_rows", table)
        result = connection.execute(typed_select(self._feed, columns)).to_arrow_table()
        fit = result.column("is_fit")
        unfit = result.filter(pc.invert(fit)).select([INDEX])
        good = result.filter(fit)
        rejects = [self._malformed(file, chunk)]
        if unfit.num_rows:
            rejects.append(self._unfit(connection, file, chunk, columns, unfit))
        connection.unregister("text_rows")
        rejected = pa.concat_tables(rejects)
        sums, unreadable = self._sums(result)
        return _Typed(
            rows=self._landed(file, chunk, good),
            rejects=rejected,
            record_count=chunk.record_count - self._foreign_malformed(chunk),
            filtered=table.num_rows - result.num_rows,
            sums=sums,
            unreadable=unreadable + rejects[0].num_rows,
            missing=chunk.missing_columns,
            extra=chunk.extra_columns,
        )

    def empty(self) -> _Typed:
        """Return the result of a file without records."""
        rows = pa.table(
            {n: pa.array([], pa.string()) for n in self._feed.physical_columns}
        )
        none = np.empty(0, np.int64)
        return self.typed(Path(), Chunk(rows, none, none, 0))

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = duckdb.connect()
            self._local.connection.execute("set threads = 1")
            self._local.connection.execute("set timezone = 'UTC'")
        connection: duckdb.DuckDBPyConnection = self._local.connection
        return connection

    def _columns(self, chunk: Chunk) -> list[CastColumn]:
        available = frozenset(chunk.rows.column_names)
        return [cast_column(c, available, self._zone) for c in self._feed.columns]

    def _refuse_missing_columns(self, file: Path, chunk: Chunk) -> None:
        gone = set(chunk.missing_columns)
        for column in self._feed.columns:
            lost = [source for source in column.sources if source in gone]
            if column.required and lost:
                raise _missing_column(self._extract, file, lost[0], column.name, chunk)
        rows = self._feed.layout.rows
        if rows and rows.column in gone:
            raise _missing_column(self._extract, file, rows.column, "rows", chunk)

    def _prepared(self, chunk: Chunk) -> pa.Table:
        """Return the chunk's rows without any card number, numbered by `INDEX`."""
        table = chunk.rows
        for column in self._feed.columns:
            if column.classification == "pan":
                table = self._tokenised(table, column)
            elif column.classification == "free_text":
                for source in column.sources:
                    table = _masked(table, source)
        return table.append_column(INDEX, pa.array(np.arange(table.num_rows)))

    def _tokenised(self, table: pa.Table, column: Column) -> pa.Table:
        name = column.name
        source = column.sources[0] if column.sources else None
        if source not in table.column_names:
            null = pa.nulls(table.num_rows, pa.string())
            table = table.append_column(LAST4 + name, null)
            no = pa.array(np.zeros(table.num_rows, dtype=bool))
            return table.append_column(BAD_CARD + name, no)
        tokens, last4, wrong = tokenise(
            table.column(source), self._keys, column.null_values
        )
        place = table.schema.get_field_index(source)
        table = table.set_column(place, source, tokens)
        table = table.append_column(LAST4 + name, last4)
        return table.append_column(BAD_CARD + name, wrong)

    def _landed(self, file: Path, chunk: Chunk, good: pa.Table) -> pa.Table:
        index = good.column(INDEX)
        lines = pa.array(chunk.lines).take(index)
        names = pa.array([file.name], pa.string()).dictionary_encode()
        zeros = pa.array(np.zeros(good.num_rows, np.int32))
        files = pa.DictionaryArray.from_arrays(zeros, names.dictionary)
        table = good.drop_columns([INDEX, "is_fit"])
        for column in self._feed.columns:
            # A number may run from one joined column into the next.
            if column.classification == "free_text" and column.join_of:
                table = _masked(table, column.name)
        table = table.append_column("source_file", files.cast(pa.string()))
        return table.append_column("source_line", lines)

    def _sums(self, result: pa.Table) -> tuple[dict[str, Decimal], int]:
        sums: dict[str, Decimal] = {}
        unreadable = 0
        for name in self._feed.control.sums:
            values = result.column(name)
            scale = values.type.scale if pa.types.is_decimal(values.type) else 4
            total = pc.sum(values.cast(pa.decimal128(38, scale))).as_py()
            sums[name] = Decimal(total or 0).normalize() + Decimal("0.00")
            unreadable += (
                pc.sum(
                    pc.and_(values.is_null(), pc.invert(result.column("is_fit")))
                ).as_py()
                or 0
            )
        return sums, unreadable

    def _takes_malformed(self) -> bool:
        rows = self._feed.layout.rows
        return rows is None or rows.takes_malformed

    def _foreign_malformed(self, chunk: Chunk) -> int:
        return 0 if self._takes_malformed() else len(chunk.malformed)

    def _malformed(self, file: Path, chunk: Chunk) -> pa.Table:
        records = chunk.malformed if self._takes_malformed() else ()
        return pa.Table.from_pylist(
            [
                {
                    "source_file": file.name,
                    "source_line": m.line,
                    "source_offset": m.offset,
                    "column_name": None,
                    "reason_code": m.reason,
                    "expected": m.expected,
                    "found": m.found,
                    "fault_count": 1,
                    "raw_sealed": seal(m.raw, self._keys),
                }
                for m in records
            ],
            schema=_REJECT_SCHEMA,
        )

    def _unfit(
        self,
        connection: duckdb.DuckDBPyConnection,
        file: Path,
        chunk: Chunk,
        columns: list[CastColumn],
        unfit: pa.Table,
    ) -> pa.Table:
        connection.register("unfit", unfit)
        faults = connection.execute(faults_select(columns)).to_arrow_table().to_pylist()
        connection.unregister("unfit")
        by_row: dict[int, list[dict[str, Any]]] = {}
        for fault in faults:
            by_row.setdefault(fault[INDEX], []).append(fault)
        return pa.Table.from_pylist(
            [
                {
                    "source_file": file.name,
                    "source_line": int(chunk.lines[row]),
                    "source_offset": int(chunk.offsets[row]),
                    **{k: v for k, v in found[0].items() if k != INDEX},
                    "found": _shown(found[0]["found"]),
                    "fault_count": len(found),
                    "raw_sealed": seal(chunk.raw_record(row), self._keys),
                }
                for row, found in by_row.items()
            ],
            schema=_REJECT_SCHEMA,
        )


def _masked(table: pa.Table, name: str) -> pa.Table:
    if name not in table.column_names:
        return table
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, mask_column(table.column(name)))


def _shown(found: str | None) -> str | None:
    # In a shifted record a card number stands where another column is read.
    return None if found is None else masked_text(found)[:SHOWN_LENGTH]


def _missing_column(
    extract: Extract, file: Path, physical: str, logical: str, chunk: Chunk
) -> LandingRefused:
    near = difflib.get_close_matches(physical, chunk.extra_columns, n=1, cutoff=0.5)
    found = f"the nearest is {near[0]!r}" if near else "no column like it"
    return LandingRefused(
        f"{extract.where} {file.name}",
        f"the required column {physical!r} (for {logical!r}) is not in the file",
        expected=f"{physical!r} in the header",
        found=found,
        remedy=f"If the channel renamed it, edit physicalName of {logical!r} in "
        f"{extract.feed.contract_path.name}; else ask for the file again. "
        "Then land the day again.",
    )


def _reconcile(extract: Extract, count: _Count) -> None:
    """Hold landed and rejected rows against the independent count and the control.

    Raises:
        LandingRefused: A record is unaccounted for, or the control file disagrees.
    """
    accounted = count.landed + count.rejected + count.filtered
    if accounted != count.records:
        raise LandingRefused(
            extract.where,
            "records are unaccounted for",
            expected=f"{count.records:,} records in",
            found=f"{accounted:,} landed, rejected or filtered",
            remedy="Nothing was landed. Report it with the file: it is a defect.",
        )
    if extract.control is None:
        return
    if extract.control.rows != count.records:
        raise LandingRefused(
            extract.where,
            "the row count is not the control file's",
            expected=f"{extract.control.rows:,} rows",
            found=f"{count.records:,}",
            remedy="It may be truncated: ask the channel for it again.",
        )
    for name in extract.feed.control.sums:
        _hold_sum(extract, name, count)


def _hold_sum(extract: Extract, name: str, count: _Count) -> None:
    control = extract.control
    said = control.sums.get(name) if control else None
    found = count.sums.get(name, Decimal(0))
    if said is None:
        raise LandingRefused(
            extract.where,
            f"the control file has no sum of {name!r}",
            expected=f"sums.{name}",
            remedy="Take it out of control.sums in the contract, or ask for it.",
        )
    if said != found and not count.unreadable:
        raise LandingRefused(
            extract.where,
            f"the sum of {name!r} is not the control file's",
            expected=f"{said:,}",
            found=f"{found:,} (difference {found - said:,})",
            remedy="Ask the channel for the extract again, or for its control file.",
        )


def _hold_ceiling(extract: Extract, count: _Count) -> None:
    ceiling = extract.feed.ceiling
    ratio = count.rejected / count.records if count.records else 0.0
    allowed = max(ceiling.max_ratio, 0.0)
    if count.rejected <= ceiling.max_count and ratio <= allowed:
        return
    worst = max(count.reasons, key=lambda r: count.reasons[r], default="")
    raise LandingRefused(
        extract.where,
        f"too many rows were rejected, most of them for {worst!r}",
        expected=f"at most {ceiling.max_count:,} rows and {allowed:.2%}",
        found=f"{count.rejected:,} of {count.records:,} ({ratio:.2%})",
        remedy="Nothing was landed. If the channel changed its format, edit "
        f"{extract.feed.contract_path.name} and land the day again.",
    )


def _commit(
    feed: Feed, lake: Lake, folder: Path, day: date, zone: str, count: _Count
) -> dict[str, int]:
    """Move staged files into the lake; return the rows of each partition by date."""
    if feed.delivery.cadence == "history":
        partitions = _commit_history(feed, lake, folder, day, zone)
    else:
        lake.forget(feed, day)
        lake.replace(folder / PART, lake.partition(feed, day))
        partitions = {day.isoformat(): count.landed}
    rejects = lake.rejects(feed, day)
    if count.rejected:
        lake.replace(folder / "rejects", rejects)
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
    with duckdb.connect() as connection:
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
