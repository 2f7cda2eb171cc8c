"""Turns a chunk of text rows into typed rows of the lake and rejects."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.casting import BAD_CARD, LAST4, cast_column, kept_select
from ingestion.contract import Column, Feed
from ingestion.contract_lines import contract_place
from ingestion.errors import LandingRefused
from ingestion.extract import Extract
from ingestion.plain_forms import one_array
from ingestion.records import Chunk, Int64s, Malformed, Parse
from ingestion.rejects import malformed_rejects, unfit_rejects
from ingestion.sessions import session
from ingestion.tokens import Keys, Tokeniser, mask_column, masked_text
from ingestion.typed_columns import CODES, Typed, landed_type, typed_column

Bools = npt.NDArray[np.bool_]
_EXTRA = pa.map_(pa.string(), pa.string())


def landed_schema(feed: Feed) -> pa.Schema:
    """Return the columns of a feed's partitions: the contract's, and where from."""
    fields = [pa.field(c.name, landed_type(c)) for c in feed.columns]
    origin = [("extra", _EXTRA), ("source_file", CODES), ("source_line", pa.int64())]
    return pa.schema([*fields, *(pa.field(n, t) for n, t in origin)])


@dataclass(frozen=True)
class TypedChunk:
    """One chunk after casting."""

    rows: pa.Table
    rejects: pa.Table
    record_count: int
    filtered: int
    sums: dict[str, Decimal]
    unreadable: int
    on_the_day: int
    unknown_codes: dict[str, Counter[str]]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """A chunk's rows of this feed: as text without card numbers, and card columns."""

    chunk: Chunk
    text: pa.Table
    places: Int64s | None
    extra: pa.Table
    cards: dict[str, Typed] = field(default_factory=dict)

    def lines(self) -> Int64s:
        return (
            self.chunk.lines if self.places is None else self.chunk.lines[self.places]
        )

    def in_chunk(self, rows: Int64s) -> Int64s:
        return rows if self.places is None else self.places[rows]


class ChunkTyper:
    """Casts chunks of one extract; several threads may use it at once."""

    def __init__(self, extract: Extract, keys: Keys, zone: str) -> None:
        self._extract = extract
        self._feed = extract.feed
        self._keys = keys
        self._zone = zone
        self._tokeniser = Tokeniser(keys)
        self._schema = landed_schema(extract.feed)
        self._day = _day_in_utc(extract.feed, extract.business_date, zone)

    def typed(self, file: Path, parse: Parse) -> TypedChunk:
        """Return the typed rows and the rejects of a chunk.

        Raises:
            LandingRefused: The file lacks a column that the contract requires.
        """
        chunk = parse()
        self._refuse_missing_columns(file, chunk)
        rows = self._without_cards(self._own_rows(chunk))
        typed = {c.name: self._typed(c, rows) for c in self._feed.columns}
        rows, typed = self._keeping_unreadable(rows, typed)
        unfit = _any_unfit([t.unfit for t in typed.values()])
        malformed = chunk.malformed if self._takes_malformed() else Malformed()
        rejects = [malformed_rejects(file, malformed, self._keys)]
        if unfit is not None:
            at_fault = {name for name, t in typed.items() if t.unfit is not None}
            rejects.append(self._unfit(file, rows, unfit, at_fault))
        sums, unreadable = self._sums(typed, unfit)
        landed = self._landed(file, rows, typed)
        if unfit is not None:
            landed = landed.filter(pa.array(~unfit))
        foreign = len(chunk.malformed) - len(malformed)
        return TypedChunk(
            rows=landed,
            rejects=pa.concat_tables(rejects),
            record_count=chunk.record_count - foreign,
            filtered=chunk.rows.num_rows - rows.text.num_rows,
            sums=sums,
            unreadable=unreadable + len(malformed),
            on_the_day=self._on_the_day(landed),
            unknown_codes=_unknown_codes(rejects[1:]),
            missing=chunk.missing_columns,
            extra=chunk.extra_columns,
        )

    def _refuse_missing_columns(self, file: Path, chunk: Chunk) -> None:
        gone = set(chunk.missing_columns)
        for column in self._feed.columns:
            lost = [source for source in column.sources if source in gone]
            if column.required and lost:
                raise _missing_column(self._extract, file, lost[0], column.name, chunk)
        rows = self._feed.layout.rows
        if rows and rows.column in gone:
            raise _missing_column(self._extract, file, rows.column, None, chunk)

    def _takes_malformed(self) -> bool:
        rows = self._feed.layout.rows
        return rows is None or rows.takes_malformed

    def _own_rows(self, chunk: Chunk) -> _Rows:
        """Return the rows that are this feed's, where several share a file."""
        rows = self._feed.layout.rows
        if rows is None or rows.every or not chunk.rows.num_rows:
            return _split(chunk, chunk.rows, None)
        connection = session()
        connection.register("text_rows", chunk.rows.select([rows.column]))
        result = connection.execute(kept_select(self._feed)).to_arrow_table()
        connection.unregister("text_rows")
        keep = result.column("keep").to_numpy()
        text = chunk.rows.filter(pa.array(keep))
        return _split(chunk, text, np.flatnonzero(keep).astype(np.int64))

    def _without_cards(self, rows: _Rows) -> _Rows:
        """Return the rows without any card number in them."""
        text = rows.text
        cards: dict[str, Typed] = {}
        for column in self._feed.columns:
            if column.classification == "pan":
                text = self._tokenised(text, column, cards)
            elif column.classification == "free_text":
                for source in column.sources:
                    text = _masked(text, source)
        extra = rows.extra
        for name in extra.column_names:
            extra = _masked(extra, name)
        return _Rows(rows.chunk, text, rows.places, extra, cards)

    def _tokenised(
        self, text: pa.Table, column: Column, cards: dict[str, Typed]
    ) -> pa.Table:
        source = column.sources[0] if column.sources else ""
        if source in text.column_names:
            found = self._tokeniser.tokenise(text.column(source), column.null_values)
            tokens, last4, wrong = found.tokens, found.last4, found.wrong
            place = text.schema.get_field_index(source)
            text = text.set_column(place, source, tokens)
        else:
            tokens = last4 = pa.nulls(text.num_rows, pa.string())
            wrong = np.zeros(text.num_rows, dtype=bool)
        unfit = wrong
        if column.required:
            unfit = wrong | tokens.is_null().to_numpy(zero_copy_only=False)
        cards[column.name] = Typed(tokens, unfit if unfit.any() else None)
        cards[LAST4 + column.name] = Typed(last4, None)
        text = text.append_column(LAST4 + column.name, last4)
        return text.append_column(BAD_CARD + column.name, pa.array(wrong))

    def _typed(self, column: Column, rows: _Rows) -> Typed:
        if column.classification == "pan":
            return rows.cards[column.name]
        if column.last4_of is not None and LAST4 + column.last4_of in rows.cards:
            return rows.cards[LAST4 + column.last4_of]
        return typed_column(column, rows.text, self._zone)

    def _keeping_unreadable(
        self, rows: _Rows, typed: dict[str, Typed]
    ) -> tuple[_Rows, dict[str, Typed]]:
        """Move values that the contract says to keep, though unfit, to `extra`."""
        extra, fitted = rows.extra, dict(typed)
        for column in self._feed.columns:
            found = typed[column.name]
            if column.unreadable != "keep" or found.unfit is None:
                continue
            unfit = pa.array(found.unfit)
            text = _source_text(rows.text, column)
            kept = pa.chunked_array([pc.if_else(unfit, text, None)])
            extra = (
                extra.append_column(column.name, kept)
                if extra.num_columns
                else pa.table({column.name: kept})
            )
            extra = _masked(extra, column.name)
            nothing = pa.scalar(None, found.values.type)
            values = pc.if_else(unfit, nothing, found.values)
            fitted[column.name] = Typed(values, None)
        return replace(rows, extra=extra), fitted

    def _unfit(
        self, file: Path, rows: _Rows, unfit: Bools, at_fault: set[str]
    ) -> pa.Table:
        text = rows.text.filter(pa.array(unfit))
        available = frozenset(text.column_names)
        columns = [
            cast_column(c, available, self._zone)
            for c in self._feed.columns
            if c.name in at_fault
        ]
        places = rows.in_chunk(np.flatnonzero(unfit).astype(np.int64))
        return unfit_rejects(file, rows.chunk, places, text, columns, self._keys)

    def _landed(self, file: Path, rows: _Rows, typed: dict[str, Typed]) -> pa.Table:
        count = rows.text.num_rows
        values = [typed[c.name].values for c in self._feed.columns]
        for place, column in enumerate(self._feed.columns):
            # A number may run from one joined column into the next.
            if column.classification == "free_text" and column.join_of:
                values[place] = one_array(mask_column(pa.chunked_array(values[place])))
        files = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(count, np.int32)), pa.array([file.name])
        )
        extra = _extra_map(rows.extra, count)
        lines = pa.array(rows.lines())
        return pa.table([*values, extra, files, lines], schema=self._schema)

    def _sums(
        self, typed: dict[str, Typed], unfit: Bools | None
    ) -> tuple[dict[str, Decimal], int]:
        """Return the sums of all rows that can be read, and how many could not be."""
        sums: dict[str, Decimal] = {}
        unreadable = 0
        for name in self._feed.summed_columns:
            values = typed[name].values
            sums[name] = _sum(values)
            if unfit is not None:
                nothing = values.is_null().to_numpy(zero_copy_only=False)
                unreadable += int((nothing & unfit).sum())
        return sums, unreadable

    def _on_the_day(self, landed: pa.Table) -> int:
        if self._day is None or not landed.num_rows:
            return 0
        values = landed.column(str(self._feed.delivery.date_column))
        first, end = (pa.scalar(m).cast(values.type) for m in self._day)
        is_inside = pc.and_(pc.greater_equal(values, first), pc.less(values, end))
        return int(pc.sum(is_inside).as_py() or 0)


def _day_in_utc(
    feed: Feed, day: date, zone: str
) -> tuple[date | datetime, date | datetime] | None:
    """Return the first moment of a business date and of the next one."""
    if feed.delivery.date_column is None or feed.delivery.cadence != "daily":
        return None
    following = day + timedelta(days=1)
    if feed.column(feed.delivery.date_column).logical_type == "date":
        return day, following
    midnights = (
        datetime.combine(d, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
        for d in (day, following)
    )
    first, end = (m.replace(tzinfo=None) for m in midnights)
    return first, end


def _sum(values: pa.Array) -> Decimal:
    """Return the sum of a column: exact, but for doubles, which are not themselves."""
    if pa.types.is_floating(values.type):
        return Decimal(repr(math.fsum(values.drop_null().to_pylist())))
    scale = values.type.scale if pa.types.is_decimal(values.type) else 0
    total: Decimal | None = pc.sum(values.cast(pa.decimal256(76, scale))).as_py()
    return total or Decimal(0)


def _any_unfit(columns: Sequence[Bools | None]) -> Bools | None:
    found: Bools | None = None
    for unfit in columns:
        if unfit is not None:
            found = unfit if found is None else found | unfit
    return found


def _unknown_codes(rejects: Sequence[pa.Table]) -> dict[str, Counter[str]]:
    """Return how often each unknown code was found, by column."""
    found: dict[str, Counter[str]] = {}
    for table in rejects:
        is_code = pc.equal(table.column("reason_code"), "unknown_code")
        codes = table.filter(is_code).select(["column_name", "found"])
        for row in codes.to_pylist():
            found.setdefault(row["column_name"], Counter())[row["found"]] += 1
    return found


def _masked(table: pa.Table, name: str) -> pa.Table:
    if name not in table.column_names:
        return table
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, mask_column(table.column(name)))


def _source_text(text: pa.Table, column: Column) -> pa.Array:
    """Return what the file says in the columns that one is read from."""
    parts = [one_array(text.column(s)) for s in column.sources]
    if len(parts) == 1:
        return parts[0]
    return pc.binary_join_element_wise(*parts, " ", null_handling="skip")


def _split(chunk: Chunk, rows: pa.Table, places: Int64s | None) -> _Rows:
    """Return rows with the columns that the contract does not know apart."""
    extra = rows.select(list(chunk.extra_columns))
    return _Rows(chunk, rows.drop_columns(list(chunk.extra_columns)), places, extra)


def _extra_map(text: pa.Table, count: int) -> pa.Array:
    """Return the values of columns that the contract does not know, a map a row."""
    names = text.column_names
    if not names or not count:
        return pa.nulls(count, _EXTRA)
    columns = [one_array(text.column(name)) for name in names]
    valid = np.stack([c.is_valid().to_numpy(zero_copy_only=False) for c in columns], 1)
    row, column = np.nonzero(valid)
    offsets = np.concatenate(([0], np.cumsum(valid.sum(axis=1)))).astype(np.int32)
    # Of a file that lost its header the names are values.
    shown = pa.array([masked_text(name) for name in names], pa.string())
    keys = shown.take(pa.array(column))
    values = pa.concat_arrays(columns).take(pa.array(column * count + row))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values)


def nearest_name(physical: str, names: Sequence[str]) -> str | None:
    """Return the name of a file that is most like one that it lacks, if any is.

    Of a file that lost its header the names are values, so card numbers are masked.
    """
    near = difflib.get_close_matches(physical, names, n=1, cutoff=0.5)
    return masked_text(near[0]) if near else None


def _missing_column(
    extract: Extract, file: Path, physical: str, logical: str | None, chunk: Chunk
) -> LandingRefused:
    near = nearest_name(physical, chunk.extra_columns)
    found = f"the nearest is {near!r}" if near else "no column like it"
    place = contract_place(extract.feed.contract_path, extract.feed.name, logical)
    what = f"physicalName of {logical!r}" if logical else "layout.rows"
    return LandingRefused(
        f"{extract.where} {file.name}",
        f"the required column {physical!r} (for {logical or 'rows'!r}) is not in the "
        "file",
        expected=f"{physical!r} in the header",
        found=found,
        remedy=f"If the channel renamed it, edit {what} ({place}); else ask for the "
        "file again. Then land the day again.",
    )
