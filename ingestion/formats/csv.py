"""Delimited text, by contract: what is regular is parsed, the rest is named.

Records and their fields are counted here from the bytes, apart from the parser. Only
records that have the right number of fields and sound quotes reach the parser, and the
parser must return just as many rows: so a row cannot get lost in it unseen.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from ingestion.contract import Layout
from ingestion.errors import LandingRefused
from ingestion.formats.byte_lines import Lines, decode_records, read_lines
from ingestion.records import Chunk, Int64s, Malformed
from ingestion.tokens import masked_text

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class _Shape:
    """Which records of a chunk are rows, and what is wrong with the others."""

    reasons: npt.NDArray[np.object_]
    field_counts: Int64s


def read_csv(path: Path, layout: Layout, columns: tuple[str, ...]) -> Iterator[Chunk]:
    """Yield the rows of a file as text; the header is not a row.

    Raises:
        LandingRefused: The header cannot be read or is empty.
    """
    quote = layout.quote if layout.multiline else None
    header: list[str] | None = None if layout.header else list(columns)
    for lines in read_lines(path, quote):
        is_first = header is None
        if header is None:
            header, lines = _take_header(path, lines, layout)
        # A header without rows is judged too: it may lack a column.
        if is_first or len(lines.starts):
            yield _chunk(path, lines, layout, header, columns)
    if header is None:
        raise LandingRefused(
            path.name, "is empty", expected="a header line", remedy="Ask for it again."
        )


def _take_header(path: Path, lines: Lines, layout: Layout) -> tuple[list[str], Lines]:
    names = _header_names(path, lines.record(0), layout)
    if not any(names):
        raise LandingRefused(
            f"{path.name} line 1",
            "the header is blank",
            expected="the names of the columns",
            remedy="Set header: false in the contract, or ask for the file again.",
        )
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise LandingRefused(
            f"{path.name} line 1",
            f"column {masked_text(doubled[0])!r} stands twice in the header",
            expected="each column once",
            remedy="Ask the channel which of them is meant, and for the file again.",
        )
    rest = Lines(
        lines.data,
        lines.starts[1:],
        lines.ends[1:],
        lines.base,
        lines.first_line,
        lines.line_numbers[1:],
    )
    return names, rest


def _header_names(path: Path, record: bytes, layout: Layout) -> list[str]:
    where = f"{path.name} line 1"
    try:
        rows = list(
            csv.reader(
                io.StringIO(record.decode(layout.encoding)),
                delimiter=layout.delimiter,
                quotechar=layout.quote or None,
                quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
            )
        )
    except UnicodeDecodeError as error:
        raise LandingRefused(
            where,
            "the header is not in the contract's encoding",
            expected=layout.encoding,
            found=f"{error.reason} at byte {error.start}",
            remedy="Set layout.encoding in the contract, or ask for the file again.",
        ) from None
    except csv.Error as error:
        raise LandingRefused(
            where,
            "the header cannot be split into columns",
            expected=f"names between {layout.delimiter!r}",
            found=str(error),
            remedy="Check line ends, delimiter and quote, or ask for the file again.",
        ) from None
    return [name.strip() for name in rows[0]] if rows else []


def _chunk(
    path: Path,
    lines: Lines,
    layout: Layout,
    header: list[str],
    columns: tuple[str, ...],
) -> Chunk:
    text, decodes, starts, ends = decode_records(lines, layout.encoding)
    shape = _shape(text, starts, ends, layout, len(header))
    shape.reasons[~decodes] = "bad_encoding"
    good = np.flatnonzero(shape.reasons == "")
    rows = _parse(path, text, starts, ends, good, layout, header)
    wanted = [name for name in columns if name in header]
    return Chunk(
        rows=rows.select(wanted),
        lines=lines.line_numbers[good],
        offsets=lines.starts[good] + lines.base,
        ends=lines.ends[good] + lines.base,
        record_count=len(lines.starts),
        raw=lines.data,
        malformed=_malformed(lines, shape, len(header), layout.encoding),
        missing_columns=tuple(n for n in columns if n not in header),
        extra_columns=tuple(n for n in header if n not in columns),
        base=lines.base,
    )


def _shape(
    text: bytes, starts: Int64s, ends: Int64s, layout: Layout, width: int
) -> _Shape:
    array = np.frombuffer(text, np.uint8)
    reasons = np.full(len(starts), "", dtype=object)
    delimiters = _positions(array, layout.delimiter, starts)
    quotes = _positions(array, layout.quote, starts)
    if len(quotes):
        _judge_quotes(array, quotes, starts, ends, layout, reasons)
        record = np.searchsorted(starts, delimiters, side="right") - 1
        first_quote = np.searchsorted(quotes, starts)
        inside = (np.searchsorted(quotes, delimiters) - first_quote[record]) % 2 == 1
        delimiters = delimiters[~inside]
    counts = (
        np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1
    ).astype(np.int64)
    reasons[(reasons == "") & (counts != width)] = "wrong_column_count"
    reasons[ends == starts] = "blank_line" if width > 1 else ""
    _judge_carriage_returns(array, starts, ends, layout, quotes, reasons)
    return _Shape(reasons, counts)


def _positions(array: npt.NDArray[np.uint8], mark: str, starts: Int64s) -> Int64s:
    """Return where a mark stands, from the first record on: a header is no record."""
    if not mark or not len(starts):
        return np.empty(0, np.int64)
    found: Int64s = np.flatnonzero(array == ord(mark)).astype(np.int64)
    return found[np.searchsorted(found, starts[0]) :]


def _judge_quotes(
    array: npt.NDArray[np.uint8],
    quotes: Int64s,
    starts: Int64s,
    ends: Int64s,
    layout: Layout,
    reasons: npt.NDArray[np.object_],
) -> None:
    """Mark records whose quotes do not open and close whole fields."""
    record = np.searchsorted(starts, quotes, side="right") - 1
    first = np.searchsorted(quotes, starts)
    opens = (np.arange(len(quotes)) - first[record]) % 2 == 0
    mark, delimiter = ord(layout.quote), ord(layout.delimiter)
    before = array[np.maximum(quotes - 1, 0)]
    after = array[np.minimum(quotes + 1, len(array) - 1)]
    at_start, at_end = quotes == starts[record], quotes + 1 >= ends[record]
    sound = np.where(
        opens,
        at_start | (before == delimiter) | (before == mark),
        at_end | (after == delimiter) | (after == mark),
    )
    reasons[record[~sound]] = "bare_quote"
    counts = np.searchsorted(quotes, ends) - first
    reasons[counts % 2 == 1] = "unclosed_quote"


def _judge_carriage_returns(
    array: npt.NDArray[np.uint8],
    starts: Int64s,
    ends: Int64s,
    layout: Layout,
    quotes: Int64s,
    reasons: npt.NDArray[np.object_],
) -> None:
    """Mark records with a lone carriage return: the parser takes it for a line end."""
    returns = _positions(array, "\r", starts)
    if layout.multiline:
        # Whole records have whole quotes, so parity from the first record on is right.
        returns = returns[np.searchsorted(quotes, returns) % 2 == 0]
    if not len(returns):
        return
    record = np.searchsorted(starts, returns, side="right") - 1
    inside = (record >= 0) & (returns < ends[np.maximum(record, 0)])
    reasons[record[inside]] = "stray_carriage_return"


def _parse(
    path: Path,
    text: bytes,
    starts: Int64s,
    ends: Int64s,
    good: npt.NDArray[np.intp],
    layout: Layout,
    header: list[str],
) -> pa.Table:
    if not len(good):
        return pa.table({name: pa.array([], pa.string()) for name in header})
    if len(good) == len(starts):
        body = memoryview(text)[int(starts[0]) :]
    else:
        body = memoryview(
            b"\n".join(text[int(starts[i]) : int(ends[i])] for i in good) + b"\n"
        )
    table = pa_csv.read_csv(
        pa.py_buffer(body),
        read_options=pa_csv.ReadOptions(
            column_names=header,
            use_threads=False,
            # The parser refuses a record that is longer than two blocks.
            block_size=max(_BLOCK_BYTES, int((ends - starts).max()) + 2),
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            double_quote=True,
            newlines_in_values=layout.multiline,
            ignore_empty_lines=False,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )
    if table.num_rows != len(good):
        raise LandingRefused(
            path.name,
            "the parser and the record count disagree",
            expected=f"{len(good):,} rows",
            found=f"{table.num_rows:,}",
            remedy="Nothing was landed. Check delimiter and quote in the contract.",
        )
    return table


def _malformed(
    lines: Lines, shape: _Shape, width: int, encoding: str
) -> tuple[Malformed, ...]:
    bad = np.flatnonzero(shape.reasons != "")
    return tuple(
        Malformed(
            line=int(lines.line_numbers[i]),
            offset=int(lines.starts[i] + lines.base),
            reason=str(shape.reasons[i]),
            raw=lines.record(int(i)),
            expected=encoding
            if shape.reasons[i] == "bad_encoding"
            else f"{width} columns",
            found=f"{int(shape.field_counts[i])} columns",
        )
        for i in bad
    )
