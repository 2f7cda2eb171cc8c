"""What a format reader hands on: rows as text, and records that are no rows.

A reader goes through its file once, in order, and yields a `Parse` for each stretch of
whole records: finding where records end is quick and needs the order; parsing them is
neither, so any thread may do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]
CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Malformed:
    """Records that cannot be split into the contract's columns, in file order.

    `lines` (from 1) and `offsets` (bytes from 0, in the file as it is, unpacked) say
    where they stand, `raw` is what stands there.
    """

    lines: Sequence[int] = ()
    offsets: Sequence[int] = ()
    reasons: Sequence[str] = ()
    expected: Sequence[str] = ()
    found: Sequence[str] = ()
    raw: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.lines)


Place = tuple[int, int, str, str, str, bytes]


def malformed_of(places: Iterable[Place]) -> Malformed:
    """Return records given as (line, offset, reason, expected, found, raw)."""
    columns = list(zip(*places, strict=True))
    return Malformed(*columns) if columns else Malformed()


def _nowhere() -> tuple[Int64s, Int64s]:
    none = np.empty(0, np.int64)
    return none, none


@dataclass(frozen=True)
class Chunk:
    """Some consecutive records of a file.

    `rows` holds one VARCHAR column a physical column of the contract that the file has,
    and one for each of `extra_columns`, which the contract does not know. `lines` says
    where each row stands (from 1). `spans` gives the places of all rows in `raw`, where
    each starts and ends; it is asked for only when a row is rejected, and is empty if
    the file has no bytes to show. `base` is the offset in the file of the first byte of
    `raw`. `record_count` is counted apart from the parsing: it equals `rows` plus
    `malformed`.
    """

    rows: pa.Table
    lines: Int64s
    record_count: int
    raw: bytes = b""
    base: int = 0
    spans: Callable[[], tuple[Int64s, Int64s]] = _nowhere
    malformed: Malformed = field(default_factory=Malformed)
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()

    def raw_records(self, rows: Int64s) -> tuple[list[int], list[bytes]]:
        """Return the offsets of some rows, -1 where unknown, and their bytes."""
        starts, ends = self.spans()
        if not len(starts):
            return [-1] * len(rows), [b""] * len(rows)
        begin, end = starts[rows].tolist(), ends[rows].tolist()
        raw = [self.raw[b:e] for b, e in zip(begin, end, strict=True)]
        return [self.base + b for b in begin], raw


Parse = Callable[[], Chunk]
