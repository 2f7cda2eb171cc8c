"""Reads a file in byte chunks that end where a record ends.

Newline and quote never occur inside a multi-byte character of the encodings accepted
here (in UTF-16 they are units of two bytes), so records are found before anything is
decoded.
"""

from __future__ import annotations

import codecs
import gzip
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingestion.errors import LandingRefused
from ingestion.records import CHUNK_BYTES, Int64s

NEWLINE = "\n"
RETURN = "\r"
_UTF_16 = {"utf-16-le": "<u2", "utf-16-be": ">u2"}
# Of `utf-16` the byte order mark says which of the two it is.
ENCODINGS = (
    "utf-8",
    "ascii",
    "gb18030",
    "gbk",
    "big5",
    "latin-1",
    "cp1250",
    "cp1252",
    "utf-16",
    *_UTF_16,
)
_NOTE = "passbook-note"
MAX_RECORD_BYTES = 8 * CHUNK_BYTES
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Dialect:
    """How records are told apart: encoding, quote and escape (empty where none)."""

    encoding: str = "utf-8"
    quote: str = ""
    escape: str = ""


class Lines:
    """Whole records of a file: bytes and, for each record, where it lies in them.

    How many records there are is counted at once; where each of them lies is found when
    it is asked for, which a file without a fault never does.
    """

    def __init__(
        self,
        data: bytes,
        base: int,
        first_line: int,
        dialect: Dialect,
        *,
        multiline: bool = False,
        first: int = 0,
        end: int | None = None,
    ) -> None:
        """Take the records of some bytes; `first` to `end` of them where not all."""
        self.data = data
        self.base = base
        self.encoding = dialect.encoding
        self._dialect = dialect
        self._multiline = multiline
        self._first_line = first_line
        self._first = first
        self._end = _record_count(data, dialect, multiline) if end is None else end

    def __len__(self) -> int:
        return self._end - self._first

    @cached_property
    def _every(self) -> tuple[Int64s, Int64s]:
        return _bounds(self.data, self._dialect, self._multiline)

    @property
    def starts(self) -> Int64s:
        """Where each record starts in `data`."""
        return self._every[0][self._first : self._end]

    @property
    def ends(self) -> Int64s:
        """Where each record ends in `data`, its line end aside."""
        return self._every[1][self._first : self._end]

    @cached_property
    def line_numbers(self) -> Int64s:
        """The line of the file, from 1, on which each record starts."""
        if not self._multiline:
            first = self._first_line + self._first
            return np.arange(first, first + len(self), dtype=np.int64)
        newlines = positions(self.data, NEWLINE, self.encoding)
        found = np.searchsorted(newlines, self.starts).astype(np.int64)
        return found + self._first_line

    @property
    def newline_count(self) -> int:
        """How many lines the bytes have, those inside of records too."""
        if not self._multiline:
            return self._end
        return len(positions(self.data, NEWLINE, self.encoding))

    @property
    def body(self) -> tuple[int, int]:
        """Where the first record starts and the last one ends, line end included."""
        whole = _record_count(self.data, self._dialect, self._multiline)
        start = int(self.starts[0]) if self._first else 0
        is_last = self._end == whole
        return start, len(self.data) if is_last else int(self._every[0][self._end])

    def record(self, index: int) -> bytes:
        """Return one record without its line end."""
        return self.data[int(self.starts[index]) : int(self.ends[index])]

    def part(self, first: int, end: int) -> Lines:
        """Return some of the records."""
        found = Lines(
            self.data,
            self.base,
            self._first_line,
            self._dialect,
            multiline=self._multiline,
            first=self._first + first,
            end=self._first + end,
        )
        return found

    def spans(self, rows: npt.NDArray[np.intp] | None = None) -> tuple[Int64s, Int64s]:
        """Return where records, or some of them, start and end in `data`."""
        if rows is None:
            return self.starts, self.ends
        return self.starts[rows], self.ends[rows]


def _record_count(data: bytes, dialect: Dialect, multiline: bool) -> int:
    if not data:
        return 0
    if multiline:
        return len(_bounds(data, dialect, multiline)[0])
    if _width(dialect.encoding) == 1:
        count = int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(NEWLINE)))
        return count + (not data.endswith(b"\n"))
    newlines = positions(data, NEWLINE, dialect.encoding)
    return len(newlines) + (not len(newlines) or int(newlines[-1]) != len(data) - 2)


def _bounds(data: bytes, dialect: Dialect, multiline: bool) -> tuple[Int64s, Int64s]:
    """Return where the records of some bytes start and end."""
    width = _width(dialect.encoding)
    ends = _record_newlines(data, dialect, multiline)
    if not len(ends) or ends[-1] != len(data) - width:
        ends = np.append(ends, len(data))
    starts = np.empty(len(ends), np.int64)
    starts[0] = 0
    np.add(ends[:-1], width, out=starts[1:])
    return starts, _without_returns(data, starts, ends, dialect.encoding)


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


def positions(data: bytes, mark: str, encoding: str) -> Int64s:
    """Return the byte places of an ASCII character, in order."""
    if encoding in _UTF_16:
        units = np.frombuffer(data, _UTF_16[encoding], len(data) // 2)
        return np.flatnonzero(units == ord(mark)).astype(np.int64) * 2
    if data.find(mark.encode()) < 0:
        return np.empty(0, np.int64)
    array = np.frombuffer(data, np.uint8)
    return np.flatnonzero(array == ord(mark)).astype(np.int64, copy=False)


def quote_positions(data: bytes, dialect: Dialect) -> Int64s:
    """Return the places of quotes that open or close, those that are escaped aside."""
    if not dialect.quote:
        return np.empty(0, np.int64)
    quotes = positions(data, dialect.quote, dialect.encoding)
    return unescaped(data, quotes, dialect)


def unescaped(data: bytes, marks: Int64s, dialect: Dialect) -> Int64s:
    """Return the marks that an even number of escapes stands before."""
    if not dialect.escape or not len(marks):
        return marks
    escapes = positions(data, dialect.escape, dialect.encoding)
    if not len(escapes):
        return marks
    width = _width(dialect.encoding)
    starts_run = np.append(True, np.diff(escapes) != width)
    run_start = escapes[np.flatnonzero(starts_run)][np.cumsum(starts_run) - 1]
    before = np.searchsorted(escapes, marks) - 1
    last = escapes[np.maximum(before, 0)]
    touches = (before >= 0) & (last == marks - width)
    length = (last - run_start[np.maximum(before, 0)]) // width + 1
    found: Int64s = marks[~(touches & (length % 2 == 1))]
    return found


def _width(encoding: str) -> int:
    return 2 if encoding in _UTF_16 else 1


def read_lines(
    path: Path, dialect: Dialect, *, multiline: bool = False, preamble: int = 0
) -> Iterator[Lines]:
    """Yield all records of a file in order; nothing is left out, blank lines included.

    With `multiline`, a newline between two quotes does not end a record. A byte order
    mark is skipped, and so are the lines of the preamble, whatever quotes are in them.
    The last record needs no line end.

    Raises:
        LandingRefused: A record or a preamble does not end.
    """
    base, line = 0, 1
    pending = b""
    found: Lines | None = None
    for number, block in enumerate(read_blocks(path)):
        if number == 0:
            dialect, base = _by_mark(block, dialect)
            block = block[base:]
        data = pending + block if pending else block
        if preamble:
            skipped, lines = _preamble_end(data, dialect.encoding, preamble)
            preamble, base, line = preamble - lines, base + skipped, line + lines
            data = data[skipped:]
        if preamble:
            pending = data
            if len(data) > MAX_RECORD_BYTES:
                raise _endless_record(path, line)
            continue
        cut = _last_record_end(data, dialect, multiline)
        if cut == 0 and len(data) > MAX_RECORD_BYTES:
            raise _endless_record(path, line)
        pending = data[cut:]
        if cut:
            whole = data[:cut] if pending else data
            found = Lines(whole, base, line, dialect, multiline=multiline)
            yield found
            base += cut
            line += found.newline_count
    if preamble:
        raise LandingRefused(
            path.name,
            "is shorter than its preamble",
            expected=f"{preamble} more lines before the first record",
            remedy="Correct layout.preamble in the contract, or ask for it again.",
        )
    if pending:
        yield Lines(pending, base, line, dialect, multiline=multiline)


def _by_mark(block: bytes, dialect: Dialect) -> tuple[Dialect, int]:
    """Return the dialect that a byte order mark settles, and the mark's length."""
    wanted = dialect.encoding
    for mark, encoding in _MARKS:
        if not block.startswith(mark):
            continue
        if wanted == encoding or (wanted == "utf-16" and encoding in _UTF_16):
            return Dialect(encoding, dialect.quote, dialect.escape), len(mark)
        # Many programs write this mark whatever the encoding.
        if mark == codecs.BOM_UTF8 and wanted not in _UTF_16 and wanted != "utf-16":
            return dialect, len(mark)
    if wanted == "utf-16":
        # The Unicode standard: without a mark it is big-endian; files met in practice
        # that have none are little-endian, and a zero byte tells.
        is_big = block[:1] == b"\0" and block[1:2] != b"\0"
        guess = "utf-16-be" if is_big else "utf-16-le"
        return Dialect(guess, dialect.quote, dialect.escape), 0
    return dialect, 0


def _preamble_end(data: bytes, encoding: str, lines: int) -> tuple[int, int]:
    """Return where the first lines end, as many as there are, and how many they are."""
    ends = positions(data, NEWLINE, encoding)[:lines]
    return (int(ends[-1]) + _width(encoding) if len(ends) else 0), len(ends)


def _endless_record(path: Path, line: int) -> LandingRefused:
    return LandingRefused(
        path.name,
        f"a record that starts at line {line} does not end",
        expected=f"records of at most {MAX_RECORD_BYTES:,} bytes",
        remedy="Look for a quote that is never closed, or set multiline: false.",
    )


def _last_record_end(data: bytes, dialect: Dialect, multiline: bool) -> int:
    width = _width(dialect.encoding)
    if multiline:
        ends = _record_newlines(data, dialect, multiline)
        return int(ends[-1]) + width if len(ends) else 0
    if width == 1:
        return data.rfind(b"\n") + 1
    newline = NEWLINE.encode(dialect.encoding)
    place = data.rfind(newline)
    while place > 0 and place % 2:  # half of one character and half of the next
        place = data.rfind(newline, 0, place + 1)
    return place + 2 if place >= 0 else 0


def _record_newlines(data: bytes, dialect: Dialect, multiline: bool) -> Int64s:
    newlines = positions(data, NEWLINE, dialect.encoding)
    if not multiline:
        return newlines
    quotes = quote_positions(data, dialect)
    ends: Int64s = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return ends


def _without_returns(
    data: bytes, starts: Int64s, ends: Int64s, encoding: str
) -> Int64s:
    """Return the ends of records whose line end is CRLF before the carriage return."""
    width = _width(encoding)
    returns = positions(data, RETURN, encoding)
    if not len(returns):
        return ends
    place = np.minimum(np.searchsorted(returns, ends - width), len(returns) - 1)
    has_return = (returns[place] == ends - width) & (ends > starts)
    found: Int64s = ends - width * has_return
    return found


class Decoded:
    """Records as UTF-8: which of them decode, and where each one lies in `text`."""

    def __init__(self, lines: Lines, text: bytes, bad: Int64s | None = None) -> None:
        """Take the text of records; `bad` are the records that do not decode."""
        self.text = text
        self._lines = lines
        self._bad = bad

    @property
    def all_good(self) -> bool:
        """Whether every record decodes."""
        return self._bad is None

    @cached_property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which records decode."""
        good = np.ones(len(self._lines), dtype=bool)
        if self._bad is not None:
            good[self._bad] = False
        return good

    @cached_property
    def _spans(self) -> tuple[Int64s, Int64s]:
        lines = self._lines
        if self.text is lines.data:
            return lines.starts, lines.ends
        starts, ends = _by_newline_rank(lines, self.text)
        # A record that does not decode is empty.
        return starts, np.where(self.good, ends, starts)

    @property
    def starts(self) -> Int64s:
        """Where each record starts in `text`."""
        return self._spans[0]

    @property
    def ends(self) -> Int64s:
        """Where each record ends in `text`, its line end aside."""
        return self._spans[1]


def decode_records(lines: Lines) -> Decoded:
    """Return the records as UTF-8."""
    encoding, data = lines.encoding, lines.data
    if encoding not in _UTF_16 and data.isascii():
        return Decoded(lines, data)
    if encoding == "utf-8" and is_utf8(data):
        return Decoded(lines, data)
    _noted.places = []
    text = data.decode(encoding, _NOTE).encode("utf-8")
    if not _noted.places:
        return Decoded(lines, text)
    record = np.searchsorted(lines.starts, _noted.places, side="right") - 1
    # What stands before the first record, such as a header, is judged elsewhere.
    bad = np.unique(record[(record >= 0) & (record < len(lines))])
    return Decoded(lines, text, bad.astype(np.int64))


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8; several times as fast as decoding them."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    whole = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data))
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _note(error: UnicodeError) -> tuple[str, int]:
    """Leave out bytes that do not decode, and note where they stand."""
    assert isinstance(error, UnicodeDecodeError)
    _noted.places.append(error.start)
    return "", error.end


_noted = threading.local()
codecs.register_error(_NOTE, _note)


def _by_newline_rank(lines: Lines, text: bytes) -> tuple[Int64s, Int64s]:
    """Return where records lie in the decoded text: it has the same newlines."""
    source = positions(lines.data, NEWLINE, lines.encoding)
    target = positions(text, NEWLINE, "utf-8")
    if len(source) != len(target):
        raise AssertionError("a line end was lost in decoding")
    bounds = np.append(target, len(text)).astype(np.int64)
    rank_start = np.searchsorted(source, lines.starts)
    starts = np.where(rank_start == 0, 0, bounds[np.maximum(rank_start - 1, 0)] + 1)
    starts = starts.astype(np.int64)
    ends = bounds[np.searchsorted(source, lines.ends)]
    return starts, _without_returns(text, starts, ends, "utf-8")
