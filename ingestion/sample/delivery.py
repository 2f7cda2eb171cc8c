"""Delivers extracts: files, what they hold, and the control file that comes last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.contract import Feed
from ingestion.sample.damage import (
    UNREADABLE,
    Defect,
    bad_row_places,
    damaged,
    damaged_table,
)
from ingestion.sample.dirt import DirtLevel, doubled, soiled
from ingestion.sample.formats import file_header, parquet_table, text_records
from ingestion.sample.records import Records

Sums = dict[str, Decimal]


@dataclass(frozen=True)
class Piece:
    """A part of a file, ready to be written: records, or a table of Parquet."""

    content: Records | pa.Table
    rows: int
    sums: Sums
    defects: tuple[Defect, ...] = ()
    repeats: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a part of a file stands in the whole."""

    block: int
    blocks: int


def make_piece(
    level: DirtLevel,
    feed: Feed,
    table: pa.Table,
    place: Place,
    streams: Callable[[str], np.random.Generator],
) -> Piece:
    """Return the rows as they are delivered, with the dirt of a level.

    The sums are those of the values that can still be read in what is delivered.
    """
    repeats = np.empty(0, np.int64)
    if level.missing:
        table = soiled(level, feed, table, streams)
    if level.duplicates and feed.ceiling.max_count:
        order, repeats = doubled(level, streams("duplicates"), table.num_rows)
        table = table.take(pa.array(order)) if len(repeats) else table
    rng = streams("bad rows")
    bad = bad_row_places(level, feed, rng, table.num_rows, place.block, place.blocks)
    content: Records | pa.Table
    if feed.layout.format == "parquet":
        content, defects = damaged_table(feed, parquet_table(feed, table), bad)
    else:
        content, defects = damaged(feed, text_records(feed, table), bad, rng)
    return Piece(
        content,
        table.num_rows,
        _sums(feed, table, defects),
        tuple(defects),
        tuple(repeats.tolist()),
    )


def _sums(feed: Feed, table: pa.Table, defects: list[Defect]) -> Sums:
    sums: Sums = {}
    for name in feed.control.sums:
        lost = [
            d.place
            for d in defects
            if d.kind in UNREADABLE
            or (d.kind == "unparseable_amount" and d.column == name)
        ]
        total = Decimal(pc.sum(table[name]).as_py() or 0)
        gone = [
            v
            for v in table[name].take(pa.array(lost, pa.int64())).to_pylist()
            if v is not None
        ]
        sums[name] = total - sum(map(Decimal, gone), Decimal(0))
    return sums


@dataclass(frozen=True)
class Flaw:
    """A damaged or repeated row as the truth file lists it; lines count from 1."""

    channel: str
    feed: str
    business_date: date
    file_name: str
    record_number: int
    line_number: int
    kind: str
    column: str


@dataclass(frozen=True)
class Delivered:
    """What one file came to."""

    feed: Feed
    path: Path
    rows: int
    bytes: int
    sequence: int
    damaged: tuple[Flaw, ...]
    repeated: tuple[Flaw, ...]

    @property
    def is_correction(self) -> bool:
        """Whether it replaces an earlier file of the same day."""
        return self.sequence > 1


@dataclass
class FeedFile:
    """A file that is being written; `close` writes its control file last."""

    feed: Feed
    folder: Path
    business_date: date
    sequence: int = 1
    rows: int = 0
    lines: int = 0
    sums: Sums = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    repeats: list[Flaw] = field(default_factory=list)
    _stream: BinaryIO | None = None
    _parquet: pq.ParquetWriter | None = None
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def path(self) -> Path:
        """Where the file lies; a corrected one has its sequence before the suffix."""
        path = self.folder / self.feed.layout.path
        if self.sequence == 1:
            return path
        return path.with_name(f"{path.stem}.{self.sequence}{path.suffix}")

    def write(self, piece: Piece) -> None:
        """Append a part of the file."""
        if isinstance(piece.content, Records):
            self._write_records(piece, piece.content)
        else:
            self._write_table(piece, piece.content)
        self.rows += piece.rows
        for name, value in piece.sums.items():
            self.sums[name] = self.sums.get(name, Decimal(0)) + value

    def _write_records(self, piece: Piece, records: Records) -> None:
        if self._stream is None:
            self._stream = self._opened()
        breaks = np.flatnonzero(np.frombuffer(records.data, np.uint8) == ord("\n"))
        starts = np.concatenate(([0], records.ends[:-1]))
        line_of = np.searchsorted(breaks, starts) + self.lines + 1
        self._note(piece, lambda place: int(line_of[place]))
        self.lines += len(breaks)
        self._append(records.data)

    def _opened(self) -> BinaryIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("wb")
        header = file_header(self.feed)
        self._append(header)
        self.lines = header.count(b"\n")
        return self._stream

    def _append(self, data: bytes | memoryview) -> None:
        if self._stream is not None:
            self._stream.write(data)
            self._digest.update(data)

    def _write_table(self, piece: Piece, table: pa.Table) -> None:
        if self._parquet is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            coded = [c.physical_name for c in self.feed.columns if c.codes]
            self._parquet = pq.ParquetWriter(
                self.path, table.schema, use_dictionary=coded
            )
        self._note(piece, lambda place: self.rows + place + 1)
        self._parquet.write_table(table)

    def _note(self, piece: Piece, line_of: Callable[[int], int]) -> None:
        """Keep what is wrong in a part, by its place in the whole file."""

        def flaw(place: int, kind: str, column: str) -> Flaw:
            return Flaw(
                self.feed.channel,
                self.feed.name,
                self.business_date,
                self.path.name,
                self.rows + place + 1,
                line_of(place),
                kind,
                column,
            )

        self.flaws += [flaw(d.place, d.kind, d.column) for d in piece.defects]
        self.repeats += [flaw(place, "duplicate_row", "") for place in piece.repeats]

    def close(self) -> Delivered:
        """Finish the file, then say in its control file what it holds."""
        if self._parquet is not None:
            self._parquet.close()
            self._digest.update(self.path.read_bytes())
        else:
            if self._stream is None:
                self._stream = self._opened()
            self._stream.close()
        size = self.path.stat().st_size
        if self.feed.control.kind == "file":
            self._write_control(size)
        return Delivered(
            self.feed,
            self.path,
            self.rows,
            size,
            self.sequence,
            tuple(self.flaws),
            tuple(self.repeats),
        )

    def _write_control(self, size: int) -> None:
        control = {
            "channel": self.feed.channel,
            "feed": self.feed.name,
            "business_date": self.business_date.isoformat(),
            "sequence": self.sequence,
            "files": [
                {
                    "name": self.path.name,
                    "bytes": size,
                    "sha256": self._digest.hexdigest(),
                    "rows": self.rows,
                }
            ],
            "rows": self.rows,
            "sums": {name: str(value) for name, value in sorted(self.sums.items())},
        }
        number = "" if self.sequence == 1 else f".{self.sequence}"
        path = self.folder / f"{self.feed.name}{number}.ctl.json"
        path.write_text(json.dumps(control, indent=2) + "\n", encoding="utf-8")
