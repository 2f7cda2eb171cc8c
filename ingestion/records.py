"""What a format reader hands on: rows as text, and records that are no rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]
CHUNK_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Malformed:
    """A record that cannot be split into the contract's columns."""

    line: int
    offset: int
    reason: str
    raw: bytes
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive records of a file.

    `rows` holds one VARCHAR column a physical column; `lines` (from 1) and `offsets`
    (bytes from 0, in the file as it is) say where each row stands. `record_count` is
    counted apart from the parsing: it equals `rows` plus `malformed`. `base` is the
    file offset of the first byte of `raw`.
    """

    rows: pa.Table
    lines: Int64s
    offsets: Int64s
    record_count: int
    raw: bytes = b""
    ends: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    malformed: tuple[Malformed, ...] = ()
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()
    base: int = 0

    def raw_record(self, row: int) -> bytes:
        """Return the bytes of a row as they stand in the file, where known."""
        if not len(self.ends):
            return b""
        start = int(self.offsets[row] - self.base)
        return self.raw[start : int(self.ends[row] - self.base)]


def text_table(columns: dict[str, list[str | None]]) -> pa.Table:
    """Return a table of VARCHAR columns."""
    return pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()})
