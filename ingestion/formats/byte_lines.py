"""Reads a file in byte chunks that end where a record ends.

Newline and quote bytes never occur inside a multi-byte character of the encodings
accepted here, so records are found before anything is decoded.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingestion.errors import LandingRefused
from ingestion.records import CHUNK_BYTES, Int64s

NEWLINE = 0x0A
ENCODINGS = ("utf-8", "ascii", "gb18030", "gbk", "big5", "latin-1", "cp1250", "cp1252")
MAX_RECORD_BYTES = 8 * CHUNK_BYTES


@dataclass(frozen=True)
class Lines:
    """Whole records of a file: bytes and, for each record, where it lies in them."""

    data: bytes
    starts: Int64s
    ends: Int64s
    base: int
    first_line: int
    line_numbers: Int64s

    def record(self, index: int) -> bytes:
        """Return one record without its line end."""
        return self.data[int(self.starts[index]) : int(self.ends[index])]


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacking gzip and zstd by their suffix."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix in {".zst", ".zstd"}:
        return cast(BinaryIO, pa.input_stream(str(path), compression="zstd"))
    return path.open("rb")


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked, in blocks of `CHUNK_BYTES`.

    Raises:
        LandingRefused: The file is packed, and damaged or cut off.
    """
    try:
        with open_bytes(path) as stream:
            while block := stream.read(CHUNK_BYTES):
                yield block
    except (EOFError, zlib.error, OSError) as error:
        raise LandingRefused(
            path.name,
            "cannot be read to its end",
            found=str(error).splitlines()[0] if str(error) else repr(error),
            remedy="It may be truncated: ask the channel for it again.",
        ) from None


def read_lines(path: Path, quote: str | None = None) -> Iterator[Lines]:
    """Yield all records of a file in order; nothing is left out, blank lines included.

    With `quote`, a newline between two quotes does not end a record. A byte order mark
    is skipped. The last record needs no line end.
    """
    base, line = 0, 1
    pending = b""
    for number, block in enumerate(read_blocks(path)):
        if number == 0 and block.startswith(b"\xef\xbb\xbf"):
            block, base = block[3:], 3
        data = pending + block
        cut = _last_record_end(data, quote)
        if cut == 0 and len(data) > MAX_RECORD_BYTES:
            raise _endless_record(path, line)
        pending = data[cut:]
        if cut:
            lines = _split(data[:cut], base, line, quote)
            yield lines
            base += cut
            line += int(np.count_nonzero(_bytes(lines.data) == NEWLINE))
    if pending:
        yield _split(pending, base, line, quote)


def _endless_record(path: Path, line: int) -> LandingRefused:
    return LandingRefused(
        path.name,
        f"a record that starts at line {line} does not end",
        expected=f"records of at most {MAX_RECORD_BYTES:,} bytes",
        remedy="Look for a quote that is never closed, or set multiline: false.",
    )


def _bytes(data: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8)


def _last_record_end(data: bytes, quote: str | None) -> int:
    if quote is None:
        return data.rfind(b"\n") + 1
    ends = _record_newlines(_bytes(data), quote)
    return int(ends[-1]) + 1 if len(ends) else 0


def _record_newlines(data: npt.NDArray[np.uint8], quote: str | None) -> Int64s:
    newlines: Int64s = np.flatnonzero(data == NEWLINE).astype(np.int64)
    if quote is None:
        return newlines
    quotes = np.flatnonzero(data == ord(quote))
    ends: Int64s = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return ends


def _split(data: bytes, base: int, first_line: int, quote: str | None) -> Lines:
    array = _bytes(data)
    ends = _record_newlines(array, quote)
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
    trimmed = ends.copy()
    has_cr = (ends > starts) & (array[np.maximum(ends - 1, 0)] == 0x0D)
    trimmed[has_cr] -= 1
    numbers = np.arange(len(starts), dtype=np.int64) + first_line
    if quote is not None:
        newlines = np.flatnonzero(array == NEWLINE)
        numbers = np.searchsorted(newlines, starts).astype(np.int64) + first_line
    return Lines(data, starts, trimmed, base, first_line, numbers)


def decode_records(
    lines: Lines, encoding: str
) -> tuple[bytes, npt.NDArray[np.bool_], Int64s, Int64s]:
    """Return the records as UTF-8, which of them decode, and where each one lies.

    A record with bytes that are not of the encoding comes back empty and marked False.
    """
    try:
        if encoding == "utf-8":
            lines.data.decode(encoding)
        if encoding == "utf-8" or lines.data.isascii():
            return lines.data, _all_good(lines), lines.starts, lines.ends
        text = lines.data.decode(encoding).encode("utf-8")
    except UnicodeDecodeError:
        return _decode_each(lines, encoding)
    # An equal length would not mean equal places: GB18030 has longer characters than
    # UTF-8 and shorter ones.
    return _decode_each(lines, encoding, trusted=text)


def _all_good(lines: Lines) -> npt.NDArray[np.bool_]:
    return np.ones(len(lines.starts), dtype=bool)


def _decode_each(
    lines: Lines, encoding: str, trusted: bytes | None = None
) -> tuple[bytes, npt.NDArray[np.bool_], Int64s, Int64s]:
    good = _all_good(lines)
    if trusted is None:
        parts: list[bytes] = []
        for index in range(len(lines.starts)):
            try:
                parts.append(lines.record(index).decode(encoding).encode("utf-8"))
            except UnicodeDecodeError:
                good[index] = False
                parts.append(b"")
        lengths = np.fromiter((len(p) for p in parts), np.int64, len(parts))
        starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1])).astype(np.int64)
        return b"\n".join(parts) + b"\n", good, starts, starts + lengths
    # Same newlines in both spellings: record ends map by their rank.
    source, target = _bytes(lines.data), _bytes(trusted)
    source_newlines = np.flatnonzero(source == NEWLINE)
    target_newlines = np.flatnonzero(target == NEWLINE)
    bounds = np.append(target_newlines, len(trusted)).astype(np.int64)
    rank_end = np.searchsorted(source_newlines, lines.ends)
    rank_start = np.searchsorted(source_newlines, lines.starts)
    starts = np.where(rank_start == 0, 0, bounds[np.maximum(rank_start - 1, 0)] + 1)
    ends = bounds[rank_end]
    has_cr = (ends > starts) & (target[np.maximum(ends - 1, 0)] == 0x0D)
    return trusted, good, starts.astype(np.int64), ends - has_cr
