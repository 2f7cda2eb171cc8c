"""Drafts a contract from a file, or the change that a contract needs to read one.

A draft is for review. What a person must say is marked `TODO`: what a column means, and
what a new code stands for. The rest of a contract stays as it is, to the letter.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from ingestion.chunks import ChunkTyper
from ingestion.contract import (
    SUFFIX,
    Column,
    Contract,
    Control,
    Delivery,
    Feed,
    Layout,
    RejectCeiling,
    load_contract,
)
from ingestion.contract_lines import feed_node, item_named, value_node
from ingestion.errors import ContractError
from ingestion.extract import Extract
from ingestion.formats.trailer import Claims
from ingestion.infer import Inferred, code_name, infer, typed
from ingestion.plain_forms import one_array
from ingestion.readers import parses_of
from ingestion.recognise import recognise
from ingestion.tokens import Keys

_MOST_ROWS = 200_000
_NO_KEYS = Keys(b"\0" * 32, b"\0" * 32)
_UNREAD = re.compile("not_a_(number|integer|date|timestamp)")


@dataclass(frozen=True)
class Proposal:
    """A contract's text as proposed, and what there is to say of it, a line each."""

    channel: str
    text: str
    before: str
    notes: tuple[str, ...]

    def difference(self) -> str:
        """Return the change as a unified diff; all of a new contract."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            f"{self.channel}{SUFFIX}",
            f"{self.channel}{SUFFIX} (proposed)",
        )
        return "".join(lines)


def propose_change(contract: Contract, feed: Feed, file: Path, zone: str) -> Proposal:
    """Return a contract that reads a file of one of its feeds, as far as it can tell.

    Raises:
        LandingRefused: The file is not of the feed's format at all.
    """
    read = _read(feed, file, zone)
    draft = _Draft(contract.text, feed)
    renamed = _renamed(feed, read)
    for logical, physical in renamed.items():
        draft.put(logical, "physicalName", physical)
        draft.note(f"{logical!r} is called {physical!r} now")
    for physical in read.extra:
        if physical in renamed.values():
            continue
        draft.add_column(_property(physical, infer(physical, read.texts[physical])))
        draft.note(f"column {physical!r} is new")
    for column in feed.columns:
        lost = [s for s in column.sources if s in read.missing]
        if lost and column.name not in renamed:
            hint = "; the models need it: ask the channel" if column.required else ""
            draft.note(f"{column.name!r} ({lost[0]!r}) is not in the file{hint}")
    for name, codes in sorted(read.unknown_codes.items()):
        draft.add_codes(name, codes)
        draft.note(f"{name!r} has new codes: {', '.join(sorted(codes))}")
    for name, texts in sorted(read.unread.items()):
        _widen(draft, feed.column(name), texts)
    draft.notes += read.notes
    return Proposal(contract.channel, draft.text(), contract.text, tuple(draft.notes))


def propose_feed(
    channel: str, name: str, file: Path, contract: Contract | None, zone: str
) -> Proposal:
    """Return a contract with a new feed that reads a file, for a channel old or new.

    Raises:
        LandingRefused: Nothing in the file can be recognised.
    """
    found = recognise(file)
    probe = _probe(channel, name, found.layout, found.columns, found.widths)
    read = _read(probe, file, zone)
    inferred = {c: infer(c, read.texts[c]) for c in found.columns if c in read.texts}
    key = _key(inferred)
    properties = [
        _property(c, inferred.get(c, Inferred()), is_key=c == key, width=width)
        for c, width in zip(
            found.columns, found.widths or [0] * len(found.columns), strict=True
        )
    ]
    text = _feed_text(name, found.layout, properties)
    before = contract.text if contract else ""
    head = before.rstrip("\n") + "\n" if before else _head(channel)
    notes = [
        *found.notes,
        f"key: {key or 'none was found; the first column stands in'}",
    ]
    return Proposal(channel, head + text, before, (*notes, *read.notes))


def verified(proposal: Proposal, feed: str, file: Path, folder: Path, zone: str) -> str:
    """Write a proposal into a folder, and return what landing the file by it would do.

    Raises:
        ContractError: The proposal is no valid contract.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{proposal.channel}{SUFFIX}"
    path.write_text(proposal.text, encoding="utf-8")
    one = load_contract(path).feed(feed)
    read = _read(one, file, zone)
    reasons = ", ".join(f"{n:,} {r}" for r, n in sorted(read.reasons.items()))
    return f"by {path} {read.landed:,} of {read.records:,} records would land" + (
        f", {read.records - read.landed:,} be rejected ({reasons})" if reasons else ""
    )


@dataclass(frozen=True)
class _Read:
    """What a contract made of a file."""

    records: int
    landed: int
    texts: dict[str, pa.Array]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    unknown_codes: dict[str, set[str]]
    unread: dict[str, pa.Array]
    reasons: dict[str, int]
    notes: list[str]


def _read(feed: Feed, file: Path, zone: str) -> _Read:
    """Read a file by a feed's contract as far as it goes, some 200,000 rows of it."""
    lenient = _lenient(feed)
    typer = ChunkTyper(_extract(lenient, file), _NO_KEYS, feed.layout.timezone or zone)
    tables: list[pa.Table] = []
    rejects: list[pa.Table] = []
    missing: dict[str, None] = {}
    extra: dict[str, None] = {}
    records = landed = 0
    for parse in parses_of(lenient, file, Claims()):
        chunk = parse()
        found = typer.typed(file, lambda chunk=chunk: chunk)  # type: ignore[misc]
        tables.append(chunk.rows)
        rejects.append(found.rejects)
        missing |= dict.fromkeys(chunk.missing_columns)
        extra |= dict.fromkeys(chunk.extra_columns)
        records, landed = records + found.record_count, landed + found.rows.num_rows
        if records > _MOST_ROWS:
            break
    rows = (
        pa.concat_tables(tables, promote_options="default") if tables else pa.table({})
    )
    faults = pa.concat_tables(rejects).to_pylist() if rejects else []
    texts = {name: one_array(rows.column(name)) for name in rows.column_names}
    return _Read(
        records,
        landed,
        texts,
        tuple(missing),
        tuple(extra),
        _codes(faults),
        _unread(feed, faults, texts),
        _counted(faults),
        _shape_notes(faults),
    )


def _lenient(feed: Feed) -> Feed:
    columns = tuple(replace(c, required=False) for c in feed.columns)
    return replace(feed, columns=columns)


def _extract(feed: Feed, file: Path) -> Extract:
    return Extract(feed, date(2000, 1, 1), (file,))


def _codes(faults: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for fault in faults:
        if fault["reason_code"] == "unknown_code" and fault["found"]:
            found.setdefault(fault["column_name"], set()).add(fault["found"])
    return found


def _unread(
    feed: Feed, faults: list[dict[str, Any]], texts: dict[str, pa.Array]
) -> dict[str, pa.Array]:
    names = {f["column_name"] for f in faults if _UNREAD.fullmatch(f["reason_code"])}
    return {
        name: texts[feed.column(name).sources[0]]
        for name in names
        if len(feed.column(name).sources) == 1 and feed.column(name).sources[0] in texts
    }


def _counted(faults: Iterable[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for fault in faults:
        column = fault["column_name"]
        reason = fault["reason_code"] + (f" in {column!r}" if column else "")
        found[reason] = found.get(reason, 0) + 1
    return found


def _shape_notes(faults: list[dict[str, Any]]) -> list[str]:
    shapes = {
        (f["reason_code"], f["expected"], f["found"])
        for f in faults
        if f["column_name"] is None
    }
    return [f"{r}: expected {e}, found {f}" for r, e, f in sorted(shapes)[:3]]


def _renamed(feed: Feed, read: _Read) -> dict[str, str]:
    """Return which column is called what now: alike in name, or alone on both sides."""
    gone = {
        c.name: c.physical_name
        for c in feed.columns
        if c.sources == (c.physical_name,) and c.physical_name in read.missing
    }
    free = list(read.extra)
    found: dict[str, str] = {}
    for logical, physical in gone.items():
        near = difflib.get_close_matches(physical, free, n=1, cutoff=0.5)
        near = near or difflib.get_close_matches(logical, free, n=1, cutoff=0.6)
        if not near and len(gone) == len(read.extra) == 1:
            near = free
        if near:
            found[logical] = near[0]
            free.remove(near[0])
    return found


def _widen(draft: _Draft, column: Column, texts: pa.Array) -> None:
    """Propose the type or the spelling that takes in all values of a column."""
    kind, sql_type, customs = typed("", texts.drop_null().unique())
    if kind == "string":
        draft.note(
            f"{column.name!r}: values are no {column.logical_type} in any known way"
        )
        return
    if customs.get("date_formats") and kind == column.logical_type:
        draft.put_custom(column.name, "date_formats", customs["date_formats"])
    elif kind == "number" and column.logical_type == "number":
        if sql_type != column.sql_type:
            draft.put(column.name, "physicalType", str(sql_type))
        for key, value in customs.items():
            draft.put_custom(column.name, key, value)
    else:
        draft.put(column.name, "logicalType", kind)
        if sql_type:
            draft.put(column.name, "physicalType", sql_type)
    draft.note(
        f"{column.name!r} reads as {kind} {sql_type or ''} {customs or ''}".strip()
    )


class _Draft:
    """A contract's text and the edits to it; all else stays to the letter."""

    def __init__(self, text: str, feed: Feed) -> None:
        self._text = text
        self._feed = feed.name
        self._edits: list[tuple[int, str, int]] = []
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def text(self) -> str:
        """Return the text with all edits made."""
        text = self._text
        for start, new, end in sorted(self._edits, key=lambda e: e[0], reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def put(self, column: str, key: str, value: str) -> None:
        """Set a key of a column."""
        self._put(self._column(column), key, _flow(value))

    def put_custom(self, column: str, name: str, value: Any) -> None:
        """Set a custom property of a column."""
        node = self._column(column)
        customs = value_node(node, "customProperties")
        entry = {"property": name, "value": value}
        if not isinstance(customs, yaml.SequenceNode):
            self._put(node, "customProperties", _flow([entry]))
            return
        standing = self._custom(customs, name)
        if standing is not None:
            self._replace(standing, _flow(value))
        else:
            self._append(customs, _flow(entry))

    def add_codes(self, column: str, codes: set[str]) -> None:
        """Add codes to a column's code map."""
        customs = value_node(self._column(column), "customProperties")
        known = self._custom(customs, "codes")
        if not isinstance(known, yaml.MappingNode):
            return
        for code in sorted(codes):
            self._put(known, json.dumps(code, ensure_ascii=False), code_name(code))

    def add_column(self, entry: dict[str, Any]) -> None:
        """Add a column behind the others."""
        columns = value_node(feed_node(self._text, self._feed), "properties")
        if isinstance(columns, yaml.SequenceNode):
            self._append(columns, _flow(entry))

    def _column(self, name: str) -> yaml.Node | None:
        return item_named(
            value_node(feed_node(self._text, self._feed), "properties"), name
        )

    @staticmethod
    def _custom(customs: yaml.Node | None, name: str) -> yaml.Node | None:
        return value_node(item_named(customs, name, "property"), "value")

    def _replace(self, node: yaml.Node, text: str) -> None:
        self._edits.append((node.start_mark.index, text, node.end_mark.index))

    def _put(self, node: yaml.Node | None, key: str, value: str) -> None:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            return
        standing = value_node(node, key)
        if standing is not None:
            self._replace(standing, value)
        elif node.flow_style:
            end = node.end_mark.index - 1
            self._edits.append((end, f", {key}: {value}", end))
        else:
            first = node.value[0][0].start_mark
            line = f"{key}: {value}\n{' ' * first.column}"
            self._edits.append((first.index, line, first.index))

    def _append(self, node: yaml.SequenceNode, item: str) -> None:
        last = node.value[-1]
        if node.flow_style:
            end = node.end_mark.index - 1
            self._edits.append((end, f", {item}", end))
        elif isinstance(last, yaml.CollectionNode) and last.flow_style:
            indent = " " * node.start_mark.column
            end = last.end_mark.index
            self._edits.append((end, f"\n{indent}- {item}", end))
        else:
            start = node.start_mark
            line = f"- {item}\n{' ' * start.column}"
            self._edits.append((start.index, line, start.index))


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(
        value,
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=10**6,
    )
    return text.removesuffix("\n").removesuffix("...").strip()


def _logical_name(physical: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", physical)
    return re.sub(r"\W+", "_", words.lower()).strip("_") or "column"


def _property(
    physical: str, inferred: Inferred, *, is_key: bool = False, width: int = 0
) -> dict[str, Any]:
    """Return the entry of a column."""
    logical = _logical_name(physical)
    entry: dict[str, Any] = {"name": logical}
    if logical != physical:
        entry["physicalName"] = physical
    entry["logicalType"] = inferred.logical_type
    if inferred.sql_type:
        entry["physicalType"] = inferred.sql_type
    if is_key:
        entry["primaryKey"] = True
    if inferred.has_every_value and is_key:
        entry["required"] = True
    entry["classification"] = inferred.classification
    entry["description"] = "TODO: what it means."
    customs = {"width": width} if width else {}
    customs |= inferred.customs
    if customs:
        entry["customProperties"] = [
            {"property": k, "value": v} for k, v in customs.items()
        ]
    return entry


def _key(inferred: dict[str, Inferred]) -> str | None:
    keys = [
        n for n, i in inferred.items() if i.is_distinct and i.classification != "pan"
    ]
    named = [n for n in keys if re.search(r"id|no$|nr$|号", n, re.IGNORECASE)]
    return next(iter(named or keys), None)


def _head(channel: str) -> str:
    return (
        "apiVersion: v3.1.0\n"
        "kind: DataContract\n"
        f"id: passbook.{channel}\n"
        f"name: {channel}\n"
        "version: 1.0.0\n"
        "status: draft\n"
        "description:\n"
        '  purpose: "TODO: what the channel is."\n'
        "schema:\n"
    )


def _feed_text(
    name: str, layout: dict[str, Any], properties: list[dict[str, Any]]
) -> str:
    customs = {
        "layout": layout,
        "delivery": {"cadence": "daily", "content": "events", "required": False},
        "control": {"kind": "none"},
        "rejects": {"max_count": 100, "max_ratio": 0.01},
    }
    if not any(p.get("primaryKey") for p in properties) and properties:
        properties[0] |= {"primaryKey": True, "required": True}
    lines = [
        f"  - name: {name}",
        "    logicalType: object",
        '    description: "TODO: what a row is."',
        "    customProperties:",
        *(f"      - {_flow({'property': k, 'value': v})}" for k, v in customs.items()),
        "    properties:",
        *(f"      - {_flow(entry)}" for entry in properties),
    ]
    return "\n".join(lines) + "\n"


def _probe(
    channel: str,
    name: str,
    layout: dict[str, Any],
    columns: tuple[str, ...],
    widths: tuple[int, ...],
) -> Feed:
    """Return a feed that reads all columns as text."""
    if not columns:
        raise ContractError(f"{channel}.{name}", "no column was found in the file")
    return Feed(
        channel=channel,
        name=name,
        description="",
        layout=Layout(**layout),
        delivery=Delivery(),
        control=Control(kind="none"),
        ceiling=RejectCeiling(),
        columns=tuple(
            Column(
                name=c,
                physical_name=c,
                logical_type="string",
                sql_type="varchar",
                description="",
                classification="public",
                codes={},
                width=width or None,
            )
            for c, width in zip(columns, widths or [0] * len(columns), strict=True)
        ),
        quality=(),
        contract_path=Path(f"{channel}{SUFFIX}"),
    )
