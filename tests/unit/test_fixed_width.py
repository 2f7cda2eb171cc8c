"""Fixed width records are cut by bytes, and a record of another width is rejected."""

from __future__ import annotations

from typing import Any

import pytest

import ingestion.formats.byte_lines as byte_lines
from ingestion.contract import Contract
from tests.conftest import Channel, column, feed, key


def agreed(channel: Channel, encoding: str = "gb18030") -> Contract:
    columns = [
        key(width=3),
        column("place", width=8),
        column("amount", "number", width=6, required=True),
    ]
    layout = {"format": "fixed_width", "path": "f.csv", "encoding": encoding}
    return channel.agree(feed("f", columns, layout))


def record(number: int, place: str, amount: str = "1.50") -> bytes:
    cells = place.encode("gb18030")
    return b"%03d" % number + cells + b" " * (8 - len(cells)) + amount.encode().rjust(6)


def shown(channel: Channel, contract: Contract) -> list[tuple[Any, ...]]:
    return [(r["source_line"], r["id"], r["place"]) for r in channel.rows(contract)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("final", [True, False], ids=["ended", "not ended"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_widths_are_bytes_whatever_the_line_ends(
    channel: Channel, end: bytes, final: bool, count: int
) -> None:
    contract = agreed(channel)
    places = ["北京路", "A座", "Kino"][:count]
    records = [record(n, place) for n, place in enumerate(places, 1)]
    channel.deliver(end.join(records) + (end if final else b""))
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (count, count, 0)
    due = [(n, f"{n:03d}", place) for n, place in enumerate(places, 1)]
    assert shown(channel, contract) == due


BAD = {
    "short": (record(2, "x")[:-1], "wrong_record_length"),
    "long": (record(2, "x") + b" ", "wrong_record_length"),
    "blank": (b"", "wrong_record_length"),
    "half a character at the cut": (
        b"002" + b"1234567\xb1" + b"\xb1  1.50"[:6],
        "bad_encoding",
    ),
    "bad bytes": (b"002" + b"\xff\xff      " + b"  1.50", "bad_encoding"),
    "no number": (record(2, "x", "1,50"), "not_a_number"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD.keys())
def test_a_record_that_does_not_fit_costs_itself_only(
    channel: Channel, bad: bytes, reason: str
) -> None:
    contract = agreed(channel)
    channel.deliver(b"\n".join([record(1, "一"), bad, record(3, "三")]) + b"\n")
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert shown(channel, contract) == [(1, "001", "一"), (3, "003", "三")]
    (reject,) = channel.rejects(contract)
    assert (reject["source_line"], reject["source_offset"]) == (2, 18)
    assert (reject["reason_code"], reject["raw"]) == (reason, bad)


def test_places_are_right_in_every_chunk(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_lines, "CHUNK_BYTES", 50)
    contract = agreed(channel)
    records = [record(n, "中") if n % 9 else b"short" for n in range(1, 101)]
    data = b"\n".join(records)
    channel.deliver(data)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (100, 89, 11)
    assert [r[0] for r in shown(channel, contract)] == [
        n for n in range(1, 101) if n % 9
    ]
    places = [r["source_offset"] for r in channel.rejects(contract)]
    assert [data[o : o + 5] for o in places] == [b"short"] * 11


def test_there_are_cases_to_test() -> None:
    assert BAD


@pytest.mark.parametrize("odd", range(0, 40, 3))
def test_line_ends_may_differ_from_record_to_record(channel: Channel, odd: int) -> None:
    columns = [key(width=3), column("name", width=5)]
    layout = {"format": "fixed_width", "path": "f.csv"}
    contract = channel.agree(feed("f", columns, layout))
    records = [f"{n:03d}name{n % 10}" for n in range(40)]
    ends = ["\r\n" if n == odd else "\n" for n in range(40)]
    text = "".join(r + e for r, e in zip(records, ends, strict=True))
    channel.deliver(text.encode())
    assert channel.land(contract).landed == 40
    found = [f"{row['id']}{row['name']}" for row in channel.rows(contract)]
    assert found == records
