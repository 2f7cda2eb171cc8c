"""Looks for card numbers in everything that the program wrote.

Card numbers that the extracts at hand hold are known, and each file is searched for
each of them, however it is written. One that is not known is told from other numbers by
its check digit alone, which one number in ten has by chance; so a column is suspected
only when its numbers have it more often than chance allows, and a text that was to be
masked when it holds a single one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.contract import Contract, Feed
from ingestion.errors import LandingRefused
from ingestion.formats.trailer import Claims
from ingestion.identifiers import quoted
from ingestion.readers import parses_of
from ingestion.tokens import card_numbers_in, is_card_number
from warehouse.bank import Bank

_BLOCK = 1 << 24
_OVERLAP = 256
_CANDIDATE = "[0-9\uff10-\uff19].{0,3}" * 12 + "[0-9\uff10-\uff19]"
_DIGITS = re.compile(rb"[0-9](?:[ ._-]{0,3}[0-9]){12,40}")
_TEXT_LIKE = ("VARCHAR", "JSON", "MAP", "STRUCT")
# By chance one number in ten has a right check digit; of 30 numbers, half never have.
_ENOUGH_NUMBERS = 30
_SUSPICIOUS_SHARE = 0.5


@dataclass(frozen=True)
class Finding:
    """Where card numbers are: never which ones."""

    file: str
    place: str
    why: str
    count: int
    example: str


@dataclass
class Scanned:
    """What was searched, and what was found."""

    known: int = 0
    files: int = 0
    bytes: int = 0
    values: int = 0
    findings: list[Finding] = field(default_factory=list)

    def line(self) -> str:
        """Return what was searched as one line."""
        against = (
            f"for each of {self.known:,} card numbers of the extracts at hand"
            if self.known
            else "by check digit alone: no extract with card numbers is at hand"
        )
        verdict = f"{len(self.findings)} places" if self.findings else "no card number"
        return (
            f"{self.files:,} files, {self.bytes / 1e6:,.1f} MB and {self.values:,} "
            f"values searched {against}: {verdict} found"
        )


def scan_bank(bank: Bank) -> Scanned:
    """Search everything under a bank's home, its senders' files aside."""
    extracts = bank.settings.extracts
    skip = (extracts, extracts.parent / "truth", extracts.parent / "late")
    return scan(bank.settings.home, extracts, bank.contracts, skip)


def scan(
    home: Path, extracts: Path, contracts: dict[str, Contract], skip: tuple[Path, ...]
) -> Scanned:
    """Search every file under `home` but those under `skip` for card numbers."""
    known = known_cards(extracts, contracts)
    found = Scanned(known=len(known))
    for path in _files(home, skip):
        found.files += 1
        found.bytes += path.stat().st_size
        if path.suffix == ".parquet":
            _scan_parquet(path, home, known, found)
        elif path.suffix == ".duckdb":
            _scan_duckdb(path, home, known, found)
        _scan_bytes(path, home, known, found)
    return found


def known_cards(extracts: Path, contracts: dict[str, Contract]) -> frozenset[str]:
    """Return all card numbers in the card columns of the extracts at hand."""
    known: set[str] = set()
    for contract in contracts.values():
        for feed in contract.feeds:
            sources = [
                c.sources[0]
                for c in feed.columns
                if c.classification == "pan" and c.sources
            ]
            for path in _extracts_of(feed, extracts) if sources else ():
                known |= _cards_of(feed, path, sources)
    return frozenset(known)


def _extracts_of(feed: Feed, extracts: Path) -> list[Path]:
    folder = extracts / feed.channel
    pattern = feed.layout.path
    found = [
        *extracts.glob(pattern),
        *folder.glob(pattern),
        *folder.glob(f"*/{pattern}"),
    ]
    return sorted({p for p in found if p.is_file()})


def _cards_of(feed: Feed, path: Path, sources: list[str]) -> set[str]:
    found: set[str] = set()
    try:
        for parse in parses_of(feed, path, Claims()):
            rows = parse().rows
            for source in sources:
                if source in rows.column_names:
                    values = pc.unique(rows.column(source)).to_pylist()
                    bare = (re.sub(r"[ -]", "", v or "").strip() for v in values)
                    found |= {v for v in bare if is_card_number(v)}
    # What cannot be read was not landed either.
    except (LandingRefused, pa.ArrowException, duckdb.Error, ValueError, KeyError):
        pass
    return found


def _files(home: Path, skip: tuple[Path, ...]) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        is_skipped = any(path.is_relative_to(s) for s in skip)
        if path.is_file() and not path.is_symlink() and not is_skipped:
            yield path


def _scan_parquet(
    path: Path, home: Path, known: frozenset[str], found: Scanned
) -> None:
    try:
        with pq.ParquetFile(path) as file:
            texts = _Texts(str(path.relative_to(home)), known, found)
            for batch in file.iter_batches():
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    texts.look(name, _as_text(column))
            texts.conclude()
    except (pa.ArrowException, OSError):
        return  # its bytes are searched all the same


def _as_text(column: pa.Array) -> pa.Array | None:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_dictionary(column.type):
        return _as_text(column.dictionary)
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()])
    if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        return column.cast(pa.string())
    return None


def _scan_duckdb(path: Path, home: Path, known: frozenset[str], found: Scanned) -> None:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            texts = _Texts(str(path.relative_to(home)), known, found)
            columns = connection.execute(
                "select schema_name, table_name, column_name, data_type "
                "from duckdb_columns() where not internal order by all"
            ).fetchall()
            for schema, table, column, kind in columns:
                if not kind.startswith(_TEXT_LIKE):
                    continue
                place = f"{quoted(schema)}.{quoted(table)}"
                batches = connection.execute(
                    f"select cast({quoted(column)} as varchar) as v from {place}"
                ).to_arrow_reader(200_000)
                for batch in batches:
                    texts.look(f"{schema}.{table}.{column}", batch.column(0))
            texts.conclude()
    except duckdb.Error:
        return  # a view whose files are gone, or a file that is no database


@dataclass
class _Texts:
    """The text columns of one file."""

    file: str
    known: frozenset[str]
    found: Scanned
    numbers: dict[str, int] = field(default_factory=dict)
    valid: dict[str, int] = field(default_factory=dict)
    hits: dict[str, list[str]] = field(default_factory=dict)

    def look(self, place: str, column: pa.Array | None) -> None:
        """Search the values of a column."""
        if column is None:
            return
        self.found.values += len(column)
        suspects = pc.fill_null(pc.match_substring_regex(column, _CANDIDATE), False)
        for value in column.filter(suspects).to_pylist():
            inside = card_numbers_in(value)
            hits = [number for number in inside if number in self.known]
            if hits:
                self.hits.setdefault(place, []).extend(hits)
            digits = re.sub(r"[ -]", "", value)
            if re.fullmatch("[0-9]{13,19}", digits):
                self.numbers[place] = self.numbers.get(place, 0) + 1
                self.valid[place] = self.valid.get(place, 0) + is_card_number(digits)

    def conclude(self) -> None:
        """Say what the columns hold."""
        for place, hits in self.hits.items():
            self.found.findings.append(
                Finding(
                    self.file,
                    place,
                    "card numbers of the extracts",
                    len(hits),
                    f"****{hits[0][-4:]}",
                )
            )
        for place, numbers in self.numbers.items():
            share = self.valid[place] / numbers
            if numbers < _ENOUGH_NUMBERS or share < _SUSPICIOUS_SHARE:
                continue
            if place not in self.hits:
                self.found.findings.append(
                    Finding(
                        self.file,
                        place,
                        f"{share:.0%} of {numbers:,} numbers have a card's check digit",
                        self.valid[place],
                        "",
                    )
                )


def _scan_bytes(path: Path, home: Path, known: frozenset[str], found: Scanned) -> None:
    """Search a file as bytes: logs, pages, and what databases leave behind."""
    hits: list[str] = []
    for block in _blocks(path):
        for match in _DIGITS.finditer(block):
            text = match.group().decode()
            hits += [number for number in card_numbers_in(text) if number in known]
    if hits:
        found.findings.append(
            Finding(
                str(path.relative_to(home)),
                "bytes",
                "card numbers of the extracts",
                len(hits),
                f"****{hits[0][-4:]}",
            )
        )


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes; each block begins with the end of the one before."""
    try:
        with path.open("rb") as stream:
            tail = b""
            while block := stream.read(_BLOCK):
                yield tail + block
                tail = block[-_OVERLAP:]
    except OSError:
        return
