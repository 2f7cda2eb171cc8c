"""Each message of an archive is a row, or a reject that holds the message."""

from __future__ import annotations

from datetime import datetime

from ingestion.contract import Contract
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
