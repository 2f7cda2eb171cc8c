"""Writes tables of logical columns in the formats that contracts name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column, Feed
from ingestion.sample.cells import as_codes, cell_text, has_byte, written_columns
from ingestion.sample.columns import joined, plain
from ingestion.sample.mbox import mbox_records
from ingestion.sample.records import Records, from_lines


def file_header(feed: Feed) -> bytes:
    """Return what stands before the first record."""
    layout = feed.layout
    if layout.format != "csv" or not layout.header:
        return b""
    names = [_quote_text(c.physical_name, feed) for c in written_columns(feed)]
    return (layout.delimiter.join(names) + "\n").encode(layout.encoding)


def text_records(feed: Feed, table: pa.Table) -> Records:
    """Return the rows of a table as records of a text format."""
    return _WRITERS[feed.layout.format](feed, table)


def _cells(feed: Feed, table: pa.Table) -> Iterator[tuple[Column, pa.Array]]:
    for column in written_columns(feed):
        values = table[column.name]
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        yield column, cell_text(column, values)


def _csv_records(feed: Feed, table: pa.Table) -> Records:
    fields = [_quoted(pc.fill_null(text, ""), feed) for _, text in _cells(feed, table)]
    fields[-1] = joined(fields[-1], "\n")
    lines = pc.binary_join_element_wise(*fields, feed.layout.delimiter)
    return from_lines(lines, feed.layout.encoding)


def _quoted(values: pa.Array, feed: Feed) -> pa.Array:
    """Return the texts, quoted where a delimiter, quote or line end needs it."""
    quote, delimiter = feed.layout.quote, feed.layout.delimiter
    if not has_byte(values, quote, delimiter, "\n", "\r"):
        return values
    wrapped = joined(quote, pc.replace_substring(values, quote, quote * 2), quote)
    special = f"[{quote}\\{delimiter}\n\r]"
    return pc.if_else(pc.match_substring_regex(values, special), wrapped, values)


def _quote_text(text: str, feed: Feed) -> str:
    return str(_quoted(pa.array([text]), feed)[0].as_py())


def _fixed_width_records(feed: Feed, table: pa.Table) -> Records:
    parts = [_padded(column, text, feed) for column, text in _cells(feed, table)]
    newline = np.full((table.num_rows, 1), ord("\n"), np.uint8)
    matrix = np.ascontiguousarray(np.hstack([*parts, newline]))
    ends = np.arange(1, table.num_rows + 1, dtype=np.int64) * matrix.shape[1]
    return Records(matrix.reshape(-1).data, ends)


def _padded(column: Column, text: pa.Array, feed: Feed) -> npt.NDArray[np.uint8]:
    """Return texts as a byte matrix of the column's width; numbers stand right.

    Raises:
        ValueError: A text is longer than its column.
    """
    width = column.width or 0
    is_number = column.logical_type in {"number", "integer"}
    coded = text.dictionary_encode()
    if len(coded.dictionary) * 4 > len(text):
        pad = pc.ascii_lpad if is_number else pc.ascii_rpad
        filled = plain(pad(pc.fill_null(text, ""), width))
        data = np.frombuffer(filled.buffers()[2] or b"", np.uint8)
        start = filled.offset * width
        if len(data) - start >= len(text) * width and _fits(filled, width):
            return data[start : start + len(text) * width].reshape(-1, width)
    words = [
        (" " * width if w is None else w.rjust(width) if is_number else w)
        .encode(feed.layout.encoding)
        .ljust(width)
        for w in [*coded.dictionary.to_pylist(), None]
    ]
    if any(len(word) != width for word in words):
        raise ValueError(f"{feed.id}: a value is wider than column {column.name!r}")
    pool = np.frombuffer(b"".join(words), np.uint8).reshape(-1, width)
    places = pc.fill_null(coded.indices, len(words) - 1)
    return np.asarray(pool[places.to_numpy(zero_copy_only=False)])


def _fits(filled: pa.Array, width: int) -> bool:
    """Whether every text has exactly the width in bytes, so that all are ASCII."""
    lengths = pc.min_max(pc.binary_length(filled))
    if lengths["min"].as_py() != width or lengths["max"].as_py() != width:
        return False
    return not bool((np.frombuffer(filled.buffers()[2], np.uint8) > 127).any())


def _json_records(feed: Feed, table: pa.Table) -> Records:
    """Return one JSON object a line; a dotted name is an object within."""
    tree: dict[str, Any] = {}
    for column, text in _cells(feed, table):
        node = tree
        *parents, leaf = column.physical_name.split(".")
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = _json_values(column, text)
    parts = list(_json_parts(tree))
    return from_lines(joined(*_merged(parts), "\n"), feed.layout.encoding)


def _json_parts(tree: dict[str, Any]) -> Iterator[pa.Array | str]:
    for place, (name, node) in enumerate(tree.items()):
        yield ("," if place else "{") + json.dumps(name, ensure_ascii=False) + ":"
        if isinstance(node, dict):
            yield from _json_parts(node)
        else:
            yield node
    yield "}"


def _merged(parts: list[pa.Array | str]) -> Iterator[pa.Array | str]:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        yield text
        yield part
        text = ""
    yield text


def _json_values(column: Column, text: pa.Array) -> pa.Array:
    if column.logical_type in {"integer", "number", "boolean"}:
        return pc.fill_null(text, "null")
    if has_byte(text, "\\", '"', *(chr(n) for n in range(32))):
        coded = text.dictionary_encode()
        words = [
            json.dumps(w, ensure_ascii=False) for w in coded.dictionary.to_pylist()
        ]
        pool = pa.array(words, pa.string())
        text = pa.DictionaryArray.from_arrays(coded.indices, pool).cast(pa.string())
    else:
        text = joined('"', text, '"')
    return pc.fill_null(text, "null")


def parquet_table(feed: Feed, table: pa.Table) -> pa.Table:
    """Return a table with physical names, codes and native types."""
    names, arrays = [], []
    for column in written_columns(feed):
        values = table[column.name]
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        values = plain(as_codes(column, values))
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("us"))
        names.append(column.physical_name)
        arrays.append(values)
    return pa.table(arrays, names=names)


_WRITERS: dict[str, Callable[[Feed, pa.Table], Records]] = {
    "csv": _csv_records,
    "fixed_width": _fixed_width_records,
    "json_lines": _json_records,
    "mbox": mbox_records,
}
