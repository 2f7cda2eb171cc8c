"""Mailboxes: real messages of the e-mail standard, one after the other."""

from __future__ import annotations

from datetime import datetime
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from typing import Any

import pyarrow as pa

from ingestion.contract import Feed
from ingestion.sample.cells import written_columns
from ingestion.sample.records import Records, from_pieces
from ingestion.sample.spec import BANK_TIMEZONE


def mbox_records(feed: Feed, table: pa.Table) -> Records:
    """Return the rows as messages; some of them carry a second, HTML part."""
    names = [(c.name, c.physical_name) for c in written_columns(feed)]
    messages = []
    for place, row in enumerate(table.to_pylist()):
        parts = {physical: row[name] for name, physical in names}
        messages.append(_mbox_entry(parts, place))
    return from_pieces(messages)


def _mbox_entry(parts: dict[str, Any], place: int) -> bytes:
    """Return one message behind its `From ` line, with a blank line after it."""
    message = _message(parts.get("text") or "", place)
    sent = next(v for v in parts.values() if isinstance(v, datetime))
    for name, value in _headers(parts).items():
        message[name] = value
    sender = parts.get("From.address") or "MAILER-DAEMON"
    start = f"From {sender} {sent.strftime('%a %b %d %H:%M:%S %Y')}\n"
    return start.encode() + message.as_bytes().rstrip(b"\n") + b"\n\n"


def _headers(parts: dict[str, Any]) -> dict[str, str]:
    """Return headers by name; `X.address` and `X.name` make up the header X."""
    headers: dict[str, str] = {}
    for name, value in parts.items():
        base, _, part = name.partition(".")
        if name == "text" or value is None or part == "name":
            continue
        if isinstance(value, datetime):
            headers[base] = format_datetime(value.replace(tzinfo=BANK_TIMEZONE))
        elif part == "address":
            shown = parts.get(f"{base}.name")
            headers[base] = formataddr((shown, value), "utf-8") if shown else value
        else:
            headers[base] = (
                value if value.isascii() else Header(value, "utf-8").encode()
            )
    return headers


def _message(text: str, place: int) -> Message:
    """Return a message with its text, in one of the ways that mail programs write it.

    Every fourth has its text as HTML too.
    """
    plain = _text_part(text, "plain", place)
    if place % 4:
        return plain
    message = MIMEMultipart("alternative", f"=_part_{place:08d}")
    message.attach(plain)
    html = text.replace("\n", "<br>")
    message.attach(_text_part(f"<p>{html}</p>", "html", place))
    return message


def _text_part(text: str, subtype: str, place: int) -> MIMEText:
    if text.isascii():
        return MIMEText(text, subtype, "us-ascii")
    charset = Charset("gb18030" if place % 3 == 0 else "utf-8")
    charset.body_encoding = BASE64 if place % 3 == 0 else QP
    part = MIMEText("", subtype, None)
    del part["Content-Transfer-Encoding"]
    part.set_payload(text, charset)
    return part
