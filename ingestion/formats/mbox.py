"""Messages of an mbox archive, read with the standard library's mail parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

import numpy as np

from ingestion.formats.byte_lines import read_blocks
from ingestion.records import Chunk, Malformed, text_table

_SEPARATOR = re.compile(rb"(?m)^From [^\r\n]*\r?\n")
_BATCH = 5_000
_PARSER = BytesParser(policy=policy.default)


def read_mbox(path: Path, columns: tuple[str, ...]) -> Iterator[Chunk]:
    """Yield the messages of an archive; a message that cannot be parsed is malformed.

    A physical name is a header's name; `<header>.address` and `<header>.name` are the
    first address in it; `Date` comes as ISO 8601; `text` is the first text part.
    """
    data = b"".join(read_blocks(path))
    bounds = [match.span() for match in _SEPARATOR.finditer(data)]
    spans = [
        (start, bounds[i + 1][0] if i + 1 < len(bounds) else len(data))
        for i, (start, _) in enumerate(bounds)
    ]
    prologue = bounds[0][0] if bounds else len(data)
    if data[:prologue].strip():
        spans.insert(0, (0, prologue))
    line, position = 1, 0
    for first in range(0, len(spans), _BATCH):
        batch = spans[first : first + _BATCH]
        starts = []
        for start, _ in batch:
            line += data.count(b"\n", position, start)
            position = start
            starts.append(line)
        yield _chunk(data, batch, starts, columns)


def _chunk(
    data: bytes,
    spans: list[tuple[int, int]],
    lines: list[int],
    columns: tuple[str, ...],
) -> Chunk:
    values: dict[str, list[str | None]] = {name: [] for name in columns}
    good: list[int] = []
    malformed: list[Malformed] = []
    for index, (start, end) in enumerate(spans):
        raw = data[start:end]
        row = _row(raw, columns)
        if row is None:
            malformed.append(
                Malformed(
                    lines[index], start, "invalid_message", raw, "an RFC 5322 message"
                )
            )
            continue
        good.append(index)
        for name, value in row.items():
            values[name].append(value)
    return Chunk(
        rows=text_table(values),
        lines=np.array([lines[i] for i in good], np.int64),
        offsets=np.array([spans[i][0] for i in good], np.int64),
        ends=np.array([spans[i][1] for i in good], np.int64),
        record_count=len(spans),
        raw=data,
        malformed=tuple(malformed),
    )


def _row(raw: bytes, columns: tuple[str, ...]) -> dict[str, str | None] | None:
    separator = _SEPARATOR.match(raw)
    if separator is None:
        return None
    try:
        message = _PARSER.parsebytes(raw[separator.end() :])
        if not isinstance(message, EmailMessage) or not message.keys():
            return None
        return {name: _value(message, name) for name in columns}
    # The parser promises to raise nothing, yet hostile headers make its lazy
    # properties raise nearly any exception.
    except Exception:
        return None


def _value(message: EmailMessage, name: str) -> str | None:
    header, _, part = name.partition(".")
    if name == "text":
        return _text(message)
    if name == "Date":
        return _or_raw(message, name, lambda v: parsedate_to_datetime(v).isoformat())
    value = message[header]
    if value is None:
        return None
    if part:
        pairs = getaddresses([str(value)])
        shown, address = pairs[0] if pairs else ("", "")
        return address if part == "address" else shown
    return str(value).strip()


def _or_raw(
    message: EmailMessage, name: str, convert: Callable[[str], str]
) -> str | None:
    value = message[name]
    if value is None:
        return None
    try:
        return convert(str(value))
    except (ValueError, TypeError):
        return str(value)


def _text(message: EmailMessage) -> str | None:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return None
    try:
        return str(part.get_content()).strip()
    except (LookupError, KeyError):
        payload = part.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        return raw.decode("utf-8", "replace").strip()
