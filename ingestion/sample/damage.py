"""Damaged records: rows that no longer fit their contract, and what is wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column, Feed
from ingestion.sample.cells import written_columns
from ingestion.sample.dirt import DirtLevel
from ingestion.sample.records import Records

# The defects after which no value of the record can be read.
UNREADABLE = frozenset(
    {
        "wrong_column_count",
        "unclosed_quote",
        "invalid_bytes",
        "short_line",
        "broken_json",
    }
)
_BAD_BYTE = b"\xff"


@dataclass(frozen=True)
class Defect:
    """What is wrong with one record of a file; `column` is empty for all of it."""

    place: int
    kind: str
    column: str


def bad_row_places(
    level: DirtLevel,
    feed: Feed,
    rng: np.random.Generator,
    rows: int,
    block: int,
    blocks: int,
) -> list[int]:
    """Return the places of rows to damage: below the contract's reject ceiling."""
    if level.first_block_only and block:
        return []
    most = min(
        level.bad_most,
        int(level.bad_share * feed.ceiling.max_ratio * rows),
        int(level.bad_share * feed.ceiling.max_count / blocks),
    )
    return sorted(rng.choice(rows, most, replace=False).tolist()) if most > 0 else []


def damaged(
    feed: Feed, records: Records, places: list[int], rng: np.random.Generator
) -> tuple[Records, list[Defect]]:
    """Return records with those at the places damaged, each in another way."""
    spoilers = _spoilers(feed)
    if not spoilers:
        return records, []
    first = int(rng.integers(0, len(spoilers)))
    changes, defects = {}, []
    for number, place in enumerate(places):
        spoiler = spoilers[(first + number) % len(spoilers)]
        changes[place] = spoiler.spoil(feed, records.record(place))
        defects.append(Defect(place, spoiler.kind, spoiler.column))
    return records.replaced(changes), defects


@dataclass(frozen=True)
class _Spoiler:
    """A way to damage a record of a feed."""

    kind: str
    column: str
    spoil: Callable[[Feed, bytes], bytes]


def _spoilers(feed: Feed) -> list[_Spoiler]:
    """Return the ways to damage a record that the feed's format and columns allow."""
    columns = written_columns(feed)
    kinds: list[tuple[str, Column | None, str]] = []
    for kind, text in (
        ("unparseable_date", "2026-02-30x"),
        ("unparseable_amount", "12,3x"),
        ("unknown_code", "??"),
        ("missing_required", ""),
    ):
        column = next((c for c in columns if _suits(kind, c)), None)
        if column is not None:
            kinds.append((kind, column, text))
    cell = _CELL_SPOILERS[feed.layout.format]
    by_cell = [
        _Spoiler(kind, column.name, cell(column, text))
        for kind, column, text in kinds
        if column is not None
        and not (feed.layout.format == "mbox" and kind != "unparseable_date")
    ]
    whole = [
        _Spoiler(kind, "", spoil)
        for kind, spoil in _RECORD_SPOILERS[feed.layout.format].items()
        if kind != "unclosed_quote" or not feed.layout.multiline
    ]
    return by_cell + whole


def _suits(kind: str, column: Column) -> bool:
    if kind == "unparseable_date":
        return column.logical_type in {"date", "timestamp"}
    if kind == "unparseable_amount":
        return column.logical_type in {"number", "integer"} and not column.codes
    if kind == "unknown_code":
        return bool(column.codes) and not {"", "*"} & set(column.codes)
    is_plain = column.logical_type == "string" and not column.codes
    return column.required and is_plain and not column.is_primary_key


def _csv_cell(column: Column, text: str) -> Callable[[Feed, bytes], bytes]:
    def spoil(feed: Feed, record: bytes) -> bytes:
        fields = _csv_fields(feed, record)
        fields[_place(feed, column)] = text
        return _csv_line(feed, fields)

    return spoil


def _place(feed: Feed, column: Column) -> int:
    return [c.name for c in written_columns(feed)].index(column.name)


def _csv_fields(feed: Feed, record: bytes) -> list[str]:
    text = io.StringIO(record.decode(feed.layout.encoding), newline="")
    return next(csv.reader(text, delimiter=feed.layout.delimiter))


def _csv_line(feed: Feed, fields: list[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=feed.layout.delimiter, lineterminator="\n").writerow(
        fields
    )
    return line.getvalue().encode(feed.layout.encoding)


def _fewer_columns(feed: Feed, record: bytes) -> bytes:
    return _csv_line(feed, _csv_fields(feed, record)[:-2])


def _open_quote(feed: Feed, record: bytes) -> bytes:
    return feed.layout.quote.encode() + record.replace(feed.layout.quote.encode(), b"")


def _bad_bytes(_feed: Feed, record: bytes) -> bytes:
    """Put a byte that no encoding of the contracts has into the first cell."""
    return _BAD_BYTE + record[1:]


def _fixed_cell(column: Column, text: str) -> Callable[[Feed, bytes], bytes]:
    def spoil(feed: Feed, record: bytes) -> bytes:
        columns = written_columns(feed)
        place = _place(feed, column)
        start = sum(c.width or 0 for c in columns[:place])
        width = column.width or 0
        return (
            record[:start]
            + text[:width].ljust(width).encode()
            + record[start + width :]
        )

    return spoil


def _cut_line(_feed: Feed, record: bytes) -> bytes:
    return record[: len(record) // 3] + b"\n"


def _json_cell(column: Column, text: str) -> Callable[[Feed, bytes], bytes]:
    def spoil(feed: Feed, record: bytes) -> bytes:
        document = json.loads(record)
        *parents, leaf = column.physical_name.split(".")
        node = document
        for name in parents:
            node = node[name]
        node[leaf] = text or None
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return (line + "\n").encode(feed.layout.encoding)

    return spoil


def _broken_json(_feed: Feed, record: bytes) -> bytes:
    return record[: len(record) // 2].decode("utf-8", "ignore").encode() + b"\n"


def _json_bad_bytes(_feed: Feed, record: bytes) -> bytes:
    return record[:2] + _BAD_BYTE + record[2:]


def _mbox_cell(column: Column, text: str) -> Callable[[Feed, bytes], bytes]:
    def spoil(_feed: Feed, record: bytes) -> bytes:
        lines = record.split(b"\n")
        header = column.physical_name.encode() + b": "
        lines = [header + text.encode() if x.startswith(header) else x for x in lines]
        return b"\n".join(lines)

    return spoil


_CELL_SPOILERS: dict[str, Callable[[Column, str], Callable[[Feed, bytes], bytes]]] = {
    "csv": _csv_cell,
    "fixed_width": _fixed_cell,
    "json_lines": _json_cell,
    "mbox": _mbox_cell,
}
_RECORD_SPOILERS: dict[str, dict[str, Callable[[Feed, bytes], bytes]]] = {
    "csv": {
        "wrong_column_count": _fewer_columns,
        "unclosed_quote": _open_quote,
        "invalid_bytes": _bad_bytes,
    },
    "fixed_width": {"short_line": _cut_line, "invalid_bytes": _bad_bytes},
    "json_lines": {"broken_json": _broken_json, "invalid_bytes": _json_bad_bytes},
    "mbox": {},
}


def damaged_table(
    feed: Feed, table: pa.Table, places: list[int]
) -> tuple[pa.Table, list[Defect]]:
    """Return a physical table with an unknown code in the rows at the places."""
    column = next((c for c in written_columns(feed) if _suits("unknown_code", c)), None)
    if column is None or not places:
        return table, []
    values = table[column.physical_name].combine_chunks()
    mask = np.zeros(table.num_rows, bool)
    mask[places] = True
    bad = pc.if_else(pa.array(mask), pa.scalar("??"), values)
    at = table.schema.get_field_index(column.physical_name)
    return (
        table.set_column(at, column.physical_name, bad),
        [Defect(place, "unknown_code", column.name) for place in places],
    )
