"""Does to files what a bad disk does."""

from __future__ import annotations

from pathlib import Path


def flip_a_bit(path: Path) -> None:
    """Turn over one bit in the middle of a file, whoever may write it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
