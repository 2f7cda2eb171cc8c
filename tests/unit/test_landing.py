"""A landing accounts for every record, or leaves everything as it was."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ingestion.formats.byte_lines as byte_lines
from ingestion.contract import Contract
from ingestion.errors import ContractError, LandingRefused, MissingExtract
from ingestion.landing import Landed
from tests.conftest import DAY, Channel, column, feed, key

CONTROLLED = {"kind": "file", "sums": ["amount"]}
AMOUNT = column("amount", "number", required=True)


def controlled(channel: Channel, **rejects: Any) -> Contract:
    layout = {"format": "csv", "path": "f.csv"}
    return channel.agree(
        feed("f", [key(), AMOUNT], layout, CONTROLLED, rejects=rejects or None)
    )


def vouch(bank: Channel, data: bytes, suffix: str = "", /, **said: Any) -> None:
    """Deliver a file and the control file that says what a right one would."""
    name = said.pop("file", f"f{suffix}.csv")
    bank.deliver(data, Path(name).name)
    rows = data.count(b"\n") - 1
    amounts = [Decimal(line.split(b",")[1].decode()) for line in data.split()[1:]]
    document = {
        "channel": "c",
        "feed": "f",
        "business_date": DAY.isoformat(),
        "files": [
            {
                "name": name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "rows": rows,
                "bytes": len(data),
            }
        ],
        "rows": rows,
        "sums": {"amount": str(sum(amounts))},
        **said,
    }
    text = json.dumps(document)
    (bank.folder / f"f{suffix}.ctl.json").write_text(text, encoding="utf-8")


GOOD = b"id,amount\n1,10.50\n2,-0.25\n"


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_a_vouched_extract_lands_with_its_sums(channel: Channel) -> None:
    contract = controlled(channel)
    vouch(channel, GOOD)
    landed = channel.land(contract)
    assert landed.verdict == "landed"
    assert landed.sums == {"amount": "10.25"}
    assert landed.partitions == {"2026-03-01": 2}


UNBELIEVABLE: dict[str, tuple[dict[str, Any], str]] = {
    "another sha": (
        {"files": [{"name": "f.csv", "sha256": "0" * 64, "rows": 2, "bytes": 9}]},
        "not the file that its control file names",
    ),
    "more rows": ({"rows": 3}, "expected 3 rows; found 2"),
    "another sum": ({"sums": {"amount": "10.26"}}, "10.26.*difference -0.01"),
    "a large sum that differs in its last digit": (
        {"sums": {"amount": "90000000000000000.01"}},
        "the sum of 'amount'",
    ),
    "no sum": ({"sums": {}}, "no sum of 'amount'"),
    "another date": ({"business_date": "2026-03-02"}, "is of another extract"),
    "another feed": ({"feed": "g"}, "is of another extract"),
    "another channel": ({"channel": "d"}, "is of another extract"),
    "a path upwards": ({"file": "../f.csv"}, "outside its folder"),
    "a path below": ({"file": "x/f.csv"}, "outside its folder"),
    "an absolute path": ({"file": "/etc/passwd"}, "outside its folder"),
    "no name": (
        {"files": [{"name": "", "sha256": "0", "rows": 2, "bytes": 9}]},
        "outside its folder",
    ),
    "rows that are no number": ({"rows": "many"}, "rows: "),
    "no date": ({"business_date": "soon"}, "business_date: "),
}


@pytest.mark.parametrize(
    ("said", "why"), UNBELIEVABLE.values(), ids=UNBELIEVABLE.keys()
)
def test_an_extract_that_its_control_file_contradicts_is_refused(
    channel: Channel, said: dict[str, Any], why: str
) -> None:
    contract = controlled(channel)
    vouch(channel, GOOD)
    channel.land(contract)
    before = everything_in(channel.root / "lake")
    vouch(channel, GOOD, **{"sequence": 2, **said})
    with pytest.raises(LandingRefused, match=why) as refused:
        channel.land(contract)
    assert "\n" not in str(refused.value)
    assert everything_in(channel.root / "lake") == before
    assert before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', "null", "{}", "\x00", "[" * 50], ids=repr
)
def test_a_control_file_that_cannot_be_read_is_refused(
    channel: Channel, text: str
) -> None:
    contract = controlled(channel)
    channel.deliver(GOOD)
    (channel.folder / "f.ctl.json").write_text(text, encoding="utf-8")
    with pytest.raises(LandingRefused, match=r"f\.ctl\.json cannot be read"):
        channel.land(contract)


def test_nothing_lands_before_the_control_file_and_its_files_are_there(
    channel: Channel,
) -> None:
    contract = controlled(channel)
    with pytest.raises(MissingExtract, match="has not arrived"):
        channel.land(contract)
    vouch(channel, GOOD)
    (channel.folder / "f.csv").unlink()
    with pytest.raises(MissingExtract, match=r"f\.csv"):
        channel.land(contract)


def test_large_sums_in_a_control_file_are_exact(channel: Channel) -> None:
    contract = controlled(channel)
    vouch(channel, b"id,amount\n1,9007199254740993.01\n")
    path = channel.folder / "f.ctl.json"
    path.write_text(
        path.read_text().replace('"9007199254740993.01"', "9007199254740993.01")
    )
    assert channel.land(contract).sums == {"amount": "9007199254740993.01"}


def test_the_highest_sequence_wins_and_the_others_are_named(channel: Channel) -> None:
    contract = controlled(channel)
    vouch(channel, GOOD)
    vouch(channel, b"id,amount\n1,2\n", ".2", sequence=2)
    vouch(channel, b"id,amount\n1,10\n", ".10", sequence=10)
    landed = channel.land(contract)
    assert landed.sequence == 10
    assert landed.superseded == ("f.ctl.json", "f.2.ctl.json")
    assert [r["amount"] for r in channel.rows(contract)] == [Decimal("10.00")]


def test_the_same_extract_again_is_unchanged_and_a_corrected_one_replaces_it(
    channel: Channel,
) -> None:
    contract = controlled(channel, max_count=1, max_ratio=1.0)
    vouch(channel, b"id,amount\n,1\n2,2\n")
    first = channel.land(contract)
    assert (first.landed, first.rejected) == (1, 1)
    before = everything_in(channel.root / "lake")
    again = channel.land(contract)
    assert again.verdict == "unchanged"
    assert (again.landed, again.rejected) == (1, 1)
    assert everything_in(channel.root / "lake") == before
    vouch(channel, GOOD, ".2", sequence=2)
    assert channel.land(contract).verdict == "landed"
    assert [r["id"] for r in channel.rows(contract)] == ["1", "2"]
    assert channel.rejects(contract) == []


def test_what_rows_depend_on_beside_the_file_lands_them_again(channel: Channel) -> None:
    columns = [key(), column("at", "timestamp")]
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", columns, layout))
    channel.deliver(b"id,at\n1,2026-03-01 10:00\n")
    channel.land(contract)
    assert channel.rows(contract)[0]["at"].hour == 2
    channel.zone = "UTC"
    assert channel.land(contract).verdict == "landed"
    assert channel.rows(contract)[0]["at"].hour == 10
    assert channel.land(contract).verdict == "unchanged"


@pytest.mark.parametrize(
    ("ceiling", "passes"),
    [
        ({}, False),
        ({"max_count": 1, "max_ratio": 0.5}, True),
        ({"max_count": 1, "max_ratio": 0.4}, False),
        ({"max_count": 0, "max_ratio": 1.0}, False),
        ({"max_count": 5}, False),
    ],
)
def test_a_feed_is_refused_past_either_ceiling(
    channel: Channel, ceiling: dict[str, Any], passes: bool
) -> None:
    layout = {"format": "csv", "path": "f.csv"}
    columns = [key(), AMOUNT]
    contract = channel.agree(
        feed("f", columns, layout, rejects={"max_count": 0, **ceiling})
    )
    channel.deliver(b"id,amount\n1,1\n2,x\n")
    if passes:
        assert channel.land(contract).rejected == 1
        return
    with pytest.raises(LandingRefused, match=r"'not_a_number'.*1 of 2") as refused:
        channel.land(contract)
    assert "c.odcs.yaml" in str(refused.value)
    assert not (channel.root / "lake" / "raw").exists()


SHARED = b"id,kind\n1,A\n2,B\n3, A \n4,\n5,Z\n6\n7,B,x\n8,A\n"  # two malformed records


def shared(name: str, **rows: Any) -> dict[str, Any]:
    layout = {"format": "csv", "path": "f.csv", "rows": {"column": "kind", **rows}}
    return feed(name, [key()], layout)


def test_feeds_of_one_file_take_each_record_once(channel: Channel) -> None:
    contract = channel.agree(
        shared("a", codes=["A"]),
        shared("b", codes=["B"]),
        shared("rest", otherwise=True),
        shared("all", every=True),
        alone=False,
    )
    channel.deliver(SHARED)
    taken = {n: channel.land(contract, n) for n in ("a", "b", "rest", "all")}
    ids = {n: [r["id"] for r in channel.rows(contract, n)] for n in taken}
    assert ids == {
        "a": ["1", "3", "8"],
        "b": ["2"],
        "rest": ["4", "5"],
        "all": ["1", "2", "3", "4", "5", "8"],
    }
    assert {n: r.rejected for n, r in taken.items()} == {
        "a": 0,
        "b": 0,
        "rest": 2,
        "all": 2,
    }
    for landed in taken.values():
        accounted = landed.landed + landed.rejected + landed.filtered
        assert accounted == landed.records_in
    once = sum(taken[n].landed + taken[n].rejected for n in ("a", "b", "rest"))
    assert once == len(SHARED.splitlines()) - 1


def test_a_remainder_with_no_other_codes_is_everything(channel: Channel) -> None:
    contract = channel.agree(
        shared("rest", otherwise=True), shared("all", every=True), alone=False
    )
    channel.deliver(SHARED)
    assert channel.land(contract, "rest").landed == 6


def test_a_missing_filter_column_is_refused(channel: Channel) -> None:
    contract = channel.agree(
        shared("a", codes=["A"]), shared("rest", otherwise=True), alone=False
    )
    channel.deliver(b"id,knid\n1,A\n")
    with pytest.raises(LandingRefused, match=r"'kind'.*'knid'"):
        channel.land(contract, "a")


def test_files_of_one_name_in_two_channels_are_two_files(channel: Channel) -> None:
    channel.agree(shared("a", codes=["A"]), shared("rest", otherwise=True))
    channel.name = "d"
    contract = channel.agree(
        shared("b", codes=["B"]), shared("rest", otherwise=True), alone=False
    )
    channel.deliver(b"id,kind\n1,A\n2,B\n")
    landed = [channel.land(contract, n).landed for n in ("b", "rest")]
    assert landed == [1, 1]


@pytest.mark.parametrize(
    "feeds",
    [
        [shared("a", codes=["A"])],
        [
            shared("a", codes=["A"]),
            shared("b", codes=["A"]),
            shared("r", otherwise=True),
        ],
        [shared("a", otherwise=True), shared("b", otherwise=True)],
        [
            shared("r", otherwise=True),
            feed("x", [key()], {"format": "csv", "path": "f.csv"}),
        ],
    ],
    ids=["rest untaken", "taken twice", "two rests", "no filter"],
)
def test_feeds_that_leave_rows_over_or_take_them_twice_are_no_contract(
    channel: Channel, feeds: list[dict[str, Any]]
) -> None:
    with pytest.raises(ContractError):
        channel.agree(*feeds, alone=False)


def history(channel: Channel) -> Contract:
    columns = [key(), column("day", "date", required=True)]
    delivery = {"cadence": "history", "date_column": "day"}
    layout = {"format": "csv", "path": "f.csv"}
    return channel.agree(feed("f", columns, layout, delivery=delivery))


def test_a_history_is_split_by_date_and_replaced_whole(channel: Channel) -> None:
    contract = history(channel)
    path = channel.root / "extracts" / "c" / "f.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"id,day\n1,2026-03-01\n2,2026-03-02\n3,2026-03-01\n4,x\n")
    landed = channel.land(contract)
    assert landed.partitions == {"2026-03-01": 2, "2026-03-02": 1}
    assert landed.rejected == 1
    path.write_bytes(b"id,day\n1,2026-03-01\n5,2026-03-03\n")
    channel.land(contract)
    days = channel.lake.dates(contract.feed("f"))
    assert days == [date(2026, 3, 1), date(2026, 3, 3)]


def test_a_long_history_keeps_every_row_of_every_date(channel: Channel) -> None:
    # DuckDB writes several files a date when more than a hundred dates take turns.
    contract = history(channel)
    path = channel.root / "extracts" / "c" / "f.csv"
    path.parent.mkdir(parents=True)
    months = [f"{d.year}-{d.month:02d}-{d.day:02d}" for d in _days(120)]
    rows = 600_000
    lines = (f"{n},{months[n % 120]}" for n in range(rows))
    path.write_text("id,day\n" + "\n".join(lines) + "\n")
    landed = channel.land(contract)
    files = sorted((channel.root / "lake" / "raw").rglob("*.parquet"))
    assert len(files) == 120
    assert landed.landed == rows == sum(pq.read_metadata(f).num_rows for f in files)


def _days(count: int) -> list[date]:
    return [date.fromordinal(DAY.toordinal() + n) for n in range(count)]


Mutation = Callable[[bytes, int, int], bytes]
MUTATIONS: dict[str, Mutation] = {
    "insert": lambda data, at, byte: data[:at] + bytes([byte]) + data[at:],
    "delete": lambda data, at, byte: data[:at] + data[at + 1 + byte % 3 :],
    "flip": lambda data, at, byte: data[:at] + bytes([byte]) + data[at + 1 :],
    "cut": lambda data, at, byte: data[:at],
    "double": lambda data, at, byte: data[:at] + data[max(at - byte, 0) :],
    "swap": lambda data, at, byte: data[:at] + data[at:].replace(b",", b";", byte % 4),
}


def counted_lines(data: bytes) -> int:
    """Return the records after the header: what stands between line feeds."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    return body.count(b"\n") + (not body.endswith(b"\n")) - 1


def counted_quoted(data: bytes) -> int:
    """Return the records after the header, a line feed within quotes aside."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    records, quoted, open_record = 0, False, False
    for byte in body:
        quoted ^= byte == 0x22
        open_record = not (byte == 0x0A and not quoted)
        records += not open_record
    return records + open_record - 1


ROWS = [f'{n},字{n},{n}.50,2026-03-0{n % 9 + 1},"q, {n}"' for n in range(1, 25)]
TEXT = "id,name,amount,day,note\n" + "\n".join(ROWS) + "\n"
mutations = st.lists(
    st.tuples(
        st.sampled_from(sorted(MUTATIONS)),
        st.floats(0, 1),
        st.one_of(st.integers(0, 255), st.sampled_from(list(b'\r\n",;\x00\x81\xff'))),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    for name, place, byte in changes:
        data = MUTATIONS[name](data, int(place * len(data)), byte)
    return data


def landed_or_refused(channel: Channel, contract: Contract) -> Landed | None:
    """Return the landing, None where it was refused in one line and left nothing."""
    try:
        return channel.land(contract)
    except LandingRefused as error:
        refused = error
    assert "\n" not in str(refused)
    assert not (channel.root / "lake" / "raw").exists()
    return None


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("multiline", [False, True], ids=["lines", "multiline"])
@pytest.mark.parametrize("chunk_bytes", [16 * 1024 * 1024, 97])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=mutations)
def test_no_record_is_lost_whatever_happened_to_the_bytes(
    monkeypatch: pytest.MonkeyPatch,
    chunk_bytes: int,
    multiline: bool,
    encoding: str,
    changes: list[tuple[str, float, int]],
) -> None:
    monkeypatch.setattr(byte_lines, "CHUNK_BYTES", chunk_bytes)
    data = mutated(TEXT.encode(encoding), changes)
    columns = [
        key(),
        column("name", classification="direct_identifier"),
        column("amount", "number"),
        column("day", "date"),
        column("note", classification="free_text"),
    ]
    layout = {
        "format": "csv",
        "path": "f.csv",
        "encoding": encoding,
        "multiline": multiline,
    }
    with tempfile.TemporaryDirectory() as folder:
        channel = Channel(Path(folder))
        contract = channel.agree(feed("f", columns, layout))
        channel.deliver(data)
        landed = landed_or_refused(channel, contract)
        if landed is None:
            return
        due = counted_quoted(data) if multiline else counted_lines(data)
        assert landed.records_in == landed.landed + landed.rejected == due
        assert len(channel.rows(contract)) == landed.landed
        rejects = channel.rejects(contract)
        assert len(rejects) == landed.rejected
        for reject in rejects:
            place = reject["source_offset"]
            assert data[place : place + len(reject["raw"])] == reject["raw"]


@settings(max_examples=30, deadline=None)
@given(changes=mutations)
def test_no_fixed_width_record_is_lost_whatever_happened_to_the_bytes(
    changes: list[tuple[str, float, int]],
) -> None:
    records = [f"{n:03d}".encode() + "中文,".encode("gbk") for n in range(1, 20)]
    data = mutated(b"\r\n".join(records) + b"\r\n", changes)
    columns = [key(width=3), column("name", width=5)]
    layout = {"format": "fixed_width", "path": "f.csv", "encoding": "gbk"}
    with tempfile.TemporaryDirectory() as folder:
        channel = Channel(Path(folder))
        contract = channel.agree(feed("f", columns, layout))
        channel.deliver(data)
        landed = channel.land(contract)
        body = data.removeprefix(b"\xef\xbb\xbf")
        due = body.count(b"\n") + bool(body and not body.endswith(b"\n"))
        assert landed.records_in == landed.landed + landed.rejected == due
        for row in channel.rows(contract):
            record = data.split(b"\n")[row["source_line"] - 1].removesuffix(b"\r")
            assert record[:3].decode("gbk").strip(" ") == row["id"]
            assert record[3:].decode("gbk").strip(" ") == (row["name"] or "")


@settings(max_examples=30, deadline=None)
@given(changes=mutations)
def test_no_json_line_is_lost_whatever_happened_to_the_bytes(
    changes: list[tuple[str, float, int]],
) -> None:
    lines = [f'{{"id": "{n}", "from": {{"address": "字"}}}}' for n in range(1, 20)]
    data = mutated("\n".join(lines).encode(), changes)
    columns = [key(), column("address", physicalName="from.address")]
    layout = {"format": "json_lines", "path": "f.csv"}
    with tempfile.TemporaryDirectory() as folder:
        channel = Channel(Path(folder))
        contract = channel.agree(feed("f", columns, layout))
        channel.deliver(data)
        landed = channel.land(contract)
        body = data.removeprefix(b"\xef\xbb\xbf")
        due = body.count(b"\n") + bool(body and not body.endswith(b"\n"))
        assert landed.records_in == landed.landed + landed.rejected == due


def test_there_are_cases_to_test() -> None:
    assert UNBELIEVABLE
    assert MUTATIONS
