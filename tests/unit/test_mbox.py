"""Each message of an archive is a row, or a reject that holds the message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ingestion.contract import Contract
from ingestion.errors import LandingRefused
from ingestion.formats import byte_lines, mbox
from ingestion.formats.mbox import read_eml, read_mbox
from ingestion.records import Chunk, Parse
from tests.conftest import Channel, column, feed, key

MAIL = """From wang@b.cn Sun Mar  1 10:00:00 2026
Message-ID: <1@b.cn>
Date: Sun, 01 Mar 2026 10:00:00 +0800
From: =?utf-8?b?546LLCDoirM=?= <wang@b.cn>
To: a@bank.cn, b@bank.cn
Subject: =?gb18030?b?0+C27g==?=
Content-Type: text/plain; charset=utf-8

My card is 4111 1111 1111 1111 12/27.
>From here on it is quoted.

From li@b.cn Sun Mar  1 11:00:00 2026
Message-ID: <2@b.cn>
Date: Sun, 01 Mar 2026 11:00:00 -0500
From: li@b.cn
Content-Type: multipart/alternative; boundary=XX

--XX
Content-Type: text/html; charset=utf-8

<p>html</p>
--XX
Content-Type: text/plain; charset=no-such-charset
Content-Transfer-Encoding: base64

cGxhaW4=
--XX--

From x@b.cn Sun Mar  1 12:00:00 2026
Message-ID: <3@b.cn>
Date: the day before yesterday
From: x@b.cn

no date
From here on a body was not quoted.
"""


def agreed(channel: Channel) -> Contract:
    columns = [
        key("message_id", physicalName="Message-ID"),
        column("sent_at", "timestamp", physicalName="Date", required=True),
        column("sender_address", physicalName="From.address"),
        column("sender_name", physicalName="From.name"),
        column("recipient_address", physicalName="To.address"),
        column("subject", physicalName="Subject", classification="free_text"),
        column("body", physicalName="text", classification="free_text"),
    ]
    return channel.agree(feed("f", columns, {"format": "mbox", "path": "f.csv"}))


def test_messages_land_decoded_and_in_utc(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(MAIL.encode())
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (4, 2, 2)
    first, second = channel.rows(contract)
    assert first["sent_at"] == datetime(2026, 3, 1, 2)  # noqa: DTZ001
    assert second["sent_at"] == datetime(2026, 3, 1, 16)  # noqa: DTZ001
    assert first["sender_name"] == "王, 芳"
    assert first["sender_address"] == "wang@b.cn"
    assert first["recipient_address"] == "a@bank.cn"
    assert first["subject"] == "余额"
    assert first["body"].startswith("My card is ****1111")
    assert second["body"] == "plain"
    assert (first["source_line"], second["source_line"]) == (1, 12)


def test_rejected_messages_are_named_by_line_and_reason(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(MAIL.encode())
    channel.land(contract)
    places = {
        (r["source_line"], r["reason_code"], r["raw"][:11])
        for r in channel.rejects(contract)
    }
    assert places == {
        (29, "not_a_timestamp", b"From x@b.cn"),
        (35, "invalid_message", b"From here o"),
    }


def test_text_before_the_first_message_is_a_reject(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"garbage\n" + MAIL.encode())
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (5, 2, 3)


def test_an_empty_archive_lands_no_rows(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"")
    assert channel.land(contract).records_in == 0


COLUMNS = ("Message-ID", "Date", "From.address", "Subject", "text")


def archive(folder: Path, data: bytes) -> Path:
    path = folder / "a.mbox"
    path.write_bytes(data)
    return path


def parsed(jobs: Iterator[Parse]) -> list[Chunk]:
    return [job() for job in jobs]


def records(chunks: list[Chunk]) -> list[tuple[int, int, bytes]]:
    """Return line, offset and bytes of each record, good or not, in file order."""
    places = []
    for chunk in chunks:
        assert chunk.record_count == chunk.rows.num_rows + len(chunk.malformed)
        offsets, raw = chunk.raw_records(np.arange(chunk.rows.num_rows))
        places += zip(chunk.lines.tolist(), offsets, raw, strict=True)
        bad = chunk.malformed
        places += zip(bad.lines, bad.offsets, bad.raw, strict=True)
    return sorted(places)


def rows(chunks: list[Chunk]) -> list[dict[str, str | None]]:
    return [row for chunk in chunks for row in chunk.rows.to_pylist()]


def given_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(byte_lines, "CHUNK_BYTES", size)
    monkeypatch.setattr(mbox, "_JOB_BYTES", size)


ARCHIVES = {
    "as it is": MAIL.encode(),
    "crlf": MAIL.replace("\n", "\r\n").encode(),
    "prologue": b"garbage\n\n" + MAIL.encode(),
    "blank prologue": b" \n\r\n\n" + MAIL.encode(),
    "no separator": b"From nowhere",
    "separators only": b"From a\nFrom b\r\nFrom c\n",
    "separators with carriage returns": b"From a\rb\nFrom c\n\nx\nFrom d\r",
    "separator not ended": MAIL.encode() + b"From e",
    "blank": b" \n\n",
    "separator within a line": b"From a\nX: y\n\n From b\n>From c\nx From d\n",
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("size", [1, 2, 7, 64, 10**6])
def test_every_byte_after_a_blank_prologue_is_in_one_record(
    name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ARCHIVES[name]
    given_blocks(monkeypatch, size)
    found = records(parsed(read_mbox(archive(tmp_path, data), COLUMNS)))
    position = len(data) - len(data.lstrip()) if name.startswith("blank") else 0
    for line, offset, raw in found:
        assert (offset, raw) == (position, data[position : position + len(raw)])
        assert line == data[:offset].count(b"\n") + 1
        position += len(raw)
    assert position == len(data)
    separators = re.findall(rb"(?m)^From [^\r\n]*\r?\n", data)
    assert len(found) - len(separators) in {0, 1}


@pytest.mark.parametrize("size", [1, 50, 300])
def test_the_size_of_a_block_changes_no_value(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path, MAIL.encode())
    whole = rows(parsed(read_mbox(path, COLUMNS)))
    assert len(whole) == 3
    given_blocks(monkeypatch, size)
    chunks = parsed(read_mbox(path, COLUMNS))
    assert rows(chunks) == whole
    assert len(chunks) == 4 if size < 100 else len(chunks) > 1


def test_an_endless_message_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_blocks(monkeypatch, 100)
    monkeypatch.setattr(mbox, "MAX_RECORD_BYTES", 1000)
    path = archive(tmp_path, b"From a\nX: y\n\n" + b"z\n" * 1000 + b"From b\n")
    for read in (read_mbox, read_eml):
        with pytest.raises(LandingRefused, match="more than 1,000 bytes"):
            list(read(path, COLUMNS))


def test_a_value_that_is_no_unicode_lands_with_replacement_characters(
    tmp_path: Path,
) -> None:
    text = (
        b"From a\nContent-Type: text/plain; charset=unicode_escape\n\n\\ud800 \\x00x\n"
    )
    raw = text.replace(b"\n\n", b"\nSubject: \xff\x00\n\n", 1)
    (row,) = rows(parsed(read_mbox(archive(tmp_path, raw), COLUMNS)))
    assert (row["text"], row["Subject"]) == ("\ufffd \x00x", "\ufffd\x00")


def test_a_file_of_one_message_is_one_record(tmp_path: Path) -> None:
    raw = b"Subject: x\n\nhello\nFrom here on it is text.\n"
    chunks = parsed(read_eml(archive(tmp_path, raw), COLUMNS))
    assert records(chunks) == [(1, 0, raw)]
    assert rows(chunks)[0]["text"] == "hello\nFrom here on it is text."
    assert parsed(read_eml(archive(tmp_path, b"\n"), COLUMNS)) == []
    (chunk,) = parsed(read_eml(archive(tmp_path, b"no header"), COLUMNS))
    assert chunk.malformed.reasons == ("invalid_message",)
