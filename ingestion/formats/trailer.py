"""Records about the file rather than of it: what stands before and after its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ingestion.contract import Layout, Trailer, TrailerPlace
from ingestion.errors import LandingRefused
from ingestion.formats.byte_lines import Dialect, Lines, read_lines
from ingestion.tokens import masked_text

# Control-Z ends the text files of old systems.
_NOTHING = b"\0 \t\r\n\x1a"


@dataclass
class Claims:
    """What files say of themselves inside: the sums of their trailers, added up."""

    sums: dict[str, Decimal] = field(default_factory=dict)


def read_rows(
    path: Path, layout: Layout, claims: Claims, *, multiline: bool = False
) -> Iterator[Lines]:
    """Yield a file's records without its preamble and without its trailer.

    The header, if any, is among them. What the trailer says of sums is in `claims`
    afterwards; what it says of the count is held against the records here.

    Raises:
        LandingRefused: The trailer is not there, cannot be read or counts otherwise.
    """
    dialect = Dialect(layout.encoding, layout.quote, layout.escape)
    lines = read_lines(path, dialect, multiline=multiline, preamble=layout.preamble)
    if layout.trailer is None:
        yield from lines
        return
    header = 1 if layout.header and layout.format == "csv" else 0
    yield from _without_trailer(path, lines, layout, layout.trailer, header, claims)


def _without_trailer(
    path: Path,
    blocks: Iterator[Lines],
    layout: Layout,
    trailer: Trailer,
    header: int,
    claims: Claims,
) -> Iterator[Lines]:
    """Yield all records but the last one, which is the trailer.

    Blank lines may follow it. One block is held back: only then is it known as last.
    """
    held: Lines | None = None
    blank: list[Lines] = []
    count = -header
    for lines in blocks:
        if held is not None and _is_blank(lines):
            blank.append(lines)
            continue
        for earlier in [held, *blank] if held is not None else []:
            count += len(earlier)
            yield earlier
        held, blank = lines, []
    if held is None:
        raise _no_trailer(path, trailer, "an empty file")
    last = _last_filled(held)
    text = _text(held, last)
    if not text.startswith(trailer.starts_with):
        raise _no_trailer(path, trailer, f"line {int(held.line_numbers[last])}")
    if last:
        count += last
        yield held.part(0, last)
    _hold_count(path, layout, trailer, text, max(count, 0))
    for name, place in trailer.sums.items():
        said = _number(path, layout, text, place, f"the sum of {name!r}")
        claims.sums[name] = claims.sums.get(name, Decimal(0)) + said


def _is_blank(lines: Lines) -> bool:
    return all(not lines.record(i).strip(_NOTHING) for i in range(len(lines)))


def _last_filled(lines: Lines) -> int:
    for index in range(len(lines) - 1, 0, -1):
        if lines.record(index).strip(_NOTHING):
            return index
    return 0


def _text(lines: Lines, index: int) -> str:
    return lines.record(index).decode(lines.encoding, "replace")


def _no_trailer(path: Path, trailer: Trailer, found: str) -> LandingRefused:
    return LandingRefused(
        path.name,
        "the file does not end with its trailer record",
        expected=f"a last record that starts with {trailer.starts_with!r}",
        found=found,
        remedy="It may be truncated: ask the channel for it again.",
    )


def _hold_count(
    path: Path, layout: Layout, trailer: Trailer, text: str, count: int
) -> None:
    if trailer.count is None:
        return
    said = _number(path, layout, text, trailer.count, "the count")
    expected = said - trailer.counts_besides
    if expected != count:
        raise LandingRefused(
            path.name,
            "the trailer counts other records than there are",
            expected=f"{expected:,} records",
            found=f"{count:,}",
            remedy="It may be truncated: ask the channel for it again.",
        )


def _number(
    path: Path, layout: Layout, text: str, place: TrailerPlace, what: str
) -> Decimal:
    """Return the number at a place of the trailer: a field, or bytes from and to."""
    if isinstance(place, int):
        fields = text.split(layout.delimiter)
        cell = fields[place - 1] if place <= len(fields) else ""
    else:
        first, last = place
        encoded = text.encode(layout.encoding, "replace")[first - 1 : last]
        cell = encoded.decode(layout.encoding, "replace")
    digits = cell.strip().strip(layout.quote or " ").strip()
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", digits):
        try:
            return Decimal(digits)
        except InvalidOperation:  # beyond what a context holds
            pass
    raise LandingRefused(
        path.name,
        f"{what} cannot be read in the trailer",
        expected=f"a number at {place}",
        found=repr(masked_text(digits)[:40]),
        remedy="Correct layout.trailer in the contract, or ask for the file again.",
    )
