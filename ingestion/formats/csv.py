"""Delimited text, by contract: what is regular is parsed, the rest is named.

Records are counted here from the bytes, apart from the parser. Where a chunk holds a
quote, an escape or an irregular record, fields are counted too: only records that have
the right number of fields and sound quotes reach the parser, and it must return just as
many rows. So a row cannot get lost in it unseen.
"""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ingestion.contract import Layout
from ingestion.errors import LandingRefused
from ingestion.formats.byte_lines import (
    MAX_RECORD_BYTES,
    Decoded,
    Dialect,
    Lines,
    decode_records,
    positions,
    quote_positions,
    unescaped,
)
from ingestion.formats.trailer import Claims, read_rows
from ingestion.records import Chunk, Int64s, Malformed, Parse
from ingestion.tokens import masked_text

_BLOCK_BYTES = 1024 * 1024
csv.field_size_limit(MAX_RECORD_BYTES)


@dataclass(frozen=True)
class _Shape:
    """Which records of a chunk are rows, and what is wrong with the others."""

    reasons: npt.NDArray[np.object_]
    field_counts: Int64s


@dataclass(frozen=True)
class _Table:
    """What is the same for all chunks of a file."""

    path: Path
    layout: Layout
    header: list[str]
    columns: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(n for n in self.columns if n not in self.header)

    @property
    def extra(self) -> tuple[str, ...]:
        left_out = {*self.columns, *self.layout.ignored_columns}
        return tuple(n for n in self.header if n not in left_out)


def read_csv(
    path: Path, layout: Layout, columns: tuple[str, ...], claims: Claims
) -> Iterator[Parse]:
    """Yield what parses the rows of a file as text; the header is not a row.

    Raises:
        LandingRefused: The header cannot be read or is empty, or the trailer is wrong.
    """
    table = None if layout.header else _Table(path, layout, list(columns), columns)
    for lines in read_rows(path, layout, claims, multiline=layout.multiline):
        is_first = table is None
        if table is None:
            header, lines = _take_header(path, lines, layout)
            table = _Table(path, layout, header, columns)
        # A header without rows is judged too: it may lack a column.
        if is_first or len(lines):
            yield partial(_chunk, table, lines)
    if table is None:
        raise LandingRefused(
            path.name, "is empty", expected="a header line", remedy="Ask for it again."
        )


def _take_header(path: Path, lines: Lines, layout: Layout) -> tuple[list[str], Lines]:
    where = f"{path.name} line {int(lines.line_numbers[0])}"
    names = _header_names(where, lines.record(0), lines.encoding, layout)
    if not any(names):
        raise LandingRefused(
            where,
            "the header is blank",
            expected="the names of the columns",
            remedy="Set header: false in the contract, or ask for the file again.",
        )
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise LandingRefused(
            where,
            f"column {masked_text(doubled[0])!r} stands twice in the header",
            expected="each column once",
            remedy="Ask the channel which of them is meant, and for the file again.",
        )
    return names, lines.part(1, len(lines))


def _header_names(
    where: str, record: bytes, encoding: str, layout: Layout
) -> list[str]:
    try:
        rows = list(
            csv.reader(
                io.StringIO(record.decode(encoding)),
                delimiter=layout.delimiter,
                quotechar=layout.quote or None,
                escapechar=layout.escape or None,
                doublequote=not layout.escape,
                quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
                strict=True,
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


def _chunk(table: _Table, lines: Lines) -> Chunk:
    decoded = decode_records(lines)
    rows = _regular(table, lines, decoded)
    good: npt.NDArray[np.intp] | None = None
    malformed = Malformed()
    if rows is None:
        shape = _shape(decoded, table.layout, len(table.header))
        shape.reasons[~decoded.good] = "bad_encoding"
        good = np.flatnonzero(shape.reasons == "")
        rows = _parse(table, _body(decoded, good), len(good), _longest(decoded))
        if rows is None:
            raise _disagreement(table, len(good))
        malformed = _malformed(lines, shape, len(table.header))
    wanted = [name for name in table.columns if name in table.header]
    return Chunk(
        rows=rows.select([*wanted, *table.extra]),
        lines=lines.line_numbers if good is None else lines.line_numbers[good],
        record_count=len(lines),
        raw=lines.data,
        base=lines.base,
        spans=partial(lines.spans, good),
        malformed=malformed,
        missing_columns=table.missing,
        extra_columns=table.extra,
    )


def _regular(table: _Table, lines: Lines, decoded: Decoded) -> pa.Table | None:
    """Return the rows of a chunk without any irregular record, else None.

    Without quotes and escapes every line end is a record's end to the parser too, and
    so is a carriage return: where its rows are as many as the records, they are the
    same ones.
    """
    if not len(lines) or not decoded.all_good:
        return None
    start, end = 0, len(decoded.text)
    if decoded.text is lines.data:
        start, end = lines.body
    elif len(lines.data) != sum(lines.body):  # some of its records only
        start, end = int(decoded.starts[0]), int(decoded.ends[-1])
    marks = (table.layout.quote, table.layout.escape)
    if any(m and decoded.text.find(m.encode(), start, end) >= 0 for m in marks):
        return None
    try:
        rows = _parse(table, memoryview(decoded.text)[start:end], len(lines), 0)
    except pa.ArrowInvalid:
        return None
    return None if rows is None or _has_empty_row(rows) else rows


def _has_empty_row(rows: pa.Table) -> bool:
    """Whether a row has no value at all: to the parser a blank line is one."""
    if rows.num_columns == 1:
        return False
    is_empty: pa.ChunkedArray | None = None
    for column in rows.columns:
        nothing = pc.equal(pc.binary_length(column), 0)
        is_empty = nothing if is_empty is None else pc.and_(is_empty, nothing)
        if not pc.any(is_empty).as_py():
            return False
    return True


def _longest(decoded: Decoded) -> int:
    return int((decoded.ends - decoded.starts).max()) if len(decoded.starts) else 0


def _body(decoded: Decoded, good: npt.NDArray[np.intp]) -> memoryview:
    """Return the text of the good records: stretches of them are copied as one."""
    if not len(good):
        return memoryview(b"")
    breaks = np.flatnonzero(np.diff(good) != 1)
    firsts = good[np.concatenate(([0], breaks + 1))]
    lasts = good[np.concatenate((breaks, [len(good) - 1]))]
    text = decoded.text
    stretches = [
        text[begin:end]
        for begin, end in zip(
            decoded.starts[firsts].tolist(), decoded.ends[lasts].tolist(), strict=True
        )
    ]
    return memoryview(b"\n".join(stretches) + b"\n")


def _shape(decoded: Decoded, layout: Layout, width: int) -> _Shape:
    text, starts, ends = decoded.text, decoded.starts, decoded.ends
    dialect = Dialect("utf-8", layout.quote, layout.escape)
    array = np.frombuffer(text, np.uint8)
    reasons = np.full(len(starts), "", dtype=object)
    delimiters = _from_first(positions(text, layout.delimiter, "utf-8"), starts)
    delimiters = unescaped(text, delimiters, dialect)
    quotes = _from_first(quote_positions(text, dialect), starts)
    counts = (
        np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1
    ).astype(np.int64)
    if len(quotes):
        _judge_quotes(array, quotes, starts, ends, layout, reasons)
        counts -= _quoted_delimiters(delimiters, quotes, starts)
    reasons[(reasons == "") & (counts != width)] = "wrong_column_count"
    reasons[ends == starts] = "blank_line" if width > 1 else ""
    _judge_carriage_returns(text, starts, ends, layout, quotes, reasons)
    if layout.escape:
        bare = unescaped(text, ends, dialect)
        reasons[~np.isin(ends, bare)] = "escaped_line_end"
    return _Shape(reasons, counts)


def _quoted_delimiters(delimiters: Int64s, quotes: Int64s, starts: Int64s) -> Int64s:
    """Return how many delimiters of each record stand between an opening and a closing.

    What a quote that is never closed hides does not matter: its record is no row.
    """
    record = np.searchsorted(starts, quotes, side="right") - 1
    place = np.arange(len(quotes)) - np.searchsorted(quotes, starts)[record]
    opening = np.flatnonzero((place[:-1] % 2 == 0) & (record[:-1] == record[1:]))
    before = np.searchsorted(delimiters, quotes)
    hidden = before[opening + 1] - before[opening]
    found = np.bincount(record[opening], weights=hidden, minlength=len(starts))
    return found.astype(np.int64)


def _from_first(marks: Int64s, starts: Int64s) -> Int64s:
    """Return the marks from the first record on: a header is no record."""
    if not len(starts):
        return marks[:0]
    return marks[np.searchsorted(marks, starts[0]) :]


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
    text: bytes,
    starts: Int64s,
    ends: Int64s,
    layout: Layout,
    quotes: Int64s,
    reasons: npt.NDArray[np.object_],
) -> None:
    """Mark records with a lone carriage return: the parser takes it for a line end."""
    returns = _from_first(positions(text, "\r", "utf-8"), starts)
    if layout.multiline:
        # Whole records have whole quotes, so parity from the first record on is right.
        returns = returns[np.searchsorted(quotes, returns) % 2 == 0]
    if not len(returns):
        return
    record = np.searchsorted(starts, returns, side="right") - 1
    inside = (record >= 0) & (returns < ends[np.maximum(record, 0)])
    reasons[record[inside]] = "stray_carriage_return"


def _parse(
    table: _Table, body: memoryview, due_rows: int, longest: int
) -> pa.Table | None:
    """Return the rows of some records, None where the parser finds more or fewer.

    Raises:
        pa.ArrowInvalid: A record has too many fields or too few.
    """
    header, layout = table.header, table.layout
    if not due_rows:
        return pa.table({name: pa.array([], pa.string()) for name in header})
    if bytes(body[: len(BOM_UTF8)]) == BOM_UTF8:
        # It is the first value's: the parser takes one off whatever it is.
        body = memoryview(BOM_UTF8 + body)
    rows = pa_csv.read_csv(
        pa.py_buffer(body),
        read_options=pa_csv.ReadOptions(
            column_names=header,
            use_threads=False,
            # The parser refuses a record that is longer than two blocks.
            block_size=max(_BLOCK_BYTES, longest + 2),
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            double_quote=not layout.escape,
            escape_char=layout.escape or False,
            newlines_in_values=layout.multiline,
            ignore_empty_lines=False,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
            check_utf8=False,  # the whole text is UTF-8 already
        ),
    )
    return rows if rows.num_rows == due_rows else None


def _disagreement(table: _Table, due_rows: int) -> LandingRefused:
    return LandingRefused(
        table.path.name,
        "the parser and the record count disagree",
        expected=f"{due_rows:,} rows",
        remedy="Nothing was landed. Check delimiter and quote in the contract.",
    )


def _malformed(lines: Lines, shape: _Shape, width: int) -> Malformed:
    bad = np.flatnonzero(shape.reasons != "")
    starts, ends = lines.starts[bad].tolist(), lines.ends[bad].tolist()
    reasons = shape.reasons[bad].tolist()
    due = {"bad_encoding": lines.encoding}
    return Malformed(
        lines=lines.line_numbers[bad].tolist(),
        offsets=[lines.base + start for start in starts],
        reasons=reasons,
        expected=[due.get(reason, f"{width} columns") for reason in reasons],
        found=[f"{count} columns" for count in shape.field_counts[bad].tolist()],
        raw=[lines.data[b:e] for b, e in zip(starts, ends, strict=True)],
    )
