"""Messy files that others published land to the record, by a drafted contract.

They come with Python itself and with pyarrow: mails that broke mail programs, texts in
the encodings of East Asia with their UTF-8 beside them, Parquet of old writers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contract import load_contract
from ingestion.propose import propose_feed, verified
from tests.conftest import Channel, column, feed, key

STANDARD = Path(sys.base_prefix) / "lib" / "python3.11" / "test"
TEXTS = STANDARD / "cjkencodings"
MAILS = STANDARD / "test_email" / "data"
OLD_PARQUET = Path(pa.__file__).parent / "tests" / "data" / "parquet"

needs_texts = pytest.mark.skipif(
    not TEXTS.is_dir(), reason="this Python comes without its own test data"
)
needs_mails = pytest.mark.skipif(
    not MAILS.is_dir(), reason="this Python comes without its own test data"
)
needs_parquet = pytest.mark.skipif(
    not OLD_PARQUET.is_dir(), reason="this pyarrow comes without its test data"
)


@needs_texts
@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "big5", "utf-16", "utf-16-be"])
def test_a_text_lands_as_its_utf_8_says(channel: Channel, encoding: str) -> None:
    name = encoding if "utf" not in encoding else "gb18030"
    lines = (TEXTS / f"{name}-utf8.txt").read_text(encoding="utf-8").split("\n")
    filled = [line.strip(" \u3000") for line in lines]
    data = (TEXTS / f"{name}.txt").read_bytes()
    if "utf" in encoding:
        data = "\n".join(lines).encode(encoding)
    layout = {"format": "csv", "path": "f.csv", "encoding": encoding, "header": False}
    layout |= {"delimiter": "\x1f", "quote": ""}
    contract = channel.agree(feed("f", [key("line")], layout))
    channel.deliver(data)
    landed = channel.land(contract)
    assert landed.records_in == len(lines) - (lines[-1] == "")
    assert landed.reasons.keys() <= {"missing_value"}
    found = [row["line"] for row in channel.rows(contract)]
    assert found == [line for line in filled if line]


@needs_mails
@pytest.mark.parametrize("form", ["eml", "mbox"])
def test_mails_that_broke_mail_programs_are_all_accounted_for(
    channel: Channel, form: str
) -> None:
    mails = sorted(MAILS.glob("msg_*.txt"))
    assert len(mails) > 40
    columns = [
        column("message_id", physicalName="Message-ID", primaryKey=True),
        column("sender", physicalName="From.address"),
        column("subject", physicalName="Subject", classification="free_text"),
        column("body", physicalName="text", classification="free_text"),
    ]
    path = "*.eml" if form == "eml" else "f.mbox"
    contract = channel.agree(feed("f", columns, {"format": form, "path": path}))
    # A line `From ` in a body would split it: archives quote it so.
    bodies = [m.read_bytes().replace(b"\nFrom ", b"\n>From ") for m in mails]
    if form == "eml":
        for mail, body in zip(mails, bodies, strict=True):
            channel.deliver(body, f"{mail.stem}.eml")
    else:
        start = b"From x Sun Mar  1 10:00:00 2026\n"
        archive = b"\n".join(
            (b if b.startswith(b"From ") else start + b) for b in bodies
        )
        channel.deliver(archive, "f.mbox")
    landed = channel.land(contract)
    assert landed.records_in == len(mails)
    assert landed.landed > len(mails) * 0.9
    assert landed.reasons.keys() <= {"invalid_message"}


@needs_parquet
def test_parquet_of_old_writers_lands_by_a_drafted_contract(
    channel: Channel, tmp_path: Path
) -> None:
    files = sorted(OLD_PARQUET.glob("*.parquet"))
    assert len(files) > 3
    for file in files:
        name = file.name
        (tmp_path / name).write_bytes(file.read_bytes())
        proposal = propose_feed("c", "f", tmp_path / name, None, "UTC")
        verified(proposal, "f", tmp_path / name, tmp_path, "UTC")
        contract = load_contract(tmp_path / "c.odcs.yaml")
        channel.deliver(file.read_bytes(), name)
        landed = channel.land(contract)
        assert landed.records_in == pq.read_metadata(file).num_rows > 0
        assert landed.records_in == landed.landed + landed.rejected
