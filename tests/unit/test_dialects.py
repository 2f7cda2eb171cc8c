"""A file lands the same rows however a bank's system writes them."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contract import Contract
from ingestion.errors import ContractError, LandingRefused
from tests.conftest import Channel, column, feed, key

AMOUNT = {"physicalType": "decimal(18,2)"}


def agreed(channel: Channel, layout: dict[str, Any], *more: dict[str, Any]) -> Contract:
    described = {"format": "csv", "path": "f.csv", **layout}
    return channel.agree(feed("f", [key(), *more], described))


def values(channel: Channel, contract: Contract, name: str) -> list[Any]:
    return [row[name] for row in channel.rows(contract)]


NUMBERS = {
    "plain": ({}, ["1", "-1.5", "+2.25", "0001.10"], ["1", "-1.5", "2.25", "1.1"]),
    "decimal comma": (
        {"decimal_mark": ","},
        ["1.234,50", "-1,5", "12"],
        ["1234.5", "-1.5", "12"],
    ),
    "thousands by comma": (
        {"thousands_mark": ","},
        ["1,234,567.80", "999", "-1,000"],
        ["1234567.8", "999", "-1000"],
    ),
    "thousands by apostrophe": ({"thousands_mark": "'"}, ["1'234.5"], ["1234.5"]),
    "thousands by space": (
        {"thousands_mark": " ", "decimal_mark": ","},
        ["1 234,5"],
        ["1234.5"],
    ),
    "thousands by hard space": (
        {"thousands_mark": "\u00a0", "decimal_mark": ","},
        ["1\u00a0234,5"],
        ["1234.5"],
    ),
    "minus behind": (
        {"negative": "trailing"},
        ["123.45-", "-1", "7"],
        ["-123.45", "-1", "7"],
    ),
    "in parentheses": (
        {"negative": "parentheses", "thousands_mark": ","},
        ["(1,123.45)", "1"],
        ["-1123.45", "1"],
    ),
}


@pytest.mark.parametrize("case", NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_are_read_as_their_sender_writes_them(
    channel: Channel, case: tuple[dict[str, str], list[str], list[str]]
) -> None:
    how, written, meant = case
    contract = agreed(
        channel, {"delimiter": ";"}, column("amount", "number", **AMOUNT, **how)
    )
    lines = [f"{n};{text}" for n, text in enumerate(written)]
    channel.deliver("\n".join(["id;amount", *lines]).encode())
    assert channel.land(contract).rejected == 0
    assert values(channel, contract, "amount") == [Decimal(m) for m in meant]


NO_NUMBERS = {
    "two points": ({}, "1.2.3"),
    "a third digit": ({}, "1.234"),
    "thousands not agreed": ({}, "1,234.00"),
    "groups of two": ({"thousands_mark": ","}, "1,23.00"),
    "minus on both sides": ({"negative": "trailing"}, "-1.00-"),
    "minus behind, not agreed": ({}, "1.00-"),
    "half a pair": ({"negative": "parentheses"}, "(1.00"),
    "parentheses and a minus": ({"negative": "parentheses"}, "(-1.00)"),
    "exponent": ({}, "1e3"),
    "no digit": ({"negative": "trailing"}, "-"),
}


@pytest.mark.parametrize("case", NO_NUMBERS.values(), ids=NO_NUMBERS.keys())
def test_a_number_written_otherwise_is_rejected_and_not_guessed(
    channel: Channel, case: tuple[dict[str, str], str]
) -> None:
    how, written = case
    contract = agreed(
        channel, {"delimiter": ";"}, column("amount", "number", **AMOUNT, **how)
    )
    channel.deliver(f"id;amount\n1;{written}\n2;1\n".encode())
    landed = channel.land(contract)
    assert (landed.landed, landed.rejected) == (1, 1)
    (reject,) = channel.rejects(contract)
    assert (reject["reason_code"], reject["found"]) == ("not_a_number", written)


ESCAPED = b'id,note\n1,"a \\"b\\" c"\n2,a\\,b\n3,a\\\\\n4,a\\\n5,"a\\\\"\n6,"open\\"\n'


def test_an_escape_makes_quotes_and_delimiters_plain(channel: Channel) -> None:
    contract = agreed(channel, {"escape": "\\"}, column("note"))
    channel.deliver(ESCAPED)
    channel.land(contract)
    assert values(channel, contract, "note") == ['a "b" c', "a,b", "a\\", "a\\"]
    assert [
        (r["source_line"], r["reason_code"]) for r in channel.rejects(contract)
    ] == [
        (5, "escaped_line_end"),
        (7, "unclosed_quote"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_utf_16_lands_with_its_lines_and_places(
    channel: Channel, encoding: str, mark: bool
) -> None:
    order = "utf-16-le" if encoding == "utf-16" else encoding
    text = "id,note\r\n1,中文 \U0001f600\r\n2,\u0a0d\u0d0a\r\n3\r\n"
    data = text.encode(order)
    if mark:
        data = "\ufeff".encode(order) + data
    contract = agreed(channel, {"encoding": encoding}, column("note"))
    channel.deliver(data)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert values(channel, contract, "note") == ["中文 \U0001f600", "\u0a0d\u0d0a"]
    (reject,) = channel.rejects(contract)
    assert reject["source_line"] == 4
    place = reject["source_offset"]
    assert data[place : place + 2] == reject["raw"] == "3".encode(order)


def test_half_a_utf_16_character_costs_its_record_only(channel: Channel) -> None:
    good, lone = "1,a\n".encode("utf-16-le"), b"\x00\xd8"
    contract = agreed(
        channel, {"encoding": "utf-16-le", "header": False}, column("note")
    )
    channel.deliver(good + "2,".encode("utf-16-le") + lone + b"\n\0" + good + b"\x31")
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (4, 2, 2)
    assert landed.reasons == {"bad_encoding": 2}


TRAILERS: dict[str, tuple[dict[str, Any], bytes]] = {
    "count and sum": (
        {"starts_with": "TRL|", "count": 2, "sums": {"amount": 3}},
        b"TRL|2|11.50",
    ),
    "quoted": ({"starts_with": '"TRL"', "count": 2}, b'"TRL"|"2"'),
    "counts itself and the header": (
        {"starts_with": "TRL|", "count": 2, "counts_besides": 2},
        b"TRL|4",
    ),
    "by bytes": ({"starts_with": "T", "count": [2, 7]}, b"T000002"),
    "blank lines and control-z behind": (
        {"starts_with": "TRL|", "count": 2},
        b"TRL|2\r\n\r\n\x1a",
    ),
}


@pytest.mark.parametrize("case", TRAILERS.values(), ids=TRAILERS.keys())
def test_a_trailer_is_no_row_and_is_believed_when_it_counts_right(
    channel: Channel, case: tuple[dict[str, Any], bytes]
) -> None:
    trailer, last = case
    contract = agreed(
        channel,
        {"delimiter": "|", "preamble": 1, "trailer": trailer},
        column("amount", "number", **AMOUNT),
    )
    channel.deliver(b"HDR|20260301\nid|amount\n1|10.50\n2|1.00\n" + last)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed) == (2, 2)
    assert [row["source_line"] for row in channel.rows(contract)] == [3, 4]


WRONG_TRAILERS = {
    "none": (b"2|1.00", "does not end with its trailer"),
    "cut off before it": (b"", "does not end with its trailer"),
    "another count": (b"TRL|3|11.50", "counts other records"),
    "another sum": (b"TRL|2|11.51", "the sum of 'amount' is not the trailer's"),
    "no number": (b"TRL|two|11.50", "cannot be read in the trailer"),
    "too short": (b"TRL|2", "cannot be read in the trailer"),
}


@pytest.mark.parametrize("case", WRONG_TRAILERS.values(), ids=WRONG_TRAILERS.keys())
def test_a_file_whose_trailer_is_wrong_is_refused(
    channel: Channel, case: tuple[bytes, str]
) -> None:
    last, said = case
    trailer = {"starts_with": "TRL|", "count": 2, "sums": {"amount": 3}}
    contract = agreed(
        channel,
        {"delimiter": "|", "trailer": trailer},
        column("amount", "number", **AMOUNT),
    )
    channel.deliver(b"id|amount\n1|10.50\n2|1.00\n" + last)
    with pytest.raises(LandingRefused, match=said):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


def test_a_fixed_width_trailer_is_read_by_its_bytes(channel: Channel) -> None:
    columns = [key(width=3), column("amount", "number", width=6)]
    layout = {
        "format": "fixed_width",
        "path": "f.csv",
        "trailer": {"starts_with": "9", "count": [2, 4], "sums": {"amount": [5, 9]}},
    }
    contract = channel.agree(feed("f", columns, layout))
    channel.deliver(b"001  1.50\n002  2.00\n9002 3.50\n")
    landed = channel.land(contract)
    assert (landed.landed, landed.sums) == (2, {"amount": "3.50"})


def test_a_trailer_may_be_all_that_is_in_the_last_block(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ingestion.formats.byte_lines as byte_lines

    layout = {"trailer": {"starts_with": "TRL", "count": 2}}
    contract = agreed(channel, layout, column("note"))
    body = b"".join(b"%d,aaaa\n" % n for n in range(10, 30))
    for size in range(60, 90):
        monkeypatch.setattr(byte_lines, "CHUNK_BYTES", size)
        channel.deliver(b"id,note\n" + body + b"TRL,20\n" + b" \n" * (size % 7))
        landed = channel.land(contract)
        assert (landed.records_in, landed.landed) == (20, 20)


def test_a_preamble_longer_than_the_file_is_refused(channel: Channel) -> None:
    contract = agreed(channel, {"preamble": 5}, column("note"))
    channel.deliver(b"id,note\n1,a\n")
    with pytest.raises(LandingRefused, match="shorter than its preamble"):
        channel.land(contract)


SEVERAL = {
    "a.csv": b"id,note\n1,a\n2,b\n",
    "b.csv.gz": gzip.compress(b"note,id\nc,3\n") + gzip.compress(b"d,4\n"),
    "c.csv.zst": pa.Codec("zstd").compress(b"id,note\n5,e\n", asbytes=True),
}


def test_several_files_of_a_day_are_one_landing(channel: Channel) -> None:
    contract = agreed(channel, {"path": "*.csv*"}, column("note"))
    for name, data in SEVERAL.items():
        channel.deliver(data, name)
    landed = channel.land(contract)
    assert landed.files == tuple(SEVERAL)
    found = [(r["source_file"], r["id"], r["note"]) for r in channel.rows(contract)]
    assert found == [
        ("a.csv", "1", "a"),
        ("a.csv", "2", "b"),
        ("b.csv.gz", "3", "c"),
        ("b.csv.gz", "4", "d"),
        ("c.csv.zst", "5", "e"),
    ]


def test_one_of_several_files_that_is_cut_off_lands_none(channel: Channel) -> None:
    contract = agreed(channel, {"path": "*.csv*"}, column("note"))
    channel.deliver(SEVERAL["a.csv"], "a.csv")
    channel.deliver(SEVERAL["b.csv.gz"][:-9], "b.csv.gz")
    with pytest.raises(LandingRefused, match=r"b\.csv\.gz: cannot be read to its end"):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


def test_dates_in_several_formats_are_tried_in_order(channel: Channel) -> None:
    day = column("day", "date", date_formats=["%d.%m.%Y", "%Y%m%d", "%y-%m-%d"])
    contract = agreed(channel, {}, day)
    channel.deliver(b"id,day\n1,02.03.2026\n2,20260302\n3,26-03-02\n4,03/02/2026\n")
    assert channel.land(contract).rejected == 1
    assert set(values(channel, contract, "day")) == {date(2026, 3, 2)}


INCONSISTENT = {
    "quote is the delimiter": {"delimiter": '"'},
    "escape is the quote": {"escape": '"'},
    "multiline with a late escape": {
        "multiline": True,
        "escape": "\\",
        "encoding": "gb18030",
    },
    "sums of a part of the file": {
        "rows": {"column": "id", "otherwise": True},
        "trailer": {"starts_with": "T", "sums": {"id": 1}},
    },
}


@pytest.mark.parametrize("layout", INCONSISTENT.values(), ids=INCONSISTENT.keys())
def test_a_layout_that_cannot_be_told_apart_is_no_contract(
    channel: Channel, layout: dict[str, Any]
) -> None:
    with pytest.raises(ContractError):
        agreed(channel, layout, column("note"))
