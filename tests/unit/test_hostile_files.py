"""Files made to mislead: no value changes unseen, no card number stays, no crash."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ingestion.formats.byte_lines as byte_lines
from ingestion.contract import Contract
from ingestion.errors import ContractError, LandingRefused, PassbookError
from tests.conftest import Channel, column, feed, key

VISA = "4111111111111111"


def csv_of(channel: Channel, *columns: dict[str, Any], **layout: Any) -> Contract:
    return channel.agree(
        feed("f", [key(), *columns], {"format": "csv", "path": "f.csv", **layout})
    )


def json_of(channel: Channel, *columns: dict[str, Any]) -> Contract:
    layout = {"format": "json_lines", "path": "f.csv"}
    return channel.agree(feed("f", [key(), *columns], layout))


WORDS = ("epoch", "Epoch", "infinity", "-infinity", "INF", "+inf", "today", "now")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("formats", [["%Y-%m-%d"], ["%d.%m.%Y", "%Y%m%d"], []])
def test_a_word_is_no_moment(channel: Channel, word: str, formats: list[str]) -> None:
    day = column("day", "date", date_formats=formats)
    contract = csv_of(channel, day)
    channel.deliver(f"id,day\n1,{word}\n".encode())
    assert channel.land(contract).reasons == {"not_a_date": 1}


def test_nanoseconds_are_not_cut(channel: Channel) -> None:
    contract = csv_of(channel, column("at", "timestamp"))
    channel.deliver(
        b"id,at\n1,2026-03-01 10:00:00.123456789\n2,2026-03-01 10:00:00.123456000\n"
    )
    landed = channel.land(contract)
    assert (landed.landed, landed.reasons) == (1, {"not_a_timestamp": 1})


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_of_parquet_are_exact_or_rejected(channel: Channel, unit: str) -> None:
    columns = [key(), column("at", "timestamp"), column("text", physicalName="at2")]
    contract = channel.agree(feed("f", columns, {"format": "parquet", "path": "f.csv"}))
    ticks = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    values = [0, 1_767_225_600 * ticks, 2**60, -(2**62), 1_767_225_600 * ticks + 1]
    moments = pa.array(values, pa.timestamp(unit))
    table = pa.table({"id": list("abcde"), "at": moments, "at2": moments})
    pq.write_table(table, channel.folder / "f.csv", coerce_timestamps=None)
    landed = channel.land(contract)
    assert landed.reasons.keys() <= {"not_a_timestamp"}
    for row in channel.rows(contract):
        place = "abcde".index(row["id"])
        said = row["at"].replace(tzinfo=None)
        back = pa.scalar(said, pa.timestamp("us")).cast(pa.int64()).as_py()
        # The bank's clock is eight hours ahead of the file's.
        assert (back + 8 * 3600 * 10**6) * ticks == values[place] * 10**6
    if unit == "ns":
        assert landed.rejected > 0


ODD_KEYS = [
    "a.b",
    "",
    "*",
    "a\\",
    "a/b",
    "a~b",
    "$",
    "#",
    "a'b",
    'a"b',
    "中",
    "[0]",
    "\x00",
]


@pytest.mark.parametrize("odd", ODD_KEYS)
def test_a_value_under_an_odd_key_is_kept(channel: Channel, odd: str) -> None:
    contract = json_of(channel)
    channel.deliver(json.dumps({"id": "1", odd: "kept"}).encode() + b'\n{"id":"2"}\n')
    landed = channel.land(contract)
    assert landed.landed == 2
    first, second = channel.rows(contract)
    assert [v for _, v in first["extra"]] == ["kept"]
    assert [v for _, v in second["extra"]] == [None] * len(second["extra"])


def test_what_a_path_cannot_look_into_is_kept(channel: Channel) -> None:
    contract = json_of(channel, column("deep", physicalName="x.y"))
    channel.deliver(
        b'{"id":"1","x":"flat"}\n{"id":"2","x.y":"dotted"}\n'
        b'{"id":"3","x":["p"]}\n{"id":"4","x":{"y":"deep"},"x.y":"both"}\n'
    )
    channel.land(contract)
    rows = channel.rows(contract)
    assert [row["deep"] for row in rows] == [None, None, None, "deep"]
    kept = [{k: v for k, v in row["extra"] if v is not None} for row in rows]
    assert kept == [
        {"x": "flat"},
        {'"x.y"': "dotted"},
        {"x": '["p"]'},
        {'"x.y"': "both"},
    ]


def test_of_a_doubled_key_the_first_counts(channel: Channel) -> None:
    contract = json_of(channel, column("a"), column("n", "number"))
    channel.deliver(
        b'{"id":"1","a":"x","a":"y","n":"1.5"}\n'
        b'{"id":"2","a":"x","a":"y","n":1.5000000000000000}\n'
    )
    channel.land(contract)
    assert [row["a"] for row in channel.rows(contract)] == ["x", "x"]


NUMBERS = ["0.00001", "0.0000001", "1.10", "12345678901.12345678", "-0.00000001", "1.0"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_json_is_read_as_it_is_written(
    channel: Channel, number: str
) -> None:
    amount = column("amount", "number", physicalType="decimal(28,8)")
    contract = json_of(channel, amount, column("text"))
    channel.deliver(f'{{"id":"1","amount":{number},"text":{number}}}\n'.encode())
    assert channel.land(contract).rejected == 0
    (row,) = channel.rows(contract)
    assert (row["amount"], row["text"]) == (Decimal(number), number)


def test_a_column_cannot_be_read_whole_and_looked_into(channel: Channel) -> None:
    with pytest.raises(ContractError, match="read whole and looked into"):
        json_of(channel, column("a"), column("b", physicalName="a.b"))


JSON_CRASHERS = [
    b'{"id":"1","a":"x\\ud800y","n":1.5000000000000000}',
    b'{"id":"1",' + b'"a":[' * 5000 + b"]" * 5000 + b"}",
    b'{"id":"1","a":1e999999999999}',
    b'{"id":{"id":{"id":1}}}',
]


@pytest.mark.parametrize("line", JSON_CRASHERS)
def test_odd_json_is_accounted_for(channel: Channel, line: bytes) -> None:
    contract = json_of(channel, column("a"), column("n", "number"))
    channel.deliver(line + b'\n{"id":"2"}\n')
    landed = channel.land(contract)
    assert landed.records_in == landed.landed + landed.rejected == 2


def vouched(channel: Channel, data: bytes, **said: Any) -> None:
    channel.deliver(data)
    file = {
        "name": "f.csv",
        "sha256": hashlib.sha256(data).hexdigest().upper(),
        "rows": data.count(b"\n") - 1,
        "bytes": len(data),
    }
    document = {
        "channel": "c",
        "feed": "f",
        "business_date": channel.day.isoformat(),
        "files": [file | said.pop("file", {})] * said.pop("times", 1),
        "rows": data.count(b"\n") - 1,
        **said,
    }
    (channel.folder / "f.ctl.json").write_text(json.dumps(document), encoding="utf-8")


SUMS = {
    "38 digits": (
        "decimal(38,10)",
        ["1234567890123456789012345678.0123456789", "0.0000000001"],
        "1234567890123456789012345678.0123456790",
    ),
    "huge integers": ("decimal(38,0)", ["9" * 38, "9" * 38], str(2 * int("9" * 38))),
    "doubles": ("double", ["0.00001", "0.00001"], "0.00002"),
    "large doubles": ("double", ["1e40", "1e40"], "2e40"),
}


@pytest.mark.parametrize("case", SUMS.values(), ids=SUMS.keys())
@pytest.mark.parametrize("is_right", [True, False])
def test_sums_are_exact(
    channel: Channel, case: tuple[str, list[str], str], is_right: bool
) -> None:
    kind, values, total = case
    columns = [key(), column("amount", "number", physicalType=kind)]
    layout = {"format": "csv", "path": "f.csv"}
    control = {"kind": "file", "sums": ["amount"]}
    contract = channel.agree(feed("f", columns, layout, control))
    lines = "".join(f"{n},{value}\n" for n, value in enumerate(values))
    said = total if is_right else str(int(Decimal(total)) + 1)
    vouched(channel, f"id,amount\n{lines}".encode(), sums={"amount": said})
    if is_right:
        assert Decimal(channel.land(contract).sums["amount"]) == Decimal(total)
    else:
        with pytest.raises(LandingRefused, match="the sum of 'amount'"):
            channel.land(contract)


CONTROLS: dict[str, dict[str, Any]] = {
    "a file twice": {"times": 2, "rows": 2},
    "other rows of the file": {"file": {"rows": 999}},
    "a name too long": {"file": {"name": "x" * 300}},
    "no text for a name": {"file": {"name": "\ud800"}},
    "another hash": {"file": {"sha256": "0" * 64}},
}


@pytest.mark.parametrize("said", CONTROLS.values(), ids=CONTROLS.keys())
def test_an_odd_control_file_is_one_clear_line(
    channel: Channel, said: dict[str, Any]
) -> None:
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", [key()], layout, {"kind": "file"}))
    vouched(channel, b"id\n1\n", **json.loads(json.dumps(said)))
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    assert str(refused.value).encode()
    assert not (channel.root / "lake" / "raw").exists()


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"rows": 1e99999999999999999999}', ""]
)
def test_a_control_file_that_is_none_is_refused(channel: Channel, text: str) -> None:
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", [key()], layout, {"kind": "file"}))
    channel.deliver(b"id\n1\n")
    (channel.folder / "f.ctl.json").write_text(text, encoding="utf-8")
    with pytest.raises(LandingRefused, match="cannot be read"):
        channel.land(contract)


SEPARATORS = (
    "\u202f\u205f\u1680\u2028\u0085\x0b\x1c\x1f\xad\u200d\u2060 \t-._\u00a0\u3000"
)


@pytest.mark.parametrize("mark", SEPARATORS)
def test_a_card_number_is_masked_whatever_parts_its_groups(
    channel: Channel, mark: str
) -> None:
    card = mark.join(("4111", "1111", "1111", "1111"))
    contract = csv_of(channel, column("note", classification="free_text"))
    channel.deliver(f"id,note,new\n1,x {card} y,{card}\n".encode())
    channel.land(contract)
    (row,) = channel.rows(contract)
    assert row["note"] == "x ****1111 y"
    assert dict(row["extra"]) == {"new": "****1111"}


def test_no_message_has_a_card_number(channel: Channel) -> None:
    cards = [column("a", physicalName="4111111111111112"), column("b")]
    contract = csv_of(channel, *cards)
    channel.deliver(f"id,{VISA},b\n1,x,y\n".encode())
    assert VISA not in repr(channel.land(contract))
    contract = csv_of(channel, *cards, trailer={"starts_with": "T", "count": 2})
    channel.deliver(f"id,a,b\n1,x,y\nT,{VISA[:4]} {VISA[4:]}x\n".encode())
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    assert VISA[4:] not in str(refused.value)


def test_a_column_may_be_called_as_landing_calls_its_own(channel: Channel) -> None:
    contract = csv_of(channel, column("p", classification="pan"))
    channel.deliver(f"id,p,__last4__p,__bad_card__p\n1,{VISA},a,b\n".encode())
    channel.land(contract)
    extra = dict(channel.rows(contract)[0]["extra"])
    assert extra == {"__last4__p": "a", "__bad_card__p": "b"}


def test_a_mark_in_front_of_the_first_value_is_the_values(channel: Channel) -> None:
    contract = csv_of(channel, column("a"))
    channel.deliver(b"id,a\n\xef\xbb\xbf1,x\n\xef\xbb\xbf2,y\n")
    channel.land(contract)
    assert [row["id"] for row in channel.rows(contract)] == ["\ufeff1", "\ufeff2"]


def test_a_preamble_is_lines_whatever_quotes_it_has(channel: Channel) -> None:
    contract = csv_of(channel, column("a"), preamble=1, multiline=True)
    channel.deliver(b'Report "x\nid,a\n1,x\n2,"p\nq"\n')
    channel.land(contract)
    rows = [(r["source_line"], r["a"]) for r in channel.rows(contract)]
    assert rows == [(3, "x"), (4, "p\nq")]


def test_a_header_with_an_open_quote_is_refused(channel: Channel) -> None:
    contract = csv_of(channel, column("a"))
    channel.deliver(b'id,"a\n1,x\n')
    with pytest.raises(LandingRefused, match="cannot be split into columns"):
        channel.land(contract)


LAYOUTS: tuple[dict[str, Any], ...] = (
    {},
    {"multiline": True},
    {"preamble": 2},
    {"escape": "\\"},
    {"encoding": "gb18030"},
    {"encoding": "utf-16-le"},
    {"trailer": {"starts_with": "T,"}},
    {"preamble": 1, "trailer": {"starts_with": "T,"}, "multiline": True},
)
pieces = st.sampled_from(
    [
        "1,x\n",
        '2,"a\r\nb"\n',
        "\r\n",
        "\n",
        '"',
        "3\n",
        "4,中\n",
        "\ufeff",
        "\\",
        "T,9\n",
    ]
)


def come_of(folder: Path, layout: dict[str, Any], data: bytes) -> Any:
    channel = Channel(folder)
    contract = csv_of(channel, column("a"), **layout)
    channel.deliver(data)
    try:
        landed = channel.land(contract)
    except PassbookError as error:
        return str(error)
    rows = [(r["source_line"], r["id"], r["a"]) for r in channel.rows(contract)]
    rejects = [
        (r["source_line"], r["source_offset"], r["reason_code"], r["raw"])
        for r in channel.rejects(contract)
    ]
    return landed.records_in, rows, rejects


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(parts=st.lists(pieces, max_size=25), size=st.integers(4, 60))
def test_where_a_chunk_ends_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    layout: dict[str, Any],
    parts: list[str],
    size: int,
) -> None:
    text = "pre\n" * layout.get("preamble", 0) + "id,a\n" + "".join(parts)
    if "trailer" in layout:
        text += "T,1\n"
    data = text.encode(layout.get("encoding", "utf-8"))
    whole = come_of(tmp_path_factory.mktemp("whole"), layout, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_lines, "CHUNK_BYTES", size)
        cut = come_of(tmp_path_factory.mktemp("cut"), layout, data)
    assert cut == whole


def _land_history(root: str, number: int) -> str:
    channel = Channel(Path(root))
    contract = csv_contract(channel)
    try:
        return channel.land(contract).verdict
    except Exception as error:
        return f"{number}: {error!r}"


def csv_contract(channel: Channel) -> Contract:
    columns = [key(), column("day", "date", required=True)]
    delivery = {"cadence": "history", "date_column": "day"}
    layout = {"format": "csv", "path": "f.csv"}
    return channel.agree(feed("f", columns, layout, delivery=delivery))


def test_processes_that_land_one_feed_at_once_wait_for_each_other(
    channel: Channel,
) -> None:
    csv_contract(channel)
    context = multiprocessing.get_context("spawn")
    first = b"id,day\n1,2026-03-01\n"
    for content in (first, first + b"2,2026-03-02\n"):
        (channel.root / "extracts" / "c").mkdir(parents=True, exist_ok=True)
        (channel.root / "extracts" / "c" / "f.csv").write_bytes(content)
        with context.Pool(3) as pool:
            said = pool.starmap(
                _land_history, [(str(channel.root), n) for n in range(3)]
            )
        assert sorted(said) == ["landed", "unchanged", "unchanged"]
