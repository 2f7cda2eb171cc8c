"""One JSON object a line, or a reject that says it is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ingestion.contract import Contract
from tests.conftest import Channel, column, feed, key


def agreed(channel: Channel, *more: dict[str, Any], **layout: Any) -> Contract:
    columns = [key(), column("address", physicalName="from.address"), *more]
    described = {"format": "json_lines", "path": "f.csv", **layout}
    return channel.agree(feed("f", columns, described))


def test_a_dotted_name_is_a_path(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(
        '{"id": 1, "from": {"address": "a@b.cn", "name": "王"}}\n'
        '{"id": "2", "from": "nobody"}\n{"id": "3"}\n'.encode()
    )
    channel.land(contract)
    values = [(r["id"], r["address"]) for r in channel.rows(contract)]
    assert values == [("1", "a@b.cn"), ("2", None), ("3", None)]


NO_OBJECT = {
    "cut off": b'{"id": "2", "from',
    "array": b'["2"]',
    "string": b'"2"',
    "null": b"null",
    "two objects": b'{"id": "2"} {"id": "4"}',
    "blank": b"",
    "no JSON": b"id=2",
    "bad bytes": b'{"id": "\xff"}',
}


@pytest.mark.parametrize("bad", NO_OBJECT.values(), ids=NO_OBJECT.keys())
def test_a_line_that_is_no_object_costs_itself_only(
    channel: Channel, bad: bytes
) -> None:
    contract = agreed(channel)
    channel.deliver(b'{"id": "1"}\n' + bad + b'\n{"id": "3"}')
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert [(r["source_line"], r["id"]) for r in channel.rows(contract)] == [
        (1, "1"),
        (3, "3"),
    ]
    (reject,) = channel.rejects(contract)
    due = "bad_encoding" if b"\xff" in bad else "invalid_json"
    assert (reject["source_line"], reject["source_offset"]) == (2, 12)
    assert (reject["reason_code"], reject["raw"]) == (due, bad)


def test_a_missing_required_value_is_rejected(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b'{"id": null}\n{"id": ""}\n{}\n{"id": "4"}\n')
    assert channel.land(contract).reasons == {"missing_value": 3}


def test_long_numbers_keep_every_digit(channel: Channel) -> None:
    contract = agreed(channel, column("amount", "number"), column("number", "integer"))
    channel.deliver(
        b'{"id": 12345678901234567890123, "amount": 1234567890123456.78, '
        b'"number": 9007199254740993}\n'
        b'{"id": "b \\u00e9 1.123456789", "amount": 0.10, "number": 1}\n'
    )
    channel.land(contract)
    first, second = channel.rows(contract)
    assert first["id"] == "12345678901234567890123"
    assert first["amount"] == Decimal("1234567890123456.78")
    assert first["number"] == 9007199254740993
    assert (second["id"], second["amount"]) == ("b é 1.123456789", Decimal("0.10"))


def test_gb18030_lines_are_read(channel: Channel) -> None:
    contract = agreed(channel, encoding="gb18030")
    channel.deliver('{"id": "王À"}\n{"id": "中中"}\n'.encode("gb18030"))
    channel.land(contract)
    assert [r["id"] for r in channel.rows(contract)] == ["王À", "中中"]


def test_there_are_cases_to_test() -> None:
    assert NO_OBJECT
