"""Casts values of the plainest form without SQL: digits at known places.

What a text means is said once, in SQL (`ingestion.casting`). The forms here are those
in which nothing is left to decide, and most values of most files have them: a moment
of fixed places, a number of digits and one point. Each function says which values it
read; all others are the SQL's. Tests hold both to the same answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_DAY_MICROSECONDS = 86_400_000_000
# Wider than any clock change, narrower than the time between two.
_SLOT = 900_000_000
_MOST_SLOTS = 200_000
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]{1,%d})?$"
_DIGIT_BYTES = np.zeros(256, dtype=bool)
_DIGIT_BYTES[[*range(0x30, 0x3A), ord("-"), ord(".")]] = True

ToUtc = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True)
class Read:
    """Values, and which of them were read; `None` for all of them."""

    values: pa.Array
    which: Bools | None


def read_plain(column: Column, text: pa.Array, to_utc: ToUtc) -> Read | None:
    """Return the values of a column's plain texts, None where it has no plain form.

    `to_utc` turns wall clocks of the bank into UTC.
    """
    if column.codes or column.shift_years or not len(text) or text.null_count:
        return None
    if column.logical_type in {"date", "timestamp"}:
        return _moments(column, text, to_utc)
    if column.logical_type in {"integer", "number"} and not column.date_formats:
        return _numbers(column, text)
    return None


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece."""
    if isinstance(column, pa.Array):
        return column
    whole = column.combine_chunks()
    # Arrow gives a chunked array back where it holds no chunk, or too many.
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else None
    return whole if whole is not None else pa.array([], column.type)


def byte_matrix(text: pa.Array, length: int) -> _Bytes:
    """Return the bytes of strings that are all of one length, a row each."""
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset :]
    whole = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    first = int(bounds[0])
    cells = whole[first : first + length * len(text)]
    return cells.reshape(len(text), length)


def strings_of_one_length(data: bytes, count: int) -> pa.Array:
    """Return the strings of equal length that bytes in UTF-8 hold."""
    width = len(data) // count if count else 0
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def lengths_of(text: pa.Array) -> Int64s:
    """Return how many bytes each string has."""
    found: Int64s = pc.binary_length(text).to_numpy(zero_copy_only=False)
    return found


def _moments(column: Column, text: pa.Array, to_utc: ToUtc) -> Read | None:
    forms = _forms(column)
    if not forms:
        return None
    lengths = lengths_of(text)
    which = np.zeros(len(text), dtype=bool)
    clocks = np.zeros(len(text), np.int64)
    for form in forms:
        size = _length(form)
        chosen = (lengths == size) & ~which
        if not chosen.any():
            continue
        part = text if chosen.all() else text.filter(pa.array(chosen))
        values, fits = _clocks(byte_matrix(part, size), form)
        clocks[chosen] = values
        which[chosen] = fits
    if column.logical_type == "date":
        days = (clocks // _DAY_MICROSECONDS).astype(np.int32)
        return Read(pa.array(days).cast(pa.date32()), _all_or(which))
    return Read(_in_utc(clocks, which, to_utc), _all_or(which))


def _all_or(which: Bools) -> Bools | None:
    return None if which.all() else which


def _forms(column: Column) -> tuple[str, ...]:
    """Return the formats of fixed places that mean the same whatever is tried first."""
    if not column.date_formats:
        return _ISO
    first = column.date_formats[0]
    has_offset = any("%z" in f or "%Z" in f for f in column.date_formats)
    directives = re.findall(r"%(-?.)", first)
    is_fixed = set(directives) <= _WIDTHS.keys() and {"Y", "m", "d"} <= set(directives)
    once = len(set(directives)) == len(directives)
    return (first,) if is_fixed and once and not has_offset else ()


def _places(form: str) -> list[tuple[str, int]]:
    """Return each directive or literal character of a format with its first byte."""
    found: list[tuple[str, int]] = []
    place = 0
    for part in re.findall(r"%.|[^%]", form):
        found.append((part, place))
        place += _WIDTHS[part[1]] if part[0] == "%" else len(part.encode())
    return found


def _length(form: str) -> int:
    return sum(
        _WIDTHS[part[1]] if part[0] == "%" else len(part.encode())
        for part, _ in _places(form)
    )


def _clocks(cells: _Bytes, form: str) -> tuple[Int64s, Bools]:
    """Return wall clocks in microseconds since 1970, and which cells have the form."""
    columns = np.ascontiguousarray(cells.T)
    fits = np.ones(len(cells), dtype=bool)
    numbers = dict.fromkeys(_WIDTHS, np.zeros(len(cells), np.int32))
    for part, place in _places(form):
        if part[0] != "%":
            for index, byte in enumerate(part.encode()):
                fits &= columns[place + index] == byte
            continue
        number = np.zeros(len(cells), np.int32)
        for digit in columns[place : place + _WIDTHS[part[1]]] - np.uint8(48):
            fits &= digit <= 9
            number = number * 10 + digit
        numbers[part[1]] = number
    fits &= (numbers["H"] < 24) & (numbers["M"] < 60) & (numbers["S"] < 60)
    days = _days(numbers["Y"], numbers["m"], numbers["d"], fits)
    seconds = (numbers["H"] * 60 + numbers["M"]) * 60 + numbers["S"]
    return (days * 86_400 + seconds) * 1_000_000, fits


def _days(
    year: npt.NDArray[np.int32],
    month: npt.NDArray[np.int32],
    day: npt.NDArray[np.int32],
    fits: Bools,
) -> Int64s:
    """Return days since 1970; `fits` loses those that no calendar has."""
    fits &= (year >= 1900) & (year <= 2200) & (month >= 1) & (month <= 12)
    fits &= (day >= 1) & (day <= 31)
    key = np.where(fits, ((year - 1900) * 12 + month - 1) * 32 + day, 0)
    # A file has few dates: each is looked up in the calendar once.
    known = np.flatnonzero(np.bincount(key, minlength=1))
    first = np.datetime64("1900-01") + (known // 32)
    dates = first.astype("datetime64[D]") + (known % 32 - 1)
    is_real = (dates.astype("datetime64[M]") == first) & (known > 0)
    table = np.zeros(int(known[-1]) + 1 if len(known) else 1, np.int64)
    table[known] = np.where(is_real, dates.astype(np.int64), 0)
    real = np.zeros(len(table), dtype=bool)
    real[known] = is_real
    fits &= real[key]
    found: Int64s = table[key]
    return found


def _in_utc(clocks: Int64s, which: Bools, to_utc: ToUtc) -> pa.Array:
    """Return wall clocks in UTC.

    The offset is asked for at the ends of each quarter of an hour that occurs. Where it
    is the same at both, it is that throughout; the few clocks of other quarters are
    asked for one by one.
    """
    is_all = bool(which.all())
    instants = clocks if is_all else np.where(which, clocks, 0)
    present = clocks if is_all else clocks[which]
    if not len(present):
        return pa.array(instants).cast(pa.timestamp("us"))
    lowest = int(present.min()) // _SLOT
    slots = present // _SLOT - lowest
    if int(slots.max()) > _MOST_SLOTS:
        instants[which] = _asked(present, to_utc)
        return pa.array(instants).cast(pa.timestamp("us"))
    used = np.flatnonzero(np.bincount(slots))
    starts = (used + lowest) * _SLOT
    ends = starts + _SLOT - 1_000_000
    bounds = np.concatenate((starts, ends))
    at_start, at_end = np.split(_asked(bounds, to_utc) - bounds, 2)
    if (at_start == at_start[0]).all() and (at_end == at_start[0]).all():
        moved = present + at_start[0]
    else:
        offsets = np.zeros(int(used[-1]) + 1, np.int64)
        offsets[used] = at_start
        steady = np.zeros(len(offsets), dtype=bool)
        steady[used] = at_start == at_end
        moved = present + offsets[slots]
        unsure = ~steady[slots]
        moved[unsure] = _asked(present[unsure], to_utc)
    if is_all:
        instants = moved
    else:
        instants[which] = moved
    return pa.array(instants).cast(pa.timestamp("us"))


def _asked(clocks: Int64s, to_utc: ToUtc) -> Int64s:
    moved = to_utc(pa.array(clocks).cast(pa.timestamp("us")))
    found: Int64s = moved.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def _numbers(column: Column, text: pa.Array) -> Read | None:
    kind = _arrow_number(column)
    is_english = column.decimal_mark == "." and not column.thousands_mark
    if kind is None or not is_english:
        return None
    scale = kind.scale if pa.types.is_decimal(kind) else 0
    if _are_plain(text, scale):
        try:
            return Read(pc.cast(text, kind), None)
        except pa.ArrowInvalid:  # too large, or no number after all
            pass
    shape = _PLAIN_NUMBER % scale if scale else "^-?[0-9]+$"
    which = pc.match_substring_regex(text, shape)
    if scale or pa.types.is_decimal(kind):
        # Longer ones may not fit.
        longest = kind.precision - scale
        which = pc.and_(which, pc.less_equal(pc.binary_length(text), longest))
    else:
        which = pc.and_(which, pc.less(pc.binary_length(text), 18))
    plain = pc.if_else(which, text, "0")
    try:
        values = pc.cast(plain, kind)
    except pa.ArrowInvalid:
        return None
    return Read(values, which.to_numpy(zero_copy_only=False))


def _arrow_number(column: Column) -> pa.DataType | None:
    found = re.fullmatch(r"decimal\(([0-9]+), ?([0-9]+)\)", column.sql_type)
    if found:
        precision, scale = int(found[1]), int(found[2])
        return pa.decimal128(precision, scale) if precision <= 38 else None
    return pa.int64() if column.sql_type == "bigint" else None


def _are_plain(text: pa.Array, scale: int) -> bool:
    """Whether all texts are digits, with at most one point that has digits behind it.

    A point in front of the first digit or a minus elsewhere is left for the cast.
    """
    _, offsets, data = text.buffers()
    if data is None:
        return False
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    body = np.frombuffer(data, np.uint8)[int(bounds[0]) : int(bounds[-1])]
    if not _DIGIT_BYTES[body].all() or (np.diff(bounds) == 0).any():
        return False
    if (body == ord("-")).any():
        return False
    point = pc.find_substring(text, ".").to_numpy(zero_copy_only=False)
    behind = np.diff(bounds) - point - 1
    fits = (point == -1) | ((point >= 1) & (behind >= 1) & (behind <= scale))
    return bool(fits.all())
