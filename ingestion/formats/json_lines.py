"""One JSON object a line; a physical name with dots is a path into it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from ingestion.contract import Layout
from ingestion.formats.byte_lines import Lines, decode_records, read_lines
from ingestion.identifiers import quoted, text_literal
from ingestion.records import Chunk, Malformed

_LONG_DECIMAL = re.compile(r"[0-9]{8}\.[0-9]|[0-9]\.[0-9]{8}")


def read_json_lines(
    path: Path, layout: Layout, columns: tuple[str, ...]
) -> Iterator[Chunk]:
    """Yield the rows of a file as text; a value that is absent is null."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        for lines in read_lines(path):
            yield _chunk(connection, lines, layout.encoding, columns)


def _chunk(
    connection: duckdb.DuckDBPyConnection,
    lines: Lines,
    encoding: str,
    columns: tuple[str, ...],
) -> Chunk:
    text, decodes, starts, ends = decode_records(lines, encoding)
    records = pa.array(
        [
            _exact(text[int(s) : int(e)].decode())
            for s, e in zip(starts, ends, strict=True)
        ],
        pa.string(),
    )
    rows, is_object = _extract(connection, records, columns)
    good = np.flatnonzero(is_object & decodes)
    malformed = tuple(
        Malformed(
            line=int(lines.line_numbers[i]),
            offset=int(lines.starts[i] + lines.base),
            reason="invalid_json" if decodes[i] else "bad_encoding",
            raw=lines.record(int(i)),
            expected="one JSON object" if decodes[i] else encoding,
        )
        for i in np.flatnonzero(~(is_object & decodes))
    )
    return Chunk(
        rows=rows.take(pa.array(good)),
        lines=lines.line_numbers[good],
        offsets=lines.starts[good] + lines.base,
        ends=lines.ends[good] + lines.base,
        record_count=len(lines.starts),
        raw=lines.data,
        malformed=malformed,
        base=lines.base,
    )


def _exact(record: str) -> str:
    """Return a record whose long decimals are strings: a double would round them."""
    if not _LONG_DECIMAL.search(record):
        return record
    try:
        return json.dumps(json.loads(record, parse_float=str), ensure_ascii=False)
    except (ValueError, RecursionError):
        return record


def _extract(
    connection: duckdb.DuckDBPyConnection, records: pa.Array, columns: tuple[str, ...]
) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return the columns of every record, and which records are JSON objects."""
    connection.register("records", pa.table({"record": records}))
    paths = ", ".join(
        f"json_extract_string(document, {text_literal(_path(name))}) as {quoted(name)}"
        for name in columns
    )
    result = connection.execute(
        f"""
        with documents as (
            select case when json_valid(record) then record::json end as document
            from records
        )
        select
            coalesce(json_type(document) = 'OBJECT', false) as is_object,
            {paths}
        from documents
        """
    ).to_arrow_table()
    connection.unregister("records")
    is_object = result.column("is_object").to_numpy()
    return result.drop_columns(["is_object"]), is_object


def _path(name: str) -> str:
    return "$" + "".join(f'."{part}"' for part in name.split("."))
