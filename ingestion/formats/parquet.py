"""Parquet files, brought to text so that they pass the same checks as any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.contract import Layout
from ingestion.errors import LandingRefused
from ingestion.records import Chunk, Parse

_BATCH_ROWS = 200_000
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Some 8,000 years on either side of 1970, and less than nanoseconds can hold.
_MOST_SECONDS = 250_000_000_000


def read_parquet(
    path: Path, layout: Layout, columns: tuple[str, ...]
) -> Iterator[Parse]:
    """Yield what brings the rows of a file to text; `lines` are row numbers from 1.

    Raises:
        LandingRefused: The file is not Parquet, or is truncated.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            left_out = {*columns, *layout.ignored_columns}
            extra = tuple(n for n in names if n not in left_out)
            wanted = [name for name in columns if name in names] + list(extra)
            schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
            missing = tuple(n for n in columns if n not in names)
            # No rows, so that a file without any is judged by its columns too.
            yield partial(_chunk, path, schema.empty_table(), 0, missing, extra)
            row = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                table = pa.Table.from_batches([batch])
                yield partial(_chunk, path, table, row, missing, extra)
                row += batch.num_rows
            if row != file.metadata.num_rows:
                raise pa.ArrowInvalid("row groups are shorter than the footer says")
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise unreadable_parquet(path, error) from None


def unreadable_parquet(path: Path, error: Exception) -> LandingRefused:
    """Return the refusal of a file that is no whole Parquet file."""
    return LandingRefused(
        path.name,
        "cannot be read as a whole Parquet file",
        found=(str(error) or repr(error)).splitlines()[0],
        remedy="Ask the channel for it again.",
    )


def _chunk(
    path: Path,
    table: pa.Table,
    row: int,
    missing: tuple[str, ...],
    extra: tuple[str, ...],
) -> Chunk:
    return Chunk(
        rows=pa.table({n: _read(path, table, n, extra) for n in table.schema.names}),
        lines=np.arange(row + 1, row + 1 + table.num_rows, dtype=np.int64),
        record_count=table.num_rows,
        missing_columns=missing,
        extra_columns=extra,
    )


def _read(
    path: Path, table: pa.Table, name: str, extra: tuple[str, ...]
) -> pa.ChunkedArray:
    column = table.column(name)
    if not _is_bytes(column.type):
        return _text(column)
    try:
        # Old writers stored UTF-8 without saying so.
        return pc.cast(column, pa.string())
    except pa.ArrowInvalid:
        if name not in extra:
            raise LandingRefused(
                f"{path.name} column {name!r}",
                "holds bytes that are no text",
                expected="UTF-8",
                remedy="Ask the channel for it as text.",
            ) from None
    values = [None if v is None else v.hex() for v in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of any type as text that reads back as the same value."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if pa.types.is_timestamp(kind):
        return _instants(column)
    if pa.types.is_floating(kind):
        return pa.chunked_array([_plain_floats(chunk) for chunk in column.chunks])
    if pa.types.is_nested(kind):
        return _by_value(column)
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return _by_value(column)


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return moments as text; one that no calendar reaches as its bare number."""
    layout = "%Y-%m-%d %H:%M:%S" + ("%z" if column.type.tz else "")
    ticks = column.cast(pa.int64())
    most = min(_MOST_SECONDS * _TICKS[column.type.unit], 2**63 - 1)
    reached = pc.less_equal(pc.abs(ticks), most)
    known = pc.if_else(reached, ticks, 0).cast(column.type)
    with suppress(pa.ArrowInvalid):  # it has nanoseconds, which are not cut here
        known = known.cast(pa.timestamp("us", tz=column.type.tz))
    shown = pc.strftime(known, format=layout)
    return pc.if_else(reached, shown, ticks.cast(pa.string()))


def _plain_floats(chunk: pa.Array) -> pa.Array:
    """Return numbers without exponent, as a decimal column can read them."""
    text = chunk.cast(pa.string())
    if not pc.any(pc.match_substring_regex(text, "[eE]")).as_py():
        return text
    numbers = chunk.to_numpy(zero_copy_only=False)
    values = [
        None if shown is None else _plain(number, shown)
        for number, shown in zip(numbers, text.to_pylist(), strict=True)
    ]
    return pa.array(values, pa.string())


def _plain(number: np.floating[Any], shown: str) -> str:
    if not np.isfinite(number):
        return shown
    return np.format_float_positional(number, trim="-")


def _by_value(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = [None if v is None else _json(v) for v in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
