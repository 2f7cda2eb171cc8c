"""Records of one width, cut by bytes: a multi-byte character counts as its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingestion.contract import Layout
from ingestion.formats.byte_lines import Lines, read_lines
from ingestion.records import Chunk, Malformed


def read_fixed_width(
    path: Path, layout: Layout, widths: dict[str, int]
) -> Iterator[Chunk]:
    """Yield the rows of a file as text, one column an entry of `widths`, in order."""
    for lines in read_lines(path):
        yield _chunk(lines, layout.encoding, widths)


def _chunk(lines: Lines, encoding: str, widths: dict[str, int]) -> Chunk:
    total = sum(widths.values())
    lengths = lines.ends - lines.starts
    right_length = np.flatnonzero(lengths == total)
    cells = _matrix(lines, right_length, total)
    columns, decodes = _columns(cells, encoding, widths)
    good = right_length[decodes]
    table = pa.table(columns).filter(pa.array(decodes))
    bad_bytes = right_length[~decodes]
    wrong = np.flatnonzero(lengths != total)
    malformed = [
        _malformed(lines, int(i), "wrong_record_length", f"{total} bytes")
        for i in wrong
    ] + [_malformed(lines, int(i), "bad_encoding", encoding) for i in bad_bytes]
    return Chunk(
        rows=table,
        lines=lines.line_numbers[good],
        offsets=lines.starts[good] + lines.base,
        ends=lines.ends[good] + lines.base,
        record_count=len(lines.starts),
        raw=lines.data,
        malformed=tuple(malformed),
        base=lines.base,
    )


def _matrix(
    lines: Lines, records: npt.NDArray[np.intp], total: int
) -> npt.NDArray[np.uint8]:
    array = np.frombuffer(lines.data, np.uint8)
    if not len(records):
        return np.empty((0, total), np.uint8)
    stride = total + 1
    contiguous = len(records) == len(lines.starts) and len(array) == stride * len(
        records
    )
    if contiguous:
        return array.reshape(len(records), stride)[:, :total]
    picked: npt.NDArray[np.uint8] = array[
        lines.starts[records][:, None] + np.arange(total)[None, :]
    ]
    return picked


def _columns(
    cells: npt.NDArray[np.uint8], encoding: str, widths: dict[str, int]
) -> tuple[dict[str, pa.Array], npt.NDArray[np.bool_]]:
    decodes = np.ones(len(cells), dtype=bool)
    columns: dict[str, pa.Array] = {}
    position = 0
    for name, width in widths.items():
        column = np.ascontiguousarray(cells[:, position : position + width])
        columns[name] = _text(column, encoding, decodes)
        position += width
    return columns, decodes


def _text(
    column: npt.NDArray[np.uint8], encoding: str, decodes: npt.NDArray[np.bool_]
) -> pa.Array:
    """Return one column as strings; rows that do not decode are marked and empty."""
    count, width = column.shape
    if not count:
        return pa.array([], pa.string())
    if not (column & 0x80).any():
        fixed = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(width), count, [None, pa.py_buffer(column)]
        )
        return fixed.cast(pa.binary()).cast(pa.string())
    ended = np.hstack((column, np.full((count, 1), 0x0A, np.uint8)))
    try:
        cells = ended.tobytes().decode(encoding).split("\n")
        if len(cells) == count + 1:
            return pa.array(cells[:-1], pa.string())
    except UnicodeDecodeError:
        pass
    values: list[str | None] = []
    for index, cell in enumerate(column):
        try:
            values.append(cell.tobytes().decode(encoding))
        except UnicodeDecodeError:
            decodes[index] = False
            values.append(None)
    return pa.array(values, pa.string())


def _malformed(lines: Lines, index: int, reason: str, expected: str) -> Malformed:
    raw = lines.record(int(index))
    return Malformed(
        line=int(lines.line_numbers[index]),
        offset=int(lines.starts[index] + lines.base),
        reason=reason,
        raw=raw,
        expected=expected,
        found=f"{len(raw)} bytes",
    )
