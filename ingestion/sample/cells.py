"""From logical values to what stands in a file, as the contract says."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column, Feed
from ingestion.sample.columns import DAY_SECONDS, digits, joined, plain
from ingestion.sample.spec import BANK_TIMEZONE

_TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
_DATE_FORMAT = "%Y-%m-%d"
_TIME_DIRECTIVES = ("%H", "%M", "%S", "%z")


class UnknownCodeError(ValueError):
    """The contract has no physical code for a logical value of the sample."""


def written_columns(feed: Feed) -> tuple[Column, ...]:
    """Return the columns that stand in the file; `last4_of` ones are derived."""
    return tuple(c for c in feed.columns if c.sources)


def cell_text(column: Column, values: pa.Array) -> pa.Array:
    """Return values as text in the contract's codes and formats; nulls stay null."""
    values = as_codes(column, values)
    kind = values.type
    if pa.types.is_timestamp(kind):
        return _timestamps(values, _first_format(column, _TIMESTAMP_FORMAT))
    if pa.types.is_date(kind):
        return _dates(values, _first_format(column, _DATE_FORMAT))
    text = plain(values)
    return text if pa.types.is_string(text.type) else text.cast(pa.string())


def as_codes(column: Column, values: pa.Array) -> pa.Array:
    """Return values as the column's physical codes, where the contract maps any."""
    if not column.codes:
        return values
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.string())
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    physical = {logical: code for code, logical in reversed(list(column.codes.items()))}
    used = set(pc.unique(values.indices).drop_null().to_pylist())
    words = values.dictionary.to_pylist()
    for place in sorted(used):
        if words[place] not in physical:
            raise UnknownCodeError(
                f"column {column.name!r}: no code stands for {words[place]!r}; "
                f"the contract knows {', '.join(sorted(physical))}"
            )
    codes = pa.array([physical.get(word, "") for word in words], pa.string())
    return pa.DictionaryArray.from_arrays(values.indices, codes)


def _first_format(column: Column, default: str) -> str:
    return column.date_formats[0] if column.date_formats else default


def _timestamps(values: pa.Array, pattern: str) -> pa.Array:
    """Return timestamps as text: date and time of day come from two small pools."""
    date_part, time_part = _split_pattern(pattern)
    seconds = values.cast(pa.timestamp("s")).cast(pa.int64())
    whole_day = pc.floor(pc.divide(seconds.cast(pa.float64()), DAY_SECONDS))
    numbers = whole_day.cast(pa.int64())
    within = pc.subtract(seconds, pc.multiply(numbers, DAY_SECONDS))
    return joined(
        _dates(numbers.cast(pa.int32()).cast(pa.date32()), date_part),
        _times_of_day(time_part).take(within),
    )


def _split_pattern(pattern: str) -> tuple[str, str]:
    cut = min(i for i in (pattern.find(d) for d in _TIME_DIRECTIVES) if i >= 0)
    return pattern[:cut], pattern[cut:]


@lru_cache(maxsize=16)
def _times_of_day(pattern: str) -> pa.Array:
    """Return the text of each second of a day; `%z` is the bank's offset."""
    seconds = np.arange(DAY_SECONDS)
    offset = datetime(2026, 1, 1, tzinfo=BANK_TIMEZONE).strftime("%z")
    parts: dict[str, pa.Array | str] = {
        "%H": digits(seconds // 3600, 2),
        "%M": digits(seconds // 60 % 60, 2),
        "%S": digits(seconds % 60, 2),
        "%z": offset,
    }
    pieces = re.split("(%[HMSz])", pattern)
    return joined(*(parts.get(piece, piece) for piece in pieces))


def _dates(values: pa.Array, pattern: str) -> pa.Array:
    if pattern == _DATE_FORMAT:
        return values.cast(pa.string())
    coded = values.dictionary_encode()
    names = [d.strftime(pattern) for d in coded.dictionary.to_pylist()]
    pool = pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(coded.indices, pool).cast(pa.string())


def has_byte(values: pa.Array, *marks: str) -> bool:
    """Whether any of these ASCII characters stands in any of the texts."""
    if not len(values) or values.buffers()[2] is None:
        return False
    data = np.frombuffer(values.buffers()[2], np.uint8)
    return any(bool((data == ord(mark)).any()) for mark in marks)
