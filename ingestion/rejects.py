"""What a landing could not take: where it stood, why, and the record, sealed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ingestion.casting import CastColumn, faults_of, faults_select
from ingestion.records import Chunk, Int64s, Malformed
from ingestion.sessions import session
from ingestion.tokens import SHORTEST_CARD, Keys, masked_text, seal

SHOWN_LENGTH = 60
REJECT_SCHEMA = pa.schema(
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


def malformed_rejects(file: Path, records: Malformed, keys: Keys) -> pa.Table:
    """Return records that are no rows as rejects."""
    count = len(records)
    return _table(
        file,
        list(records.lines),
        list(records.offsets),
        pa.nulls(count, pa.string()),
        list(records.reasons),
        list(records.expected),
        list(records.found),
        np.ones(count, np.int64),
        seal(records.raw, keys),
    )


def unfit_rejects(
    file: Path,
    chunk: Chunk,
    rows: Int64s,
    text_rows: pa.Table,
    columns: list[CastColumn],
    keys: Keys,
) -> pa.Table:
    """Return rows of a chunk that do not fit as rejects, each with its first fault.

    `rows` are their places in the chunk, `text_rows` what was cast of them. The first
    fault is that of the column that the contract names first.
    """
    connection = session()
    connection.register("text_rows", text_rows)
    result = connection.execute(faults_select(columns)).to_arrow_table()
    connection.unregister("text_rows")
    fault = result.column("fault")
    names, reasons, expected = map(pa.array, zip(*faults_of(columns), strict=True))
    offsets, raw = chunk.raw_records(rows)
    return _table(
        file,
        chunk.lines[rows],
        offsets,
        names.take(fault),
        reasons.take(fault),
        expected.take(fault),
        _shown(result.column("found").to_pylist()),
        result.column("fault_count"),
        seal(raw, keys),
    )


def _table(file: Path, *columns: object) -> pa.Table:
    count = len(columns[0])  # type: ignore[arg-type]
    files = pa.repeat(file.name, count)
    return pa.table([files, *columns], schema=REJECT_SCHEMA)


def _shown(found: list[str | None]) -> list[str | None]:
    # In a shifted record a card number stands where another column is read.
    return [
        f if f is None or len(f) < SHORTEST_CARD else masked_text(f)[:SHOWN_LENGTH]
        for f in found
    ]
