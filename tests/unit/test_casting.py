"""A value is what the contract says it is, or its row is rejected: never rounded."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Channel, column, feed, key

PRAGUE = "Europe/Prague"
SHANGHAI = "Asia/Shanghai"
REJECTED = "rejected"


def cast(
    channel: Channel, spec: dict[str, Any], texts: list[str], zone: str = SHANGHAI
) -> list[Any]:
    """Return what each text lands as in a column, REJECTED where it does not."""
    channel.zone = zone
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", [key(), spec], layout))
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerows([("id", "v"), *enumerate(texts)])
    channel.deliver(stream.getvalue().encode())
    landed = channel.land(contract)
    assert landed.records_in == len(texts) == landed.landed + landed.rejected
    values = {r["id"]: r["v"] for r in channel.rows(contract)}
    return [values.get(str(n), REJECTED) for n in range(len(texts))]


def at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type, misc]  # noqa: DTZ001


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "integers are not rounded": (
        column("v", "integer"),
        {
            "12": 12,
            "-3": -3,
            "+4": 4,
            "007": 7,
            "5.0": 5,
            "12.7": REJECTED,
            "1e3": REJECTED,
            "1_000": REJECTED,
            "0x10": REJECTED,
            "9223372036854775807": 2**63 - 1,
            "9223372036854775808": REJECTED,
            "１２": REJECTED,
            "": None,
            "-": REJECTED,
        },
    ),
    "decimals keep their places": (
        column("v", "number", physicalType="decimal(18,2)"),
        {
            "12.34": Decimal("12.34"),
            "12.3": Decimal("12.30"),
            "12.3400": Decimal("12.34"),
            "12.345": REJECTED,
            "1e2": REJECTED,
            "1,234.50": REJECTED,
            "9999999999999999.99": Decimal("9999999999999999.99"),
            "10000000000000000": REJECTED,
            "NaN": REJECTED,
            "Infinity": REJECTED,
        },
    ),
    "doubles may have any places": (
        column("v", "number", physicalType="double"),
        {"12.345": 12.345, "1.5e-3": 0.0015, "7": 7.0, "inf": REJECTED, "x": REJECTED},
    ),
    "a decimal comma is no thousands point": (
        column("v", "number", decimal_mark=","),
        {
            "1.234,50": Decimal("1234.50"),
            "1234,5": Decimal("1234.50"),
            "1.234.567": Decimal("1234567.00"),
            "12.5": REJECTED,
            "1.23,00": REJECTED,
            "1,2,3": REJECTED,
            "1,234": REJECTED,
        },
    ),
    "text keeps its leading zeros": (
        column("v"),
        {"007": "007", " 7 ": "7", "": None, "a\tb": "a\tb", "NULL": "NULL"},
    ),
    "dates come in several formats": (
        column("v", "date", date_formats=["%Y%m%d", "%d.%m.%Y"]),
        {
            "20260301": date(2026, 3, 1),
            "01.03.2026": date(2026, 3, 1),
            "2026-03-01": REJECTED,
            "20260230": REJECTED,
        },
    ),
    "dates without a format are ISO 8601": (
        column("v", "date"),
        {
            "2026-03-01": date(2026, 3, 1),
            "2026-13-01": REJECTED,
            "infinity": REJECTED,
            "epoch": REJECTED,
            "290000-01-01": REJECTED,
            "2026-03-01 (BC)": REJECTED,
            "20260301": REJECTED,
            "today": REJECTED,
        },
    ),
    "years are shifted, the leap day too": (
        column("v", "date", date_formats=["%y%m%d"], shift_years=20),
        {
            "940301": date(2014, 3, 1),
            "960229": date(2016, 2, 29),
            "930229": REJECTED,
        },
    ),
    "a leap day that lands in a common year is its last February day": (
        column("v", "date", shift_years=1),
        {"2024-02-29": date(2025, 2, 28), "2025-02-28": date(2026, 2, 28)},
    ),
    "booleans are told apart": (
        column("v", "boolean"),
        {"true": True, "false": False, "maybe": REJECTED, "": None},
    ),
    "codes are those of the contract": (
        column("v", codes={"A": "alpha", "01": "one"}),
        {"A": "alpha", "01": "one", "1": REJECTED, "a": REJECTED, "": None},
    ),
    "a code map may name the empty value and the rest": (
        column("v", codes={"A": "alpha", "": "none", "*": "other"}, required=True),
        {"A": "alpha", "": "none", "x": "other"},
    ),
    "codes may stand for booleans": (
        column("v", "boolean", codes={"Y": "true", "N": "false"}),
        {"Y": True, "N": False, "true": REJECTED},
    ),
    "numbers are written as the other files do": (
        column("v", zero_pad={"prefix": "C", "digits": 4}),
        {"7": "C0007", "1234": "C1234", "12345": "12345", "C7": "C7", "": None},
    ),
    "some values mean nothing": (
        column("v", "integer", null_values=["N/A", "-"]),
        {"N/A": None, "-": None, "n/a": REJECTED, "3": 3},
    ),
    "a required value that means nothing is missing": (
        column("v", required=True, null_values=["N/A"]),
        {"N/A": REJECTED, "": REJECTED, "x": "x"},
    ),
    "a clock is seconds": (
        column("v", "integer", date_formats=["%H:%M:%S", "%M:%S"]),
        {"00:01:05": 65, "01:05": 65, "23:59:59": 86399, "25:00:00": REJECTED},
    ),
}


@pytest.mark.parametrize(("spec", "due"), CASES.values(), ids=CASES.keys())
def test_values(channel: Channel, spec: dict[str, Any], due: dict[str, Any]) -> None:
    found = cast(channel, spec, list(due))
    assert dict(zip(due, found, strict=True)) == due


MOMENTS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "a wall clock is the bank's": (
        column("v", "timestamp"),
        SHANGHAI,
        {
            "2026-03-01 10:00:00": at(2026, 3, 1, 2),
            "2026-03-01T00:30": at(2026, 2, 28, 16, 30),
            "2026-03-01": at(2026, 2, 28, 16),
        },
    ),
    "an offset counts, whatever the bank's zone": (
        column("v", "timestamp"),
        SHANGHAI,
        {
            "2026-03-01T10:00:00Z": at(2026, 3, 1, 10),
            "2026-03-01T10:00:00+08:00": at(2026, 3, 1, 2),
            "2026-03-01 10:00:00.5-0500": at(2026, 3, 1, 15, 0, 0, 500000),
        },
    ),
    "formats with and without an offset stand side by side": (
        column(
            "v", "timestamp", date_formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M"]
        ),
        SHANGHAI,
        {
            "2026-03-01T10:00:00+0800": at(2026, 3, 1, 2),
            "2026-03-01T10:00:00+0000": at(2026, 3, 1, 10),
            "2026-03-01 10:00": at(2026, 3, 1, 2),
            "2026-03-01": REJECTED,
        },
    ),
    "summer time is the zone's": (
        column("v", "timestamp"),
        PRAGUE,
        {
            "2026-01-01 12:00": at(2026, 1, 1, 11),
            "2026-07-01 12:00": at(2026, 7, 1, 10),
            # The hour that comes twice in October is told apart by its offset.
            "2026-10-25T02:30:00+02:00": at(2026, 10, 25, 0, 30),
            "2026-10-25T02:30:00+01:00": at(2026, 10, 25, 1, 30),
        },
    ),
    "a date of a moment is the bank's date": (
        column("v", "date", date_formats=["%Y-%m-%dT%H:%M:%S%z"]),
        SHANGHAI,
        {
            "2026-02-28T20:00:00+0000": date(2026, 3, 1),
            "2026-03-01T00:30:00+0800": date(2026, 3, 1),
        },
    ),
    "moments shift by years of the wall clock": (
        column("v", "timestamp", shift_years=20),
        PRAGUE,
        {"1994-07-01 12:00": at(2014, 7, 1, 10)},
    ),
}


@pytest.mark.parametrize(("spec", "zone", "due"), MOMENTS.values(), ids=MOMENTS.keys())
def test_moments(
    channel: Channel, spec: dict[str, Any], zone: str, due: dict[str, Any]
) -> None:
    found = cast(channel, spec, list(due), zone)
    assert dict(zip(due, found, strict=True)) == due


def test_a_joined_column_leaves_out_what_is_empty(channel: Channel) -> None:
    name = column("name", transformSourceObjects=["given", "family"])
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", [key(), name], layout))
    channel.deliver(b"id,family,given\n1,Novak,Jan\n2,Novak,\n3,,\n")
    channel.land(contract)
    assert [r["name"] for r in channel.rows(contract)] == ["Jan Novak", "Novak", None]


def test_a_constant_needs_no_column(channel: Channel) -> None:
    layout = {"format": "csv", "path": "f.csv"}
    columns = [key(), column("currency_code", constant="USD", required=True)]
    contract = channel.agree(feed("f", columns, layout))
    channel.deliver(b"id\n1\n")
    channel.land(contract)
    assert [r["currency_code"] for r in channel.rows(contract)] == ["USD"]


def test_a_row_with_several_faults_is_one_reject(channel: Channel) -> None:
    layout = {"format": "csv", "path": "f.csv"}
    columns = [key(), column("a", "integer"), column("b", "date")]
    contract = channel.agree(feed("f", columns, layout))
    channel.deliver(b"id,a,b\n,x,y\n")
    assert channel.land(contract).rejected == 1
    (reject,) = channel.rejects(contract)
    assert reject["fault_count"] == 3


def test_there_are_cases_to_test() -> None:
    assert CASES
    assert MOMENTS
