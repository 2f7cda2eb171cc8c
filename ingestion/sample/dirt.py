"""Dirt in values: what people mistype, leave out, spell their own way, send twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column, Feed
from ingestion.sample.cells import written_columns
from ingestion.sample.chance import Bools, Floats, Ints, chosen
from ingestion.sample.columns import either, joined, only, plain
from ingestion.sample.spec import Dirt

DUMMY_PHONE = "00000000000"
DUMMY_EMAILS = ("noreply@none.example", "test@test.example", "none@none.example")
Streams = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class DirtLevel:
    """How much of each kind of dirt; ratios are shares of rows.

    `bad_share` is the part of a feed's reject ceiling that bad rows may fill, and
    `bad_most` their number a file and block.
    """

    missing: float = 0.0
    respelled: float = 0.0
    dummies: float = 0.0
    typos: float = 0.0
    twin_typos: float = 0.0
    duplicates: float = 0.0
    bad_share: float = 0.0
    bad_most: int = 0
    first_block_only: bool = False
    arrives_late: bool = False


LEVELS: dict[Dirt, DirtLevel] = {
    "none": DirtLevel(),
    "light": DirtLevel(
        missing=0.004,
        respelled=0.3,
        dummies=0.001,
        duplicates=0.0005,
        bad_share=0.25,
        bad_most=3,
        first_block_only=True,
    ),
    "heavy": DirtLevel(
        missing=0.03,
        respelled=0.6,
        dummies=0.006,
        typos=0.012,
        twin_typos=0.3,
        duplicates=0.004,
        bad_share=0.4,
        bad_most=40,
        arrives_late=True,
    ),
}
_PERSONAL = ("direct_identifier", "quasi_identifier", "free_text")


def soiled(level: DirtLevel, feed: Feed, table: pa.Table, streams: Streams) -> pa.Table:
    """Return a table with dirt in its personal columns; keys and money stay right.

    `streams` gives each column its own randomness, so that a snapshot has the same dirt
    on every day.
    """
    for column in written_columns(feed):
        if column.classification not in _PERSONAL or column.is_primary_key:
            continue
        values = table[column.name].combine_chunks()
        if pa.types.is_string(plain(values).type):
            dirty = _soiled_column(level, column, values, streams(column.name))
            place = table.schema.get_field_index(column.name)
            table = table.set_column(place, column.name, dirty)
    return table


def _soiled_column(
    level: DirtLevel, column: Column, values: pa.Array, rng: np.random.Generator
) -> pa.Array:
    # Numbers are drawn for all rows in one order, so that more rows change no others.
    draws = rng.random((len(values), 4))
    if column.identifier in {"phone", "email"}:
        values = plain(values)
        if column.identifier == "phone":
            values = _respelled(values, draws[:, 0] < level.respelled, draws[:, 1])
        values = _dummies(column, values, draws[:, 2] < level.dummies, draws[:, 1])
    elif column.identifier == "national_id":
        values = _mistyped_ids(level, plain(values), draws[:, 0])
    elif column.name.endswith("name") and column.classification == "direct_identifier":
        values = _mistyped(plain(values), draws[:, 0] < level.typos, _name_typo)
    if not column.required:
        values = only(values, draws[:, 3] >= level.missing)
    return values


def _respelled(phones: pa.Array, which: Bools, draws: Floats) -> pa.Array:
    """Return mobile numbers as people write them; land lines stay as they are."""
    is_mobile = np.asarray(
        pc.fill_null(pc.match_substring_regex(phones, r"^1\d{10}$"), False)
    )
    start, middle, end = (
        pc.utf8_slice_codeunits(phones, a, b) for a, b in ((0, 3), (3, 7), (7, 11))
    )
    spellings = (
        joined(start, " ", middle, " ", end),
        joined(start, "-", middle, "-", end),
        joined("+86", phones),
        joined("0086", phones),
        joined("(+86)", start, middle, end),
        joined("+86 ", start, " ", middle, end),
    )
    style = (draws * len(spellings)).astype(np.int64)
    for number, spelling in enumerate(spellings):
        phones = either(which & is_mobile & (style == number), spelling, phones)
    return phones


def _dummies(
    column: Column, values: pa.Array, which: Bools, draws: np.ndarray
) -> pa.Array:
    which = which & np.asarray(pc.is_valid(values))
    if column.identifier == "phone":
        return either(which, DUMMY_PHONE, values)
    choice = (draws * len(DUMMY_EMAILS)).astype(np.int64)
    for number, dummy in enumerate(DUMMY_EMAILS):
        values = either(which & (choice == number), dummy, values)
    return values


def _mistyped_ids(level: DirtLevel, values: pa.Array, draws: Floats) -> pa.Array:
    """Return national ids with digits swapped, above all in a person's second row."""
    codes = values.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    repeats = np.ones(len(codes), bool)
    repeats[np.unique(codes, return_index=True)[1]] = False
    limit = np.where(repeats, level.twin_typos, level.typos / 4)
    return _mistyped(values, draws < limit, _id_typo)


def _mistyped(
    values: pa.Array, which: Bools, typo: Callable[[str, int], str]
) -> pa.Array:
    which = which & np.asarray(pc.is_valid(values))
    if not which.any():
        return values
    old = values.filter(pa.array(which)).to_pylist()
    new = [typo(word, place) for place, word in enumerate(old)]
    return pc.replace_with_mask(values, pa.array(which), pa.array(new, pa.string()))


def _name_typo(name: str, place: int) -> str:
    """Return a name with a slip: swapped letters, a lost one, a stray space."""
    slip = place % 4
    if slip == 0:
        return name + " "
    if slip == 1 and len(name) > 2:
        return name[:-2] + name[-1] + name[-2]
    if slip == 2 and len(name) > 2:
        return name[:-1]
    return name[0] + "\u3000" + name[1:]


def _id_typo(number: str, place: int) -> str:
    """Return an id with two neighbouring digits swapped that differ."""
    for shift in range(16):
        at = (place * 5 + shift) % 16
        if number[at] != number[at + 1]:
            return number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    return number


def doubled(level: DirtLevel, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
    """Return which rows to write, some twice in a row, and places of the repeats."""
    twice = chosen(rng, rows, level.duplicates)
    order = np.repeat(np.arange(rows), 1 + twice)
    repeats = np.flatnonzero(np.concatenate(([False], order[1:] == order[:-1])))
    return order, repeats
