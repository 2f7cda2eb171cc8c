"""Gives a chunk's columns their contract types, each in the cheapest way it allows.

The meaning of a text is the SQL of `ingestion.casting`. A column of few distinct texts
puts each of them to it once; a column of plain forms needs it for the other values
only; text that stays text needs it not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.casting import cast_column, typed_select
from ingestion.contract import Column
from ingestion.identifiers import text_literal
from ingestion.plain_forms import one_array, read_plain
from ingestion.sessions import session

Bools = npt.NDArray[np.bool_]
# What SQL's trim takes off: the space separators of Unicode, and no tab.
_SPACES = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
SPACES = re.sub(
    "(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), _SPACES
)
CODES = pa.dictionary(pa.int32(), pa.string())
_SAMPLE_ROWS = 1_000
_FEW = 200
_SIMPLE_TYPES = {
    "varchar": pa.string(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Typed:
    """A column's values, null where there is none, and which rows are not fit.

    `unfit` is None where all are.
    """

    values: pa.Array
    unfit: Bools | None


def arrow_type(sql_type: str) -> pa.DataType:
    """Return the type in which a column of a contract lies in the lake."""
    found = re.fullmatch(r"decimal\(([0-9]+), ?([0-9]+)\)", sql_type)
    if found:
        return pa.decimal128(int(found[1]), int(found[2]))
    # DuckDB writes a HUGEINT to Parquet as a double, which would round it.
    return _SIMPLE_TYPES.get(sql_type, pa.decimal128(38, 0))


def landed_type(column: Column) -> pa.DataType:
    """Return the type in which a column is handed to the lake.

    Codes and constants are few: kept as a dictionary they are written at once.
    """
    is_few = bool(column.codes) or column.constant is not None
    if is_few and column.sql_type == "varchar":
        return CODES
    return arrow_type(column.sql_type)


def typed_column(column: Column, rows: pa.Table, timezone: str) -> Typed:
    """Return one column of the contract, read from the physical columns of a chunk."""
    sources = [s for s in column.sources if s in rows.column_names]
    count = rows.num_rows
    if len(sources) < len(column.sources) or not column.sources:
        # A constant, or a column that the file does not have.
        one = _by_sql(column, pa.table({"": pa.array([""])}), timezone)
        index = pa.array(np.zeros(count, np.int32))
        return Typed(_taken(one.values, index), _repeated(one.unfit, count))
    table = rows.select(sources)
    if len(sources) > 1:
        return _by_sql(column, table, timezone)
    text = one_array(table.column(0))
    if column.logical_type == "string" and not column.codes and not column.zero_pad:
        return _plain_text(column, text)
    if has_few(text, _FEW):
        return _by_distinct(column, text, timezone)
    read = read_plain(column, text, lambda clocks: _to_utc(clocks, timezone))
    if read is None:
        return _by_sql(column, table, timezone)
    if read.which is None:
        return Typed(_as_type(read.values, column), None)
    rest = pa.array(~read.which)
    others = _by_sql(column, table.filter(rest), timezone)
    values = pc.replace_with_mask(
        _as_type(read.values, column), rest, _as_type(others.values, column)
    )
    return Typed(values, _scattered(~read.which, others.unfit))


def _repeated(unfit: Bools | None, count: int) -> Bools | None:
    return None if unfit is None or not count else np.repeat(unfit, count)


def _scattered(where: Bools, unfit: Bools | None) -> Bools | None:
    if unfit is None:
        return None
    found = np.zeros(len(where), dtype=bool)
    found[where] = unfit
    return found


def _as_type(values: pa.Array, column: Column) -> pa.Array:
    kind = landed_type(column)
    if kind == CODES and not pa.types.is_dictionary(values.type):
        return values.dictionary_encode()
    return values.cast(kind)


def present_text(text: pa.Array, null_values: tuple[str, ...]) -> pa.Array:
    """Return values without outer spaces, null where empty or meaning nothing."""
    trimmed = pc.utf8_trim(text, characters=SPACES)
    for nothing in ("", *null_values):
        is_nothing = pc.equal(trimmed, nothing)
        if pc.any(is_nothing).as_py():
            trimmed = pc.if_else(is_nothing, None, trimmed)
    return trimmed


def _plain_text(column: Column, text: pa.Array) -> Typed:
    values = present_text(text, column.null_values)
    if not column.required or not values.null_count:
        return Typed(values, None)
    return Typed(values, values.is_null().to_numpy(zero_copy_only=False))


def has_few(values: pa.Array, most: int) -> bool:
    """Whether a sample of up to 1,000 values has at most so many distinct ones."""
    step = max(len(values) // _SAMPLE_ROWS, 1)
    sample = values.take(pa.array(np.arange(0, len(values), step)))
    return len(sample.unique()) <= most


def _by_distinct(column: Column, text: pa.Array, timezone: str) -> Typed:
    encoded = text.dictionary_encode(null_encoding="encode")
    name = column.sources[0]
    distinct = _by_sql(column, pa.table({name: encoded.dictionary}), timezone)
    values = _taken(distinct.values, encoded.indices)
    if distinct.unfit is None:
        return Typed(values, None)
    return Typed(values, distinct.unfit[encoded.indices.to_numpy()])


def _taken(values: pa.Array, index: pa.Array) -> pa.Array:
    """Return values by place; of a dictionary only the places are looked up."""
    if not pa.types.is_dictionary(values.type):
        return values.take(index)
    return pa.DictionaryArray.from_arrays(values.indices.take(index), values.dictionary)


def _by_sql(column: Column, table: pa.Table, timezone: str) -> Typed:
    cast = cast_column(column, frozenset(table.column_names), timezone)
    connection = session()
    connection.register("text_rows", table)
    result = connection.execute(typed_select(cast)).to_arrow_table()
    connection.unregister("text_rows")
    unfit = result.column("unfit").to_numpy()
    values = _as_type(one_array(result.column("value")), column)
    return Typed(values, unfit if unfit.any() else None)


def _to_utc(clocks: pa.Array, timezone: str) -> pa.Array:
    """Return wall clocks of a time zone in UTC."""
    connection = session()
    connection.register("clocks", pa.table({"clock": clocks}))
    zone = text_literal(timezone)
    result = connection.execute(
        f"select timezone('UTC', timezone({zone}, clock)) as instant from clocks"
    ).to_arrow_table()
    connection.unregister("clocks")
    return one_array(result.column("instant"))
