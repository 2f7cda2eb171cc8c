"""Recognises how a file is written: its format, encoding, dialect and columns."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from charset_normalizer import from_bytes

from ingestion.errors import LandingRefused
from ingestion.formats.byte_lines import ENCODINGS, read_blocks
from ingestion.formats.parquet import unreadable_parquet

_SAMPLE_BYTES = 1 << 20
_GUESS_BYTES = 1 << 15
_DELIMITERS = ",;\t|^~"
_MAIL_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t]")
_MAIL_SIGN = re.compile(
    rb"^(From|To|Subject|Date|Received|Message-ID|Return-Path):", re.I | re.M
)
# Tried in this order where nothing else tells; each of them fails on most others.
_LIKELY = ("gb18030", "big5", "cp1250", "cp1252", "latin-1")
_AGREE = 0.9


@dataclass(frozen=True)
class Recognised:
    """How a file seems to be written: a `layout` of a contract, and its columns.

    `widths` are those of the columns in bytes, for a file of fixed width.
    """

    layout: dict[str, Any]
    columns: tuple[str, ...]
    widths: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())


def recognise(path: Path) -> Recognised:
    """Return how a file seems to be written, from its first megabyte.

    Raises:
        LandingRefused: It is empty, or nothing that can be read.
    """
    head = _head(path)
    if not head.strip(b"\0 \t\r\n"):
        raise LandingRefused(path.name, "is empty", remedy="Give a file with records.")
    base: dict[str, Any] = {"path": path.name}
    if head.startswith(b"PAR1"):
        names = _parquet_names(path)
        return Recognised({"format": "parquet", **base}, tuple(names))
    if head.startswith(b"From "):
        return Recognised({"format": "mbox", **base}, MAIL_COLUMNS)
    encoding = _encoding(head)
    if not encoding.startswith("utf-16") and head.count(b"\0") > len(head) // 50:
        raise LandingRefused(
            path.name,
            "is neither text nor Parquet",
            expected="CSV, fixed width, JSON lines, Parquet, mbox or eml",
            found=f"bytes that begin with {head[:8].hex(' ')}",
            remedy="Ask the channel for an export in one of these.",
        )
    text = _whole_lines(head, encoding, is_cut=len(head) >= _SAMPLE_BYTES)
    base |= {} if encoding == "utf-8" else {"encoding": encoding}
    text = text.rstrip("\x1a")
    keys = _json_keys(text)
    if keys:
        return Recognised({"format": "json_lines", **base}, keys)
    if _is_mail(head):
        return Recognised({"format": "eml", "path": f"*{path.suffix}"}, MAIL_COLUMNS)
    found = _delimited(text, base)
    return found if found else _fixed_width(text, encoding, base)


MAIL_COLUMNS = (
    "Message-ID",
    "Date",
    "From.address",
    "From.name",
    "To.address",
    "Subject",
    "text",
)


def _parquet_names(path: Path) -> list[str]:
    try:
        names: list[str] = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise unreadable_parquet(path, error) from None
    return names


def _head(path: Path) -> bytes:
    head = b""
    for block in read_blocks(path):
        head += block
        if len(head) >= _SAMPLE_BYTES:
            break
    return head[:_SAMPLE_BYTES]


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    zeros = sorted((head[0:400:2].count(0), head[1:400:2].count(0)))
    if zeros[1] > max(len(head[:400]) // 8, 4 * zeros[0]):
        return "utf-16"
    body = head.removeprefix(b"\xef\xbb\xbf")
    try:
        body[: body.rfind(b"\n") + 1 or len(body)].decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    best = from_bytes(head[:_GUESS_BYTES]).best()
    guessed = best.encoding.replace("_", "-") if best else ""
    if guessed in {"gb2312", "gbk", "gb18030", "hz"}:
        return "gb18030"
    candidates = (guessed, *_LIKELY) if guessed in ENCODINGS else _LIKELY
    return next(name for name in candidates if _decodes(head, name))


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head[: head.rfind(b"\n") + 1 or len(head)].decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _whole_lines(head: bytes, encoding: str, *, is_cut: bool) -> str:
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    return text[: text.rfind("\n") + 1] if is_cut else text


def _json_keys(text: str) -> tuple[str, ...]:
    """Return the paths of all leaves of the first records, none where it is no JSON."""
    keys: dict[str, None] = {}
    for line in text.splitlines()[:1000]:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            line.encode()
        except (ValueError, RecursionError):
            return ()
        if not isinstance(record, dict):
            return ()
        keys |= dict.fromkeys(_leaves(record))
    # What is an object in one record may be a value in another: it is read whole.
    whole = [k for k in keys if any(other.startswith(f"{k}.") for other in keys)]
    inside = tuple(f"{name}." for name in whole)
    return tuple(k for k in keys if k.isprintable() and not k.startswith(inside))


def _leaves(record: dict[str, Any], above: str = "") -> list[str]:
    found: list[str] = []
    for key, value in record.items():
        name = f"{above}{key}"
        is_object = isinstance(value, dict) and value and "." not in key
        found += _leaves(value, f"{name}.") if is_object else [name]
    return found


def _is_mail(head: bytes) -> bool:
    lines = head.splitlines()[:3]
    are_headers = len(lines) > 1 and all(
        _MAIL_HEADER.match(line) or line[:1] in b" \t" for line in lines if line
    )
    return are_headers and len(_MAIL_SIGN.findall(head[:_GUESS_BYTES])) > 1


def _delimited(text: str, base: dict[str, Any]) -> Recognised | None:
    best: tuple[float, int, str, list[list[str]]] | None = None
    for delimiter in _DELIMITERS:
        rows = _rows(text, delimiter)
        widths = Counter(len(row) for row in rows if row)
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        share = count / sum(widths.values())
        if width > 1 and share >= _AGREE * 0.5:
            found = (share, width, delimiter, rows)
            best = max(best, found, key=lambda f: f[:2]) if best else found
    if best is None:
        return None
    _, width, delimiter, rows = best
    layout = {"format": "csv", **base}
    if delimiter != ",":
        layout["delimiter"] = delimiter
    return _table(layout, rows, width, delimiter)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return []


def _table(
    layout: dict[str, Any], rows: list[list[str]], width: int, delimiter: str
) -> Recognised:
    notes: list[str] = []
    first = next(n for n, row in enumerate(rows) if len(row) == width)
    rows = rows[:first] + [row for row in rows[first:] if row]
    if first:
        layout["preamble"] = first
        notes.append(f"the first {first} lines have other fields: taken as preamble")
    has_text = any(cell.strip() for cell in rows[-1])
    if len(rows[-1]) != width and len(rows) > first + 2 and has_text:
        layout["trailer"] = _trailer(rows, first, delimiter)
        notes.append("the last line has other fields: taken as trailer")
    if any("\n" in cell for row in rows for cell in row):
        layout["multiline"] = True
    names = [name.strip() for name in rows[first]]
    if not _is_header(names, rows[first + 1 : -1]):
        layout["header"] = False
        names = [f"column_{n}" for n in range(1, width + 1)]
        notes.append("no header was found: name the columns")
    return Recognised(layout, tuple(names), notes=tuple(notes))


def _trailer(rows: list[list[str]], first: int, delimiter: str) -> dict[str, Any]:
    cells = rows[-1]
    counts = {len(rows) - first - n for n in (1, 2)}
    place = next(
        (n for n, c in enumerate(cells, 1) if c.strip().isdigit() and int(c) in counts),
        None,
    )
    found: dict[str, Any] = {"starts_with": cells[0] + delimiter}
    if len(cells) == 1:
        found["starts_with"] = re.match(r"\D*", cells[0])[0] or cells[0][:1]  # type: ignore[index]
    return found | ({"count": place} if place else {})


def _is_header(names: list[str], rows: list[list[str]]) -> bool:
    if not all(names) or len(set(names)) < len(names):
        return False
    if any(re.fullmatch(r"[-+(]?[0-9][0-9., :/-]*[)-]?", name) for name in names):
        return False
    below = {cell for row in rows for cell in row}
    return not below.intersection(names)


def _fixed_width(text: str, encoding: str, base: dict[str, Any]) -> Recognised:
    """Return columns that are cut where every record has a space before a value."""
    lines = [line.encode(encoding, "replace") for line in text.splitlines() if line]
    lines = lines or [b""]
    size = Counter(map(len, lines)).most_common(1)[0][0]
    whole = [line for line in lines if len(line) == size]
    if len(whole) < _AGREE * len(lines) or len(whole) < 2 or size < 2:
        layout = {"format": "csv", **base, "header": False}
        note = "neither delimiter nor width was found: each line is one column"
        return Recognised(layout, ("column_1",), notes=(note,))
    is_space = [all(line[n] == 0x20 for line in whole) for n in range(size)]
    cuts = [n for n in range(1, size) if is_space[n - 1] and not is_space[n]]
    bounds = [0, *cuts, size]
    widths = tuple(b - a for a, b in itertools.pairwise(bounds))
    names = tuple(f"column_{n}" for n in range(1, len(widths) + 1))
    note = "widths are cut at columns of spaces: compare them with the channel's layout"
    return Recognised({"format": "fixed_width", **base}, names, widths, (note,))
