"""Messages of an mbox archive, or a file that is one message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingestion.errors import LandingRefused
from ingestion.formats.byte_lines import MAX_RECORD_BYTES, read_blocks
from ingestion.formats.mail import Row, mail_reader
from ingestion.records import Chunk, Int64s, Parse, Place, malformed_of

# A line's start is found by the line end before it, since a search for a literal is
# many times as fast as one for `^`.
_SEPARATOR = re.compile(rb"\nFrom [^\r\n]*(?=\r?\n)")
_FIRST_SEPARATOR = re.compile(rb"From [^\r\n]*\r?\n")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_JOB_BYTES = 2 * 1024 * 1024


def read_mbox(path: Path, columns: tuple[str, ...]) -> Iterator[Parse]:
    """Yield jobs that parse the messages of an archive, some megabytes each.

    A message starts at each line that begins with `From `. Text before the first one is
    a record too, and so is what follows a body line that was not quoted: neither can be
    parsed, so both come as malformed. `mail_reader` says what the columns hold.

    Raises:
        LandingRefused: A message is longer than `MAX_RECORD_BYTES`, or the file is
            packed and damaged.
    """
    base, line = 0, 1
    for raw, starts in _stretches(path):
        starts = starts if base else _without_blank_prologue(raw, starts)
        if starts:
            yield partial(_chunk, raw, starts, base, line, columns, True)
        base += len(raw)
        line += raw.count(b"\n")


def _without_blank_prologue(raw: bytes, starts: list[int]) -> list[int]:
    is_blank = not raw[: starts[1] if len(starts) > 1 else len(raw)].strip()
    return starts[1:] if is_blank else starts


def read_eml(path: Path, columns: tuple[str, ...]) -> Iterator[Parse]:
    """Yield the job that parses a file's one message; none if the file is blank.

    Raises:
        LandingRefused: The file is longer than `MAX_RECORD_BYTES`, or it is packed and
            damaged.
    """
    data = b""
    for block in read_blocks(path):
        data += block
        _refuse_endless(path, data)
    if data.strip():
        yield partial(_chunk, data, [0], 0, 1, columns, False)


def _stretches(path: Path) -> Iterator[tuple[bytes, list[int]]]:
    """Yield all bytes of an archive in order, as whole records with their starts."""
    pending, resume = b"", 0
    for block in read_blocks(path):
        data = pending + block
        starts = [m.start() + 1 for m in _SEPARATOR.finditer(data, resume)]
        cut = starts[-1] if starts else 0
        yield from _pieces(data, [0, *starts])
        pending = data[cut:]
        # A separator may have begun after the last line end.
        resume = max(pending.rfind(b"\n"), 0)
        _refuse_endless(path, pending)
    yield from _pieces(pending, [0, len(pending)])


def _pieces(data: bytes, bounds: list[int]) -> Iterator[tuple[bytes, list[int]]]:
    """Yield the records between `bounds`, in pieces of some `_JOB_BYTES`."""
    first = 0
    for index in range(1, len(bounds)):
        is_last = index == len(bounds) - 1
        if is_last or bounds[index + 1] - bounds[first] > _JOB_BYTES:
            start = bounds[first]
            yield data[start : bounds[index]], [b - start for b in bounds[first:index]]
            first = index


def _refuse_endless(path: Path, pending: bytes) -> None:
    if len(pending) > MAX_RECORD_BYTES:
        raise LandingRefused(
            path.name,
            f"a message of more than {MAX_RECORD_BYTES:,} bytes: "
            f"{pending[:40].decode('ascii', 'replace')!r}...",
        )


def _chunk(
    raw: bytes,
    starts: list[int],
    base: int,
    first_line: int,
    columns: tuple[str, ...],
    is_mbox: bool,
) -> Chunk:
    """Return the messages at `starts`; `base` and `first_line` say where `raw` lies."""
    read = mail_reader(columns)
    lines = _line_numbers(raw, starts) + first_line
    rows: list[Row] = []
    good: list[int] = []
    bad: list[Place] = []
    ends = [*starts[1:], len(raw)]
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        row = _row(raw, start, end, read, is_mbox)
        if row is None:
            bad.append(_malformed(raw[start:end], base + start, int(lines[index])))
        else:
            good.append(index)
            rows.append(row)
    return Chunk(
        rows=_table(columns, rows),
        lines=lines[good],
        record_count=len(starts),
        raw=raw,
        base=base,
        spans=lambda: (np.array(starts)[good], np.array(ends)[good]),
        malformed=malformed_of(bad),
    )


def _row(
    raw: bytes,
    start: int,
    end: int,
    read: Callable[[bytes], Row | None],
    is_mbox: bool,
) -> Row | None:
    if not is_mbox:
        return read(raw)
    separator = _FIRST_SEPARATOR.match(raw, start, end)
    return read(raw[separator.end() : end]) if separator else None


def _malformed(raw: bytes, offset: int, line: int) -> Place:
    return line, offset, "invalid_message", "an RFC 5322 message", "", raw


def _line_numbers(raw: bytes, starts: list[int]) -> Int64s:
    """Return how many lines end before each start."""
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord("\n"))
    return np.searchsorted(ends, np.array(starts, np.int64)).astype(np.int64)


def _table(columns: tuple[str, ...], rows: list[Row]) -> pa.Table:
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pa.table({n: _text_array(v) for n, v in zip(columns, values, strict=True)})


def _text_array(values: Sequence[str | None]) -> pa.Array:
    """Return a VARCHAR column; lone surrogates, which it cannot hold, as U+FFFD."""
    try:
        return pa.array(values, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid):
        cleaned = [v and _LONE_SURROGATE.sub("\ufffd", v) for v in values]
        return pa.array(cleaned, pa.string())
