"""Every broken file is accounted for to the record, or refused and nothing is landed.

`tests/data/broken` has a folder a case: the file, and what is due of it. Each of them,
and whole files of each format, is then broken further in thousands of ways.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from ingestion.contract import Contract
from ingestion.errors import LandingRefused
from tests.conftest import Channel, column, feed, key

CORPUS = Path(__file__).parents[1] / "data" / "broken"
CASES = sorted(p.parent for p in CORPUS.glob("*/expected.yaml"))
MUTATIONS_A_FILE = 60
MAIL = {
    "id": "Message-ID",
    "name": "From.address",
    "day": "Date",
    "note": "text",
}


def agreed(channel: Channel, layout: dict[str, Any], path: str) -> Contract:
    is_mail = layout["format"] in {"mbox", "eml"}
    named = {n: {"physicalName": MAIL[n]} if is_mail else {} for n in MAIL}
    day = {"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]} if is_mail else {}
    columns = [
        key(width=3, **named["id"]),
        column("name", width=8, classification="direct_identifier", **named["name"]),
        column("amount", "number", width=9, physicalType="decimal(18,2)"),
        column("day", "date", width=10, **named["day"], **day),
        column("note", width=10, classification="free_text", **named["note"]),
    ]
    return channel.agree(feed("f", columns, {**layout, "path": path}))


def outcome_of(layout: dict[str, Any], data: bytes, ending: str) -> dict[str, Any]:
    """Return what came of a file: rows and reasons by line, or the refusal."""
    with tempfile.TemporaryDirectory() as folder:
        channel = Channel(Path(folder))
        contract = agreed(channel, layout, f"f.{ending}")
        channel.deliver(data, f"f.{ending}")
        said = ""
        try:
            landed = channel.land(contract)
        except LandingRefused as refused:
            said = str(refused)
        if said:
            assert not (channel.root / "lake" / "raw").exists()
            assert "\n" not in said
            return {"refused": said}
        rejects = channel.rejects(contract)
        rows = pq.read_metadata(channel.lake.partition(contract.feed("f"), channel.day))
        assert landed.records_in == landed.landed + landed.rejected
        assert landed.landed == rows.num_rows
        assert landed.rejected == len(rejects)
        if ending in {"csv", "dat", "jsonl", "mbox"}:
            _hold_places(data, rejects)
        return {
            "landed": landed.landed,
            "rejected": {r["source_line"]: r["reason_code"] for r in rejects},
            "records": landed.records_in,
        }


def _hold_places(data: bytes, rejects: list[dict[str, Any]]) -> None:
    for reject in rejects:
        place = reject["source_offset"]
        assert data[place : place + len(reject["raw"])] == reject["raw"]


def given(case: Path) -> tuple[bytes, str]:
    (file,) = case.glob("given.*")
    return file.read_bytes(), file.name.partition(".")[2]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_broken_file_comes_to_what_is_due(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text(encoding="utf-8"))
    data, ending = given(case)
    found = outcome_of(expected["layout"], data, ending)
    if "refused" in expected:
        assert re.search(expected["refused"], found["refused"])
    else:
        assert found["landed"] == expected["landed"]
        assert found["rejected"] == expected["rejected"]


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _delete(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 2, 40, 1000))]


def _double(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.choice((1, 2, 40, 1000))]


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.choice(HOSTILE)


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


HOSTILE = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b'"',
    b'""',
    b"\\",
    b",",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x81",
    b"\xed\xa0\x80",
    b"\x1a",
    b"From x\n",
    b"{}\n",
    b"\x1f\x8b\x08",
    b"PAR1",
    b"," * 3000,
    b"9" * 3000,
    "\u2028\u0085".encode(),
    "４１１１１１１１１１１１１１１１".encode(),
)
BREAKS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _delete,
    _double,
    _insert,
    _truncate,
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_whatever_is_broken_further_is_accounted_for_or_refused(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text(encoding="utf-8"))
    data, ending = given(case)
    for number in range(MUTATIONS_A_FILE):
        chance = random.Random(f"{case.name} {number}")
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            chance.choice(BREAKS)(broken, chance)
        try:
            found = outcome_of(expected["layout"], bytes(broken), ending)
        except Exception as error:
            pytest.fail(f"mutation {number}: {error!r}")
        if ending in {"csv", "dat", "jsonl"} and "records" in found:
            assert found["records"] == _record_count(bytes(broken), expected["layout"])


def _record_count(data: bytes, layout: dict[str, Any]) -> int:
    """Count the records as one who knows nothing of the reader would."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    if layout.get("encoding") == "utf-16-le":
        text = body.removeprefix(b"\xff\xfe").decode("utf-16-le", "replace")
        parts = text.split("\n")
    else:
        parts = [part.decode("latin-1") for part in body.split(b"\n")]
    if layout.get("multiline"):
        parts = _joined(parts)
    count = len(parts) - (parts[-1] == "")
    return count - (layout["format"] == "csv" and count > 0)


def _joined(lines: list[str]) -> list[str]:
    """Join lines as long as a quote is open."""
    found: list[str] = []
    is_open = False
    for line in lines:
        if is_open:
            found[-1] += "\n" + line
        else:
            found.append(line)
        is_open ^= line.count('"') % 2 == 1
    return found


def test_the_corpus_is_there() -> None:
    assert len(CASES) > 40
    names = [json.dumps(str(case)) for case in CASES]
    assert len(set(names)) == len(names)
