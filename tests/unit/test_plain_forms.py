"""What is cast without SQL is what SQL makes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ingestion.typed_columns as typed_columns
from ingestion.contract import Column
from ingestion.plain_forms import read_plain
from ingestion.typed_columns import typed_column

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "Australia/Lord_Howe",  # moves its clocks by half an hour
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",  # left out a day
)


def column(kind: str, sql_type: str, **how: Any) -> Column:
    return Column("v", "v", kind, sql_type, "", "public", {}, **how)


COLUMNS = (
    column("timestamp", "timestamp"),
    column("date", "date"),
    column("timestamp", "timestamp", date_formats=("%Y%m%d%H%M%S",)),
    column("timestamp", "timestamp", date_formats=("%d/%m/%Y %H:%M", "%Y%m%d")),
    column("date", "date", date_formats=("%d.%m.%Y",)),
    column("date", "date", date_formats=("%Y年%m月%d日",)),
    column("number", "decimal(18,2)"),
    column("number", "decimal(5,1)"),
    column("number", "decimal(38,10)"),
    column("integer", "bigint"),
)

moments = st.datetimes().map(lambda m: m.replace(microsecond=0))
spellings = st.one_of(
    moments.map(lambda m: m.strftime("%Y-%m-%d %H:%M:%S")),
    moments.map(lambda m: m.strftime("%Y-%m-%dT%H:%M:%S")),
    moments.map(lambda m: m.strftime("%Y-%m-%d")),
    moments.map(lambda m: m.strftime("%Y%m%d%H%M%S")),
    moments.map(lambda m: m.strftime("%d/%m/%Y %H:%M")),
    moments.map(lambda m: m.strftime("%d.%m.%Y")),
    moments.map(lambda m: f"{m.year:04}年{m.month:02}月{m.day:02}日"),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.integers().map(str),
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,4}", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T:][0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True
    ),
    st.from_regex(r"[0-9]{14}", fullmatch=True),
    st.sampled_from(
        [
            "",
            " ",
            "2026-02-30",
            "2026-03-08 02:30:00",
            "1e5",
            "-.5",
            "5.",
            "0x10",
            "00012.50",
            "2026-03-01 24:00:00",
            "１２",
            "NaN",
            "inf",
        ]
    ),
    st.text(max_size=20),
)


def by_sql_only(wanted: Column, table: pa.Table, zone: str) -> typed_columns.Typed:
    return typed_columns._by_sql(wanted, table, zone)


@pytest.mark.parametrize(
    "wanted", COLUMNS, ids=lambda c: f"{c.sql_type} {c.date_formats}"
)
@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(spellings, min_size=1, max_size=30),
    plain=st.lists(moments, max_size=300),
    zone=st.sampled_from(ZONES),
)
def test_plain_values_are_cast_as_sql_casts_them(
    wanted: Column, texts: list[str], plain: list[Any], zone: str
) -> None:
    # Enough distinct values for the way of plain forms, whatever they are.
    layout = (wanted.date_formats or ("%Y-%m-%d %H:%M:%S",))[0]
    more = [m.strftime(layout) for m in plain if m.year >= 1000]
    numbers = [f"{n}.{n % 10}" for n in range(210)]
    table = pa.table({"v": pa.array(texts + more + numbers, pa.string())})
    fast, slow = typed_column(wanted, table, zone), by_sql_only(wanted, table, zone)
    assert fast.values.equals(slow.values)
    none = np.zeros(table.num_rows, dtype=bool)
    left = none if fast.unfit is None else fast.unfit
    right = none if slow.unfit is None else slow.unfit
    assert left.tolist() == right.tolist()


@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_around_a_change_of_clocks_is_as_sql_says(zone: str) -> None:
    days = [
        date(2026, m, d)
        for m, d in ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1))
    ]
    texts = [
        f"{day} {minute // 60:02}:{minute % 60:02}:00"
        for day in days
        for minute in range(0, 1440, 5)
    ]
    table = pa.table({"v": texts})
    wanted = COLUMNS[0]
    assert (
        typed_column(wanted, table, zone).values.to_pylist()
        == by_sql_only(wanted, table, zone).values.to_pylist()
    )


def test_plain_forms_are_really_taken() -> None:
    texts = pa.array([f"2026-03-01 10:{n // 60:02}:{n % 60:02}" for n in range(300)])
    found = read_plain(COLUMNS[0], texts, lambda clocks: clocks)
    assert found is not None
    assert found.which is None
    amounts = pa.array([f"{n}.50" for n in range(300)])
    found = read_plain(COLUMNS[6], amounts, lambda clocks: clocks)
    assert found is not None
    assert found.which is None
