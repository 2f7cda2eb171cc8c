"""One JSON object a line; a physical name with dots is a path into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Layout
from ingestion.formats.byte_lines import Decoded, Lines, decode_records
from ingestion.formats.trailer import Claims, read_rows
from ingestion.identifiers import quoted, text_literal
from ingestion.records import Chunk, Malformed, Parse, malformed_of
from ingestion.sessions import session

# A number of more digits than a double holds; in a string it does no harm.
_LONG_NUMBER = r"[:\[,]\s*-?[0-9.eE+-]{16}"


def read_json_lines(
    path: Path, layout: Layout, columns: tuple[str, ...], claims: Claims
) -> Iterator[Parse]:
    """Yield what parses the rows of a file as text; a value that is absent is null.

    Keys that no column names come as extra columns, of objects inside too, where a
    column looks into them.
    """
    for lines in read_rows(path, layout, claims):
        yield partial(_chunk, lines, columns, frozenset(layout.ignored_columns))


def _chunk(lines: Lines, columns: tuple[str, ...], ignored: frozenset[str]) -> Chunk:
    decoded = decode_records(lines)
    records = _exact(_records(decoded))
    rows, is_object, extra = _extract(records, columns, ignored)
    fit = is_object & decoded.good
    good = np.flatnonzero(fit)
    if len(good) < len(lines):
        rows = rows.filter(pa.array(fit))
    return Chunk(
        rows=rows,
        lines=lines.line_numbers[good],
        record_count=len(lines),
        raw=lines.data,
        base=lines.base,
        spans=partial(lines.spans, good),
        malformed=_malformed(lines, decoded, np.flatnonzero(~fit)),
        extra_columns=extra,
    )


def _records(decoded: Decoded) -> pa.Array:
    """Return the records as strings; each keeps its line end, which JSON allows."""
    last = len(decoded.text) if len(decoded.starts) else 0
    offsets = np.append(decoded.starts, last).astype(np.int32)
    array = pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(decoded.text)
    )
    if decoded.good.all():
        return array
    return pc.if_else(pa.array(decoded.good), array, "")


def _exact(records: pa.Array) -> pa.Array:
    """Return records whose long decimals are strings: a double would round them."""
    suspects = pc.match_substring_regex(records, _LONG_NUMBER)
    if not pc.any(suspects).as_py():
        return records
    exact = [_with_exact_decimals(r) for r in records.filter(suspects).to_pylist()]
    return pc.replace_with_mask(records, suspects, pa.array(exact, pa.string()))


def _with_exact_decimals(record: str) -> str:
    try:
        return json.dumps(json.loads(record, parse_float=str), ensure_ascii=False)
    except (ValueError, RecursionError):
        return record


def _extract(
    records: pa.Array, columns: tuple[str, ...], ignored: frozenset[str]
) -> tuple[pa.Table, npt.NDArray[np.bool_], tuple[str, ...]]:
    """Return the columns of every record, which are objects, and the extra columns."""
    connection = session()
    connection.register("records", pa.table({"record": records}))
    parents = ["", *sorted(_parents(columns))]
    keys = ", ".join(
        f"json_keys(document, {text_literal(_path(p))}) as {quoted(f'keys {n}')}"
        for n, p in enumerate(parents)
    )
    result = connection.execute(
        f"""
        with documents as (
            select case when json_valid(record) then record::json end as document
            from records
        )
        select
            coalesce(json_type(document) = 'OBJECT', false) as is_object,
            json_transform(document, {text_literal(_structure(columns))}) as object,
            {keys}
        from documents
        """
    ).to_arrow_table()
    is_object = result.column("is_object").to_numpy()
    extra = _extra(connection, result, parents, columns, ignored)
    table = _leaves(result.column("object").combine_chunks(), columns)
    if extra:
        table = _with_extra(connection, table, extra)
    connection.unregister("records")
    return table, is_object, extra


def _parents(columns: tuple[str, ...]) -> set[str]:
    parts = [name.split(".") for name in columns]
    return {".".join(p[:n]) for p in parts for n in range(1, len(p))}


def _structure(columns: tuple[str, ...]) -> str:
    """Return what `json_transform` is to make: all leaves as text."""
    tree: dict[str, Any] = {}
    for name in columns:
        *above, leaf = name.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        place[leaf] = "VARCHAR"
    return json.dumps(tree, ensure_ascii=False)


def _leaves(objects: pa.StructArray, columns: tuple[str, ...]) -> pa.Table:
    found: dict[str, pa.Array] = {}
    for name in columns:
        value = objects
        for part in name.split("."):
            value = pc.struct_field(value, part)
        found[name] = value
    return pa.table(found)


def _extra(
    connection: duckdb.DuckDBPyConnection,
    result: pa.Table,
    parents: list[str],
    columns: tuple[str, ...],
    ignored: frozenset[str],
) -> tuple[str, ...]:
    """Return paths of keys that no column names, in order of their first record."""
    known = {*columns, *parents, *ignored}
    extra: dict[str, None] = {}
    for number, parent in enumerate(parents):
        connection.register("seen", result.select([f"keys {number}"]))
        lists = connection.execute(
            f"select distinct {quoted(f'keys {number}')} as keys from seen"
        ).fetchall()
        connection.unregister("seen")
        for (keys,) in lists:
            names = [f"{parent}.{key}" if parent else key for key in keys or []]
            extra |= {n: None for n in names if n not in known}
    return tuple(sorted(extra))


def _with_extra(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, extra: tuple[str, ...]
) -> pa.Table:
    values = ", ".join(
        "case when json_valid(record) then json_extract_string("
        f"record, {text_literal(_path(name))}) end as {quoted(name)}"
        for name in extra
    )
    found = connection.execute(f"select {values} from records").to_arrow_table()
    for name in extra:
        table = table.append_column(name, found.column(name))
    return table


def _path(name: str) -> str:
    parts = [part.replace('"', '\\"') for part in name.split(".")] if name else []
    return "$" + "".join(f'."{part}"' for part in parts)


def _malformed(lines: Lines, decoded: Decoded, bad: npt.NDArray[np.intp]) -> Malformed:
    return malformed_of(
        (
            int(lines.line_numbers[i]),
            int(lines.starts[i] + lines.base),
            "invalid_json" if decoded.good[i] else "bad_encoding",
            "one JSON object" if decoded.good[i] else lines.encoding,
            "",
            lines.record(int(i)),
        )
        for i in bad.tolist()
    )
