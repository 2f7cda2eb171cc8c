"""Records of one width, cut by bytes: a multi-byte character counts as its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingestion.contract import Layout
from ingestion.formats.byte_lines import Dialect, Lines, decode_records
from ingestion.formats.trailer import Claims, read_rows
from ingestion.plain_forms import strings_of_one_length
from ingestion.records import Chunk, Int64s, Malformed, Parse, malformed_of

_Bytes = npt.NDArray[np.uint8]


def read_fixed_width(
    path: Path, layout: Layout, widths: dict[str, int], claims: Claims
) -> Iterator[Parse]:
    """Yield what parses a file's rows as text, a column an entry of `widths`."""
    for lines in read_rows(path, layout, claims):
        yield partial(_chunk, lines, widths)


def _chunk(lines: Lines, widths: dict[str, int]) -> Chunk:
    total = sum(widths.values())
    lengths = lines.ends - lines.starts
    right_length = np.flatnonzero(lengths == total)
    cells = _matrix(lines, right_length, total)
    columns, decodes = _columns(cells, lines.encoding, widths)
    table = pa.table(columns)
    good = right_length
    if not decodes.all():
        good, table = right_length[decodes], table.filter(pa.array(decodes))
    return Chunk(
        rows=table,
        lines=lines.line_numbers[good],
        record_count=len(lines),
        raw=lines.data,
        base=lines.base,
        spans=partial(lines.spans, good),
        malformed=_malformed(lines, lengths, total, right_length[~decodes]),
    )


def _matrix(lines: Lines, records: npt.NDArray[np.intp], total: int) -> _Bytes:
    """Return the bytes of records of one length, a row each."""
    array = np.frombuffer(lines.data, np.uint8)
    if not len(records):
        return np.empty((0, total), np.uint8)
    first = int(lines.starts[0])
    stride = int(lines.starts[1]) - first if len(lines) > 1 else total + 1
    body = array[first : first + stride * len(records)]
    # Some records may end in LF and others in CRLF.
    is_regular = len(records) == len(lines) and (np.diff(lines.starts) == stride).all()
    if is_regular and len(body) == stride * len(records):
        return body.reshape(len(records), stride)[:, :total]
    picked: _Bytes = array[lines.starts[records][:, None] + np.arange(total)[None, :]]
    return picked


def _columns(
    cells: _Bytes, encoding: str, widths: dict[str, int]
) -> tuple[dict[str, pa.Array], npt.NDArray[np.bool_]]:
    decodes = np.ones(len(cells), dtype=bool)
    columns: dict[str, pa.Array] = {}
    position = 0
    for name, width in widths.items():
        column = cells[:, position : position + width]
        columns[name] = _text(column, encoding, decodes)
        position += width
    return columns, decodes


def _text(column: _Bytes, encoding: str, decodes: npt.NDArray[np.bool_]) -> pa.Array:
    """Return one column as strings; rows that do not decode are marked and empty."""
    count = len(column)
    if not count:
        return pa.array([], pa.string())
    column = np.ascontiguousarray(column)
    if not (column & 0x80).any():
        return strings_of_one_length(column.tobytes(), count)
    # A line end of its own after each cell: a cell that is cut inside a character
    # spoils itself and not the next one.
    ended = np.hstack((column, np.full((count, 1), 0x0A, np.uint8)))
    decoded = decode_records(Lines(ended.tobytes(), 0, 1, Dialect(encoding)))
    decodes &= decoded.good
    # A carriage return may be a cell's last byte, so cells end at the line ends added.
    text = np.frombuffer(decoded.text, np.uint8)
    ends = np.flatnonzero(text == 0x0A)
    lengths = np.diff(ends, prepend=-1) - 1
    keep = text != 0x0A
    for bad in np.flatnonzero(~decoded.good).tolist():
        keep[ends[bad] - lengths[bad] : ends[bad]] = False
        lengths[bad] = 0
    return _strings(text[keep].tobytes(), np.concatenate(([0], np.cumsum(lengths))))


def _strings(data: bytes, offsets: Int64s) -> pa.Array:
    bounds = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, bounds, pa.py_buffer(data))


def _malformed(
    lines: Lines, lengths: Int64s, total: int, undecoded: npt.NDArray[np.intp]
) -> Malformed:
    reasons = {int(i): "wrong_record_length" for i in np.flatnonzero(lengths != total)}
    reasons |= {int(i): "bad_encoding" for i in undecoded}
    due = {"wrong_record_length": f"{total} bytes", "bad_encoding": lines.encoding}
    return malformed_of(
        (
            int(lines.line_numbers[i]),
            int(lines.starts[i] + lines.base),
            reason,
            due[reason],
            f"{int(lengths[i])} bytes",
            lines.record(i),
        )
        for i, reason in sorted(reasons.items())
    )
