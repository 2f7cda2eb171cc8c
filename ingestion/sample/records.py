"""Physical records: the bytes of a file, and where each record ends in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Ints


@dataclass(frozen=True)
class Records:
    """Some consecutive records; `ends[i]` is the offset behind record i."""

    data: memoryview
    ends: Ints

    @property
    def count(self) -> int:
        """Records, whatever is in them."""
        return len(self.ends)

    def record(self, index: int) -> bytes:
        """Return one record with its line end."""
        start = int(self.ends[index - 1]) if index else 0
        return bytes(self.data[start : int(self.ends[index])])

    def replaced(self, changes: dict[int, bytes]) -> Records:
        """Return the records with some of them exchanged for other bytes."""
        if not changes:
            return self
        pieces: list[bytes | memoryview] = []
        growth = np.zeros(self.count, np.int64)
        copied = 0
        for index in sorted(changes):
            start = int(self.ends[index - 1]) if index else 0
            pieces += [self.data[copied:start], changes[index]]
            copied = int(self.ends[index])
            growth[index] = len(changes[index]) - (copied - start)
        pieces.append(self.data[copied:])
        return Records(memoryview(b"".join(pieces)), self.ends + np.cumsum(growth))


def from_lines(lines: pa.Array, encoding: str) -> Records:
    """Return records from text that ends in its line end, in an encoding."""
    if encoding.lower().replace("-", "") not in {"utf8", "ascii"}:
        return from_pieces([line.encode(encoding) for line in lines.to_pylist()])
    count = len(lines)
    offsets = (
        np.frombuffer(lines.buffers()[1], np.int32)[
            lines.offset : lines.offset + count + 1
        ].astype(np.int64)
        if count
        else np.zeros(1, np.int64)
    )
    data = memoryview(lines.buffers()[2] or b"").cast("B")
    first, last = int(offsets[0]), int(offsets[-1])
    return Records(data[first:last], offsets[1:] - first)


def from_pieces(pieces: list[bytes]) -> Records:
    """Return records from the bytes of each."""
    lengths = np.fromiter((len(p) for p in pieces), np.int64, len(pieces))
    return Records(memoryview(b"".join(pieces)), np.cumsum(lengths))
