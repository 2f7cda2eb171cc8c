"""Parquet files, brought to text so that they pass the same checks as any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.errors import LandingRefused
from ingestion.records import Chunk

_BATCH_ROWS = 200_000


def read_parquet(path: Path, columns: tuple[str, ...]) -> Iterator[Chunk]:
    """Yield the rows of a file as text; `lines` are row numbers from 1.

    Raises:
        LandingRefused: The file is not Parquet, or is truncated.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [name for name in columns if name in names]
            schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
            # No rows, so that a file without any is judged by its columns too.
            yield _chunk(schema.empty_table(), 0, names, columns)
            row = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                table = pa.Table.from_batches([batch])
                yield _chunk(table, row, names, columns)
                row += batch.num_rows
            if row != file.metadata.num_rows:
                raise pa.ArrowInvalid("row groups are shorter than the footer says")
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise LandingRefused(
            path.name,
            "cannot be read as a whole Parquet file",
            found=(str(error) or repr(error)).splitlines()[0],
            remedy="Ask the channel for it again.",
        ) from None


def _chunk(
    table: pa.Table, row: int, names: list[str], columns: tuple[str, ...]
) -> Chunk:
    numbers = np.arange(row, row + table.num_rows, dtype=np.int64)
    return Chunk(
        rows=_as_text(table),
        lines=numbers + 1,
        offsets=np.full(table.num_rows, -1, np.int64),
        record_count=table.num_rows,
        missing_columns=tuple(n for n in columns if n not in names),
        extra_columns=tuple(n for n in names if n not in columns),
    )


def _as_text(table: pa.Table) -> pa.Table:
    return pa.table({n: _text(table.column(n)) for n in table.column_names})


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        layout = "%Y-%m-%d %H:%M:%S" + ("%z" if column.type.tz else "")
        return pc.strftime(column, format=layout)
    return pc.cast(column, pa.string())
