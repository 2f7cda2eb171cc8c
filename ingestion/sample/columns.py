"""Arrow columns in bulk: digits, picks from pools, money and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.sample.chance import Bools, Ints

DAY_SECONDS = 86_400


def digits(values: Ints, width: int) -> pa.Array:
    """Return non-negative numbers as zero-padded text of that width."""
    matrix = np.empty((width, len(values)), np.uint8)
    rest = np.asarray(values, np.int64)
    for place in range(width - 1, -1, -1):
        shorter = rest // 10
        matrix[place] = rest - shorter * 10 + ord("0")
        rest = shorter
    return strings_of_width(np.ascontiguousarray(matrix.T))


def strings_of_width(matrix: npt.NDArray[np.uint8]) -> pa.Array:
    """Return the rows of a byte matrix as text."""
    count, width = matrix.shape
    ends = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(matrix))
    )


def picked(
    pool: Sequence[str] | pa.Array, indices: Ints, where: Bools | None = None
) -> pa.Array:
    """Return pool entries by index; null where `where` is false."""
    values = pool if isinstance(pool, pa.Array) else pa.array(list(pool), pa.string())
    mask = None if where is None else ~where
    places = pa.array(np.asarray(indices).astype(np.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(places, values)


def only(values: pa.Array, where: Bools) -> pa.Array:
    """Return the values, null where the mask is false."""
    if pa.types.is_dictionary(values.type):
        indices = pc.if_else(pa.array(where), values.indices, None)
        return pa.DictionaryArray.from_arrays(indices, values.dictionary)
    return pc.if_else(pa.array(where), values, pa.scalar(None, values.type))


def plain(values: pa.Array) -> pa.Array:
    """Return the values without dictionary encoding."""
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def joined(*parts: pa.Array | str) -> pa.Array:
    """Return the parts one after the other, row by row; null if any part is."""
    plains = [p if isinstance(p, str) else plain(p) for p in parts]
    return pc.binary_join_element_wise(*plains, "")


def either(
    condition: Bools, yes: pa.Array | str | None, no: pa.Array | str | None
) -> pa.Array:
    """Return `yes` where the condition holds and `no` elsewhere, as text."""

    def side(value: pa.Array | str | None) -> Any:
        return (
            plain(value)
            if isinstance(value, pa.Array)
            else pa.scalar(value, pa.string())
        )

    return pc.if_else(pa.array(condition), side(yes), side(no))


def repeated(value: str, count: int) -> pa.Array:
    """Return one value in every row."""
    return picked([value], np.zeros(count, np.int64))


def nothing(count: int) -> pa.Array:
    """Return text nulls."""
    return pa.nulls(count, pa.string())


def money(amounts: Ints, where: Bools | None = None) -> pa.Array:
    """Return cents as decimal(18, 2)."""
    return decimals(amounts, 18, 2, where)


def decimals(
    units: Ints, precision: int, scale: int, where: Bools | None = None
) -> pa.Array:
    """Return whole units of 10**-scale as decimals, without going through floats."""
    words = np.empty((len(units), 2), np.int64)
    words[:, 0] = units
    words[:, 1] = np.where(units < 0, -1, 0)
    array = pa.Array.from_buffers(
        pa.decimal128(precision, scale), len(units), [None, pa.py_buffer(words)]
    )
    return array if where is None else only(array, where)


def moments(day: int, seconds: Ints, where: Bools | None = None) -> pa.Array:
    """Return local timestamps: seconds since midnight of a day since 1970."""
    mask = None if where is None else ~where
    total = np.asarray(seconds, np.int64) + day * DAY_SECONDS
    return pa.array(total, mask=mask).cast(pa.timestamp("s"))


def days(numbers: Ints, where: Bools | None = None) -> pa.Array:
    """Return dates from days since 1970."""
    mask = None if where is None else ~where
    return pa.array(np.asarray(numbers).astype(np.int32), mask=mask).cast(pa.date32())


def whole(numbers: Ints, where: Bools | None = None) -> pa.Array:
    """Return integers."""
    mask = None if where is None else ~where
    return pa.array(np.asarray(numbers, np.int64), mask=mask)


def truths(values: Bools) -> pa.Array:
    """Return booleans."""
    return pa.array(np.asarray(values, bool))


def event_ids(day: int, block: int, count: int) -> pa.Array:
    """Return 14 digits that no other event of the feed has: date, block, number.

    Raises:
        ValueError: The block has more events than the number has digits for.
    """
    if count >= 1_000_000 or block >= 100:
        return _wide_event_ids(day, block, count)
    number = np.arange(count, dtype=np.int64) + block * 1_000_000
    date_part = int(np.datetime64(day, "D").astype(object).strftime("%y%m%d"))
    return digits(number + date_part * 100_000_000, 14)


def _wide_event_ids(day: int, block: int, count: int) -> pa.Array:
    raise ValueError(
        f"block {block} has {count} events on day {day}; at most 100 blocks of "
        "a million events fit into an event id"
    )
