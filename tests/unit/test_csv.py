"""Delimited text lands to the record, or says which record it is not, and why."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

import ingestion.formats.byte_lines as byte_lines
from ingestion.contract import Contract
from ingestion.errors import LandingRefused
from tests.conftest import Channel, column, feed, key


def agreed(
    channel: Channel, *more: dict[str, Any], path: str = "f.csv", **layout: Any
) -> Contract:
    columns = [key(), column("note", classification="quasi_identifier"), *more]
    return channel.agree(feed("f", columns, {"format": "csv", "path": path, **layout}))


def landed_values(channel: Channel, contract: Contract) -> list[tuple[Any, ...]]:
    return [(r["source_line"], r["id"], r["note"]) for r in channel.rows(contract)]


def reject_places(channel: Channel, contract: Contract) -> list[tuple[Any, ...]]:
    return [
        (r["source_line"], r["source_offset"], r["reason_code"], r["raw"])
        for r in channel.rejects(contract)
    ]


WELL_FORMED = {
    "plain": b"id,note\n1,a\n2,b\n",
    "crlf": b"id,note\r\n1,a\r\n2,b\r\n",
    "mixed line ends": b"id,note\r\n1,a\n2,b\r\n",
    "byte order mark": b"\xef\xbb\xbfid,note\n1,a\n2,b\n",
    "no final newline": b"id,note\n1,a\n2,b",
    "crlf without a final newline": b"id,note\r\n1,a\r\n2,b",
    "quoted": b'"id","note"\n"1","a"\n"2","b"\n',
    "other order": b"note,id\na,1\nb,2\n",
    "spaces around": b"id , note\n 1 , a \n2,b\n",
}


@pytest.mark.parametrize("data", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_every_spelling_of_a_table_lands_the_same_rows(
    channel: Channel, data: bytes
) -> None:
    contract = agreed(channel)
    channel.deliver(data)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (2, 2, 0)
    assert landed_values(channel, contract) == [(2, "1", "a"), (3, "2", "b")]


MALFORMED: dict[str, tuple[bytes, int, bytes, str]] = {
    "a field too few": (b"id,note\n1,a\n2\n3,c\n", 12, b"2", "wrong_column_count"),
    "a field too many": (
        b"id,note\n1,a\n2,b,c\n3,c\n",
        12,
        b"2,b,c",
        "wrong_column_count",
    ),
    "blank line": (b"id,note\n1,a\n\n3,c\n", 12, b"", "blank_line"),
    "blank crlf line": (b"id,note\r\n1,a\r\n\r\n3,c\r\n", 14, b"", "blank_line"),
    "unclosed quote": (b'id,note\n1,a\n2,"b\n3,c\n', 12, b'2,"b', "unclosed_quote"),
    "bare quote": (b'id,note\n1,a\n2,b"b"\n3,c\n', 12, b'2,b"b"', "bare_quote"),
    "text after a quote": (b'id,note\n1,a\n2,"b"b\n3,c\n', 12, b'2,"b"b', "bare_quote"),
    "stray carriage return": (
        b"id,note\n1,a\n2,b\rb\n3,c\n",
        12,
        b"2,b\rb",
        "stray_carriage_return",
    ),
    "bad bytes": (b"id,note\n1,a\n2,\xff\n3,c\n", 12, b"2,\xff", "bad_encoding"),
    "after a byte order mark": (
        b"\xef\xbb\xbfid,note\n1,a\n2\n3,c\n",
        15,
        b"2",
        "wrong_column_count",
    ),
}


@pytest.mark.parametrize(
    ("data", "offset", "raw", "reason"), MALFORMED.values(), ids=MALFORMED.keys()
)
def test_a_malformed_record_costs_that_record_only(
    channel: Channel, data: bytes, offset: int, raw: bytes, reason: str
) -> None:
    contract = agreed(channel)
    channel.deliver(data)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert landed_values(channel, contract) == [(2, "1", "a"), (4, "3", "c")]
    assert reject_places(channel, contract) == [(3, offset, reason, raw)]
    assert data[offset : offset + len(raw)] == raw


def test_a_truncated_last_line_is_rejected(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,note\n1,a\n2")
    assert channel.land(contract).rejected == 1
    assert reject_places(channel, contract) == [(3, 12, "wrong_column_count", b"2")]


def test_doubled_quotes_and_delimiters_in_quotes_are_text(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b'id,note\n1,"a,""b"""\n2,""""\n3,""\n')
    channel.land(contract)
    assert [r[2] for r in landed_values(channel, contract)] == ['a,"b"', '"', None]


@pytest.mark.parametrize("chunk_bytes", [16 * 1024 * 1024, 7])
def test_a_newline_in_quotes_is_text_where_the_contract_says_so(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(byte_lines, "CHUNK_BYTES", chunk_bytes)
    contract = agreed(channel, multiline=True)
    channel.deliver(b'id,note\n1,"a\nb\r\nc"\n2\n3,"d"\n')
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert landed_values(channel, contract) == [(2, "1", "a\nb\r\nc"), (6, "3", "d")]
    assert reject_places(channel, contract) == [(5, 19, "wrong_column_count", b"2")]


def test_places_are_right_in_every_chunk(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_lines, "CHUNK_BYTES", 64)
    lines = [b"id,note"] + [
        b"%d" % n if n % 10 == 0 else "{},字{}".format(n, "x" * (n % 7)).encode()
        for n in range(1, 201)
    ]
    data = b"\r\n".join(lines) + b"\r\n"
    contract = agreed(channel)
    channel.deliver(data)
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (200, 180, 20)
    assert [r["source_line"] for r in channel.rows(contract)] == [
        n + 1 for n in range(1, 201) if n % 10
    ]
    places = reject_places(channel, contract)
    assert [p[0] for p in places] == list(range(11, 202, 10))
    assert all(data[o : o + len(raw)] == raw for _, o, _, raw in places)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "通话编号€é中"),
        ("gbk", "通话编号"),
        ("big5", "客戶編號"),
        ("cp1252", "Zürich €"),
        ("cp1250", "Žižkov"),
        ("latin-1", "Zürich"),
    ],
)
def test_a_bad_byte_of_any_encoding_costs_its_line_only(
    channel: Channel, encoding: str, text: str
) -> None:
    contract = agreed(channel, encoding=encoding)
    rows = [f"1,{text}", f"3,{text}{text}"]
    bad = b"2,\x81" if encoding not in {"latin-1", "cp1250"} else b"2"
    data = b"\n".join([b"id,note", rows[0].encode(encoding), bad])
    channel.deliver(data + b"\n" + rows[1].encode(encoding) + b"\n")
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (3, 2, 1)
    assert [r[2] for r in landed_values(channel, contract)] == [text, text * 2]
    assert [p[3] for p in reject_places(channel, contract)] == [bad]


def test_gb18030_of_the_same_length_as_utf8_is_cut_at_its_own_places(
    channel: Channel,
) -> None:
    # À takes 4 bytes in GB18030 and 2 in UTF-8; 中 takes 2 and 3.
    data = "id,note\n1,À\n2,中中\n3,中À中\n".encode("gb18030")
    assert len(data) == len(data.decode("gb18030").encode())
    contract = agreed(channel, encoding="gb18030")
    channel.deliver(data)
    channel.land(contract)
    assert landed_values(channel, contract) == [
        (2, "1", "À"),
        (3, "2", "中中"),
        (4, "3", "中À中"),
    ]


def test_a_record_longer_than_a_parser_block_lands(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,note\n1," + b"x" * 3_000_000 + b"\n2,b\n")
    assert channel.land(contract).landed == 2
    assert [len(r[2]) for r in landed_values(channel, contract)] == [3_000_000, 1]


def test_one_column_files_keep_their_empty_values(channel: Channel) -> None:
    columns = [column("id", primaryKey=True)]
    contract = channel.agree(feed("f", columns, {"format": "csv", "path": "f.csv"}))
    channel.deliver(b"id\n1\n\n3\n")
    assert channel.land(contract).landed == 3
    assert [r["id"] for r in channel.rows(contract)] == ["1", None, "3"]


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_a_file_without_header_or_quotes_is_read_by_the_contract_alone(
    channel: Channel, delimiter: str
) -> None:
    contract = agreed(channel, header=False, quote="", delimiter=delimiter)
    channel.deliver(f'1{delimiter}"a\n2{delimiter}b"c\n'.encode())
    assert channel.land(contract).landed == 2
    assert landed_values(channel, contract) == [(1, "1", '"a'), (2, "2", 'b"c')]


def test_a_header_can_be_read_where_there_are_no_quotes(channel: Channel) -> None:
    contract = agreed(channel, quote="")
    channel.deliver(b'id,note\n1,"a\n')
    channel.land(contract)
    assert landed_values(channel, contract) == [(2, "1", '"a')]


def test_packed_files_are_read_as_they_are(channel: Channel) -> None:
    contract = agreed(channel, path="f.csv.gz")
    channel.deliver(gzip.compress(b"id,note\n1,a\n"), "f.csv.gz")
    assert channel.land(contract).landed == 1


PACKED = gzip.compress(b"id,note\n" + b"1,a\n" * 5000)
DAMAGED = {
    "truncated": PACKED[:-12],
    "cut in the middle": PACKED[: len(PACKED) // 2],
    "not packed": b"id,note\n1,a\n",
    "flipped": PACKED[:30] + bytes([PACKED[30] ^ 255]) + PACKED[31:],
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_packed_file_is_refused(channel: Channel, data: bytes) -> None:
    contract = agreed(channel, path="f.csv.gz")
    channel.deliver(data, "f.csv.gz")
    with pytest.raises(LandingRefused, match=r"f\.csv\.gz"):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


HEADERS: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "is empty"),
    "byte order mark only": (b"\xef\xbb\xbf", "is empty"),
    "blank header": (b"\n1,a\n", "header is blank"),
    "doubled name": (b"id,note,note\n1,a,b\n", "stands twice"),
    "wrong encoding": (b"id,\xff\xfe\n1,a\n", "not in the contract's encoding"),
    "line ends of old Macs": (b"id,note\r1,a\r", "cannot be split"),
}


@pytest.mark.parametrize(("data", "said"), HEADERS.values(), ids=HEADERS.keys())
def test_a_file_without_a_sound_header_is_refused_in_one_line(
    channel: Channel, data: bytes, said: str
) -> None:
    contract = agreed(channel)
    channel.deliver(data)
    with pytest.raises(LandingRefused, match=said) as refused:
        channel.land(contract)
    assert "\n" not in str(refused.value)
    assert not (channel.root / "lake" / "raw").exists()


@pytest.mark.parametrize("body", [b"", b"1,a\n"], ids=["header only", "with rows"])
def test_a_renamed_required_column_is_refused_with_the_nearest_name(
    channel: Channel, body: bytes
) -> None:
    contract = agreed(channel, column("amount", "number", required=True))
    channel.deliver(b"id,note,amonut\n" + body.replace(b"\n", b",1\n"))
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    said = str(refused.value)
    assert "'amount'" in said
    assert "'amonut'" in said
    assert "c.odcs.yaml" in said
    assert "\n" not in said


def test_a_header_only_file_lands_no_rows(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,note\n")
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed) == (0, 0)
    assert channel.rows(contract) == []


def test_missing_optional_and_extra_columns_are_said_and_survived(
    channel: Channel,
) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,surplus\n1,x\n")
    warnings = " ".join(channel.land(contract).warnings)
    assert "'note'" in warnings
    assert "'surplus'" in warnings
    assert landed_values(channel, contract) == [(2, "1", None)]


def test_each_file_of_an_extract_is_read_by_its_own_header(channel: Channel) -> None:
    contract = agreed(channel, path="f*.csv")
    channel.deliver(b"id\n1\n", "f1.csv")
    channel.deliver(b"note,id\nb,2\n", "f2.csv")
    landed = channel.land(contract)
    assert landed_values(channel, contract) == [(2, "1", None), (2, "2", "b")]
    assert [r["source_file"] for r in channel.rows(contract)] == ["f1.csv", "f2.csv"]
    assert any("'note'" in w for w in landed.warnings)


def test_there_are_cases_to_test() -> None:
    assert all((WELL_FORMED, MALFORMED, HEADERS, DAMAGED))
