"""One JSON object a line; a physical name with dots is a path into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

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

# A number is read through a double, which keeps 15 digits. What it may have changed has
# this many decimals, or is this long as a number, or was a number where text is wanted.
_MANY_DECIMALS = r"\.[0-9]{8}"
_LONG = 12
_FRACTION = r"^-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
# JSON that begins with a brace is an object.
_DOCUMENTS = """
with documents as (
    select case
        when starts_with(ltrim(record, chr(9) || chr(10) || chr(13) || ' '), '{')
            and json_valid(record)
        then record end as document
    from records
)
"""
Parts = tuple[str, ...]


def read_json_lines(
    path: Path,
    layout: Layout,
    columns: tuple[str, ...],
    claims: Claims,
    kinds: Mapping[str, str],
) -> Iterator[Parse]:
    """Yield what parses the rows of a file as text; a value that is absent is null.

    Of a key that stands twice the first counts. `kinds` are the columns' logical types:
    numbers in those of strings keep their spelling, zeros at the end included. Keys
    that no column names come as extra columns, of objects inside too, where a column
    looks into them.
    """
    for lines in read_rows(path, layout, claims):
        ignored = frozenset(layout.ignored_columns)
        yield partial(_chunk, lines, columns, ignored, kinds)


def _chunk(
    lines: Lines,
    columns: tuple[str, ...],
    ignored: frozenset[str],
    kinds: Mapping[str, str],
) -> Chunk:
    decoded = decode_records(lines)
    records = _records(decoded)
    rows, is_object, extra = _extract(records, columns, ignored)
    rows = _exact(records, rows, columns, kinds)
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


def _exact(
    records: pa.Array,
    rows: pa.Table,
    columns: tuple[str, ...],
    kinds: Mapping[str, str],
) -> pa.Table:
    """Return rows whose decimals are as they were written.

    Those that a double may have changed are read again, from records in which decimals
    are strings.
    """
    suspects = pc.match_substring_regex(records, _MANY_DECIMALS)
    for name in columns:
        changed = _may_have_changed(one_array(rows.column(name)), kinds.get(name))
        suspects = suspects if changed is None else pc.or_(suspects, changed)
    if not pc.any(suspects).as_py():
        return rows
    exact = [_with_exact_decimals(r) for r in records.filter(suspects).to_pylist()]
    again, _, _ = _extract(pa.array(exact, pa.string()), columns, frozenset())
    for name in columns:
        place = rows.schema.get_field_index(name)
        column = one_array(rows.column(name))
        right = pc.replace_with_mask(column, suspects, one_array(again.column(name)))
        rows = rows.set_column(place, name, right)
    return rows


def _may_have_changed(values: pa.Array, kind: str | None) -> pa.Array | None:
    """Return which values may be numbers that lost a digit, or their spelling."""
    if kind in {"number", "integer"}:
        is_long = pc.greater_equal(pc.binary_length(values), _LONG)
        return pc.fill_null(pc.or_(is_long, pc.match_substring(values, "e")), False)
    if kind != "string":
        return None
    has_point = pc.fill_null(pc.match_substring(values, "."), False)
    if not pc.any(has_point).as_py():
        return None
    return pc.fill_null(pc.match_substring_regex(values, _FRACTION), False)


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
    parents: list[Parts] = [(), *sorted(_parents(columns))]
    shape, places = _shape(parents)
    connection = session()
    connection.register("records", pa.table({"record": records}))
    result = connection.execute(
        f"""
        {_DOCUMENTS}
        select
            document is not null as is_object,
            json_transform(document, $structure) as object,
            hash({shape}) as shape
        from documents
        """,
        {"structure": _structure(columns), **places},
    ).to_arrow_table()
    is_object = result.column("is_object").to_numpy()
    table = _leaves(one_array(result.column("object")), columns)
    # Records of one shape have the same keys: one of each is looked at.
    _, examples = np.unique(result.column("shape").to_numpy(), return_index=True)
    known = {tuple(name.split(".")) for name in (*columns, *ignored)} | {*parents}
    extra = _extra(records.take(pa.array(examples)), parents, known)
    if extra:
        table = _with_extra(records, table, extra)
    return table, is_object, tuple(extra)


def _shape(parents: list[Parts]) -> tuple[str, dict[str, str]]:
    """Return SQL of the keys of a document and of what columns look into."""
    inside = [
        f"json_keys(document, $at{n}), json_type(document, $at{n})"
        for n in range(1, len(parents))
    ]
    places = {f"at{n}": _pointer(p) for n, p in enumerate(parents) if p}
    return ", ".join(["json_keys(document)", *inside]), places


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
    examples: pa.Array, parents: list[Parts], known: set[Parts]
) -> dict[str, Parts]:
    """Return where values are that no column takes, by the name of their column."""
    shape, places = _shape(parents)
    connection = session()
    connection.register("records", pa.table({"record": examples}))
    seen = connection.execute(
        f"{_DOCUMENTS} select {shape} from documents", places
    ).fetchall()
    found: set[Parts] = set()
    whole: set[Parts] = set()
    for keys, *inside in seen:
        found |= {(key,) for key in keys or []}
        for parent, below, kind in zip(
            parents[1:], inside[::2], inside[1::2], strict=True
        ):
            found |= {(*parent, key) for key in below or []}
            if kind not in {None, "NULL", "OBJECT"}:
                # A column looks into it, and it is no object.
                whole.add(parent)
    return {_name(p): p for p in sorted((found - known) | whole)}


def _name(parts: Parts) -> str:
    """Return a path as a contract writes it; an odd key stands in quotes."""
    return ".".join(
        json.dumps(p, ensure_ascii=False)
        if "." in p or not p.isprintable() or not p
        else p
        for p in parts
    )


def _with_extra(
    records: pa.Array, table: pa.Table, extra: dict[str, Parts]
) -> pa.Table:
    values = ", ".join(
        f"json_extract_string(document, $at{n}) as {quoted(f'at {n}')}"
        for n in range(len(extra))
    )
    connection = session()
    connection.register("records", pa.table({"record": records}))
    found = connection.execute(
        f"{_DOCUMENTS} select {values} from documents",
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
