"""One JSON object a line; a physical name with dots is a path into it."""

from __future__ import annotations

import json
import re
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
from ingestion.identifiers import quoted
from ingestion.plain_forms import one_array
from ingestion.records import Chunk, Malformed, Parse, malformed_of
from ingestion.sessions import session

# Numbers that a double would change: long ones, tiny ones, those with an exponent. In a
# string they do no harm.
_LONG_NUMBER = r"[:\[,]\s*-?([0-9.eE+-]{16}|0\.0000|[0-9.]+[eE])"
_OBJECT = "OBJECT"
Parts = tuple[str, ...]


def read_json_lines(
    path: Path,
    layout: Layout,
    columns: tuple[str, ...],
    claims: Claims,
    texts: frozenset[str] = frozenset(),
) -> Iterator[Parse]:
    """Yield what parses the rows of a file as text; a value that is absent is null.

    Of a key that stands twice the first counts. Numbers in the columns of `texts` keep
    their spelling, zeros at the end included. Keys that no column names come as extra
    columns, of objects inside too, where a column looks into them.
    """
    suspicious = "|".join([_LONG_NUMBER, *_spelled(texts)])
    for lines in read_rows(path, layout, claims):
        ignored = frozenset(layout.ignored_columns)
        yield partial(_chunk, lines, columns, ignored, suspicious)


def _spelled(texts: frozenset[str]) -> list[str]:
    """Return the pattern of a number with a fraction in a column of text."""
    keys = sorted(re.escape(json.dumps(n.split(".")[-1])) for n in texts)
    return [rf"({'|'.join(keys)})\s*:\s*-?[0-9]+\."] if keys else []


def _chunk(
    lines: Lines, columns: tuple[str, ...], ignored: frozenset[str], suspicious: str
) -> Chunk:
    decoded = decode_records(lines)
    records = _exact(_records(decoded), suspicious)
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


def _exact(records: pa.Array, suspicious: str) -> pa.Array:
    """Return records whose decimals are strings where a double would change them."""
    suspects = pc.match_substring_regex(records, suspicious)
    if not pc.any(suspects).as_py():
        return records
    exact = [_with_exact_decimals(r) for r in records.filter(suspects).to_pylist()]
    return pc.replace_with_mask(records, suspects, pa.array(exact, pa.string()))


def _with_exact_decimals(record: str) -> str:
    try:
        return json.dumps(
            json.loads(record, parse_float=str, object_pairs_hook=_first_of_each)
        )
    except (ValueError, RecursionError):
        return record


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _extract(
    records: pa.Array, columns: tuple[str, ...], ignored: frozenset[str]
) -> tuple[pa.Table, npt.NDArray[np.bool_], tuple[str, ...]]:
    """Return the columns of every record, which are objects, and the extra columns."""
    connection = session()
    connection.register("records", pa.table({"record": records}))
    parents: list[Parts] = [(), *sorted(_parents(columns))]
    inside = "".join(
        f", json_keys(document, $at{n}) as {quoted(f'keys {n}')}"
        f", json_type(document, $at{n}) as {quoted(f'type {n}')}"
        for n in range(1, len(parents))
    )
    result = connection.execute(
        f"""
        with documents as (
            select case when json_valid(record) then record::json end as document
            from records
        )
        select
            coalesce(json_type(document) = 'OBJECT', false) as is_object,
            json_transform(document, $structure) as object,
            json_keys(document) as "keys 0",
            json_type(document) as "type 0"
            {inside}
        from documents
        """,
        {
            "structure": _structure(columns),
            **{f"at{n}": _pointer(p) for n, p in enumerate(parents) if p},
        },
    ).to_arrow_table()
    is_object = result.column("is_object").to_numpy()
    extra = _extra(connection, result, parents, columns, ignored)
    table = _leaves(one_array(result.column("object")), columns)
    if extra:
        table = _with_extra(connection, table, extra)
    connection.unregister("records")
    return table, is_object, tuple(extra)


def _parents(columns: tuple[str, ...]) -> set[Parts]:
    parts = [tuple(name.split(".")) for name in columns]
    return {p[:n] for p in parts for n in range(1, len(p))}


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
    parents: list[Parts],
    columns: tuple[str, ...],
    ignored: frozenset[str],
) -> dict[str, Parts]:
    """Return where values are that no column takes, by the name of their column."""
    known = {tuple(name.split(".")) for name in (*columns, *ignored)} | {*parents}
    found: set[Parts] = set()
    for number, parent in enumerate(parents):
        connection.register("seen", result.select([f"keys {number}", f"type {number}"]))
        seen = connection.execute(
            f"select distinct {quoted(f'keys {number}')}, {quoted(f'type {number}')} "
            "from seen"
        ).fetchall()
        connection.unregister("seen")
        for keys, kind in seen:
            found |= {
                (*parent, key) for key in keys or [] if (*parent, key) not in known
            }
            # A column looks into it, and it is no object.
            if parent and kind not in {None, "NULL", _OBJECT}:
                found.add(parent)
    return {_name(parts): parts for parts in sorted(found)}


def _name(parts: Parts) -> str:
    """Return a path as a contract writes it; an odd key stands in quotes."""
    return ".".join(
        json.dumps(p, ensure_ascii=False)
        if "." in p or not p.isprintable() or not p
        else p
        for p in parts
    )


def _with_extra(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, extra: dict[str, Parts]
) -> pa.Table:
    values = ", ".join(
        f"json_extract_string(document, $at{n}) as {quoted(f'at {n}')}"
        for n in range(len(extra))
    )
    found = connection.execute(
        f"""
        with documents as (
            select case when json_valid(record) then record::json end as document
            from records
        )
        select {values} from documents
        """,
        {f"at{n}": _pointer(parts) for n, parts in enumerate(extra.values())},
    ).to_arrow_table()
    looked_into = {name for name, parts in extra.items() if parts in _parents_of(table)}
    for number, name in enumerate(extra):
        value = one_array(found.column(number))
        if name in looked_into:
            value = pc.if_else(pc.starts_with(value, "{"), None, value)
        table = table.append_column(name, value)
    return table


def _parents_of(table: pa.Table) -> set[Parts]:
    return _parents(tuple(table.column_names))


def _pointer(parts: Parts) -> str:
    """Return a JSON pointer (RFC 6901): in it every key can be written."""
    return "".join("/" + p.replace("~", "~0").replace("/", "~1") for p in parts)


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
