"""A draft reads the file that it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contract import Contract, load_contract
from ingestion.errors import LandingRefused, PassbookError
from ingestion.propose import Proposal, propose_change, propose_feed, verified
from ingestion.recognise import recognise
from tests.conftest import Channel, column, feed, key

ZONE = "Asia/Shanghai"
VISA = "4111111111111111"


def drafted(folder: Path, data: bytes, name: str = "wires.csv") -> tuple[Contract, str]:
    file = folder / name
    file.write_bytes(data)
    proposal = propose_feed("wires", "f", file, None, ZONE)
    outcome = verified(proposal, "f", file, folder / "out", ZONE)
    return load_contract(folder / "out" / "wires.odcs.yaml"), outcome


ROWS = "".join(
    f"W{n:03};{n:02}.03.2026;1.{n:03},50-;{'AB'[n % 2]};{VISA}\n" for n in range(1, 29)
)


def test_a_bank_file_is_drafted_with_its_dialect_and_types(tmp_path: Path) -> None:
    data = f"HDR;20260301\n编号;日期;金额;状态;卡\n{ROWS}TRL;28\n".encode("gb18030")
    contract, outcome = drafted(tmp_path, data)
    only = contract.feed("f")
    layout = only.layout
    assert (layout.encoding, layout.delimiter, layout.preamble) == ("gb18030", ";", 1)
    assert layout.trailer is not None
    assert (layout.trailer.starts_with, layout.trailer.count) == ("TRL;", 2)
    kinds = {c.physical_name: (c.logical_type, c.classification) for c in only.columns}
    assert kinds["日期"] == ("date", "public")
    assert kinds["金额"] == ("number", "public")
    assert kinds["卡"] == ("string", "pan")
    assert only.primary_key == ("编号",)
    assert "28 of 28 records would land" in outcome


FILES: dict[str, tuple[str, bytes]] = {
    "tabs": ("f.tsv", b"id\tname\n1\ta b\n2\tc d\n"),
    "pipes without header": ("f.txt", b"1|2026-03-01|5.00\n2|2026-03-02|6.00\n"),
    "quoted with line ends": ("f.csv", b'id,note\n1,"a\nb"\n2,c\n'),
    "utf-16": ("f.csv", "\ufeffid;name\n1;王\n2;李\n".encode("utf-16-le")),
    "byte order mark": ("f.csv", b"\xef\xbb\xbfid,name\n1,a\n2,b\n"),
    "json": ("f.jsonl", b'{"id": 1, "a": {"b": 2.5}}\n{"id": 2, "c": null}\n'),
    "fixed width": ("f.dat", b"001 Ann  12.50\n002 Bob   3.00\n"),
    "mail": ("f.eml", b"From: a@b.cn\nSubject: x\nMessage-ID: <1@b>\n\nbody\n"),
    "mailbox": ("f.mbox", b"From a Sun Mar  1 10:00:00 2026\nMessage-ID: <1>\n\nb\n"),
    "one column": ("f.txt", b"alpha\nbeta gamma\n"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES.keys())
def test_every_kind_of_file_is_drafted_so_that_all_of_it_lands(
    tmp_path: Path, case: tuple[str, bytes]
) -> None:
    name, data = case
    contract, outcome = drafted(tmp_path, data, name)
    assert contract.feeds
    assert "rejected" not in outcome, outcome


def test_parquet_is_drafted_by_its_schema(tmp_path: Path) -> None:
    file = tmp_path / "f.parquet"
    table = {"id": ["1", "2"], "seen": pa.array([0, 1], pa.timestamp("ms"))}
    pq.write_table(pa.table(table), file)
    proposal = propose_feed("c", "f", file, None, ZONE)
    assert "logicalType: timestamp" in proposal.text
    assert "2 of 2" in verified(proposal, "f", file, tmp_path / "out", ZONE)


@pytest.mark.parametrize("data", [b"", b"\n\n \n"], ids=["empty", "blank"])
def test_nothing_can_be_drafted_from_an_empty_file(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(data)
    with pytest.raises(LandingRefused, match="is empty"):
        recognise(file)


def agreed(channel: Channel) -> Contract:
    columns = [
        key(),
        column("state", codes={"A": "active"}),
        column("note"),
        column("amount", "number", physicalType="decimal(18,2)"),
        column("day", "date", date_formats=["%Y%m%d"]),
    ]
    return channel.agree(feed("f", columns, {"format": "csv", "path": "f.csv"}))


def change(channel: Channel, data: bytes) -> Proposal:
    contract = agreed(channel)
    file = channel.deliver(data)
    proposal = propose_change(contract, contract.feed("f"), file, ZONE)
    return proposal


def test_a_changed_file_changes_just_what_it_must(
    channel: Channel, tmp_path: Path
) -> None:
    proposal = change(
        channel,
        b"id,state,notes,amount,day,fee\n"
        b"1,A,a,1.255,20260301,5\n2,N,b,2.5,2026-03-01,6\n3,A,c,1,2026-03-01,7\n",
    )
    notes = "\n".join(proposal.notes)
    assert "'note' is called 'notes' now" in notes
    assert "column 'fee' is new" in notes
    assert "'state' has new codes: N" in notes
    outcome = verified(proposal, "f", channel.folder / "f.csv", tmp_path / "out", ZONE)
    changed = load_contract(tmp_path / "out" / "c.odcs.yaml").feed("f")
    assert changed.column("note").physical_name == "notes"
    assert changed.column("fee").logical_type == "integer"
    assert changed.column("state").codes == {"A": "active", "N": "n"}
    assert changed.column("amount").sql_type == "decimal(18,4)"
    # Two formats in one column: no single one reads all, so a person is asked.
    assert "'day': values are no date in any known way" in notes
    assert "of 3 records would land" in outcome


def test_a_file_that_fits_changes_nothing(channel: Channel) -> None:
    proposal = change(channel, b"id,state,note,amount,day\n1,A,a,1,20260301\n")
    assert proposal.difference() == ""
    assert proposal.notes == ()


def test_a_draft_shows_no_card_number(channel: Channel) -> None:
    rows = "".join(f"{n},A,a,1,20260301,{VISA}\n" for n in range(5))
    proposal = change(channel, f"id,state,note,amount,day,card\n{rows}".encode())
    assert "classification: pan" in proposal.text
    assert VISA not in json.dumps([proposal.text, *proposal.notes])


def test_a_program_file_is_no_extract(tmp_path: Path) -> None:
    file = tmp_path / "f.msg"
    file.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(300) + b"abc" * 200)
    with pytest.raises(LandingRefused, match="neither text nor Parquet"):
        recognise(file)


def test_there_are_files_to_draft_from() -> None:
    cases: list[Any] = list(FILES)
    assert len(cases) > 8


WEIRD = {
    "parquet by its first bytes": b"PAR1junk",
    "parquet of zeros": b"PAR1" + bytes(100) + b"PAR1",
    "a key that is object and value": b'{"a":1}\n{"a":{"b":2}}\n',
    "deep": b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}\n",
    "an empty quote at the end": b'a,b\n1,2\n3,4\n5,6\n""\n',
    "half a character as key": b'{"\\ud800":"1"}\n',
    "no character as key": b'{"\\u0000":1}\n',
    "one endless line": b"x" * 2_000_000,
    "control-z at the end": b"a,b\n1,2\n3,4\n5,6\n\x1a",
}


@pytest.mark.parametrize("data", WEIRD.values(), ids=WEIRD.keys())
def test_a_weird_sample_is_drafted_or_one_line_says_why_not(
    tmp_path: Path, data: bytes
) -> None:
    from warehouse.bank import Bank
    from warehouse.proposals import propose
    from warehouse.settings import load_settings

    file = tmp_path / "sample"
    file.write_bytes(data)
    bank = Bank(load_settings({"PASSBOOK_HOME": str(tmp_path / "home")}))
    try:
        proposed = propose(bank, "wires", file, None)
    except PassbookError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        return
    assert Path(proposed.path).is_file()
