"""The contract of a channel: what each of its feeds sends and how it is read.

A contract is one Open Data Contract Standard (ODCS v3) file. What the standard has no
key for stands in `customProperties`, whose names and shapes are the models below.
Reading is strict: a key that neither the standard nor this module knows is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, TypeVar

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from ingestion.errors import ContractError
from ingestion.formats.byte_lines import ENCODINGS
from ingestion.unknown_keys import unknown_keys

SUFFIX = ".odcs.yaml"
LOGICAL_TO_SQL = {
    "string": "varchar",
    "integer": "bigint",
    "number": "decimal(18,2)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
CLASSIFICATIONS = (
    "pan",
    "direct_identifier",
    "quasi_identifier",
    "free_text",
    "public",
)
IDENTIFIER_KINDS = (
    "core_customer_id",
    "national_id",
    "card",
    "login",
    "phone",
    "email",
    "person_name",
    "postal_address",
)


# What landing adds to every partition.
LANDING_COLUMNS = frozenset({"business_date", "extra", "source_file", "source_line"})
# What landing can cast to without a loss; see `ingestion.casting`.
SQL_TYPE = re.compile(
    r"varchar|tinyint|smallint|integer|bigint|hugeint|float|real|double|boolean"
    r"|date|timestamp|decimal\([0-9]+, ?[0-9]+\)"
)
# The directives of DuckDB's `strptime`.
_DIRECTIVES = frozenset("aAwudbBhmyYGHIpMSgfnzZjUWVcxX%")


def _one_byte(mark: str) -> str:
    if len(mark) != 1 or not mark.isascii() or mark in "\r\n":
        raise ValueError("should be one ASCII character")
    return mark


def _one_byte_or_none(mark: str) -> str:
    return _one_byte(mark) if mark else mark


def _known_encoding(name: str) -> str:
    if name not in ENCODINGS:
        raise ValueError(f"should be one of {', '.join(ENCODINGS)}")
    return name


def _inside_the_day(path: str) -> str:
    parts = PurePath(path)
    if not parts.parts or parts.is_absolute() or ".." in parts.parts:
        raise ValueError("should be a file or a pattern inside the day's folder")
    return path


def _date_format(text: str) -> str:
    directives = re.findall(r"%-?(.?)", text)
    if not directives or not _DIRECTIVES.issuperset(directives):
        raise ValueError("should be a format of strptime, such as %Y-%m-%d")
    return text


def _code_map(value: Any) -> Any:
    # YAML reads NO as a boolean and 01 as the number 1: neither is what was meant.
    if isinstance(value, dict):
        for code in value:
            if not isinstance(code, str):
                raise ValueError(f"the code {code!r} should stand in quotes")
        return {code: _code_text(name) for code, name in value.items()}
    return value


def _code_text(value: Any) -> Any:
    # true and 1 are plain enough: they cast to what they say.
    return str(value) if isinstance(value, bool | int) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RowFilter(_Strict):
    """Which rows of a shared file are this feed's: a column and its codes.

    `otherwise` takes what no other feed of the same file names, malformed rows
    included; each shared file has exactly one such feed. `every` takes all rows, for a
    second view of them (the balance beside each booking, say).
    """

    column: str
    codes: tuple[str, ...] = ()
    otherwise: bool = False
    every: bool = False

    @property
    def takes_malformed(self) -> bool:
        """Whether records that cannot be split into columns are this feed's too."""
        return self.otherwise or self.every


Positive = Annotated[int, Field(gt=0)]
# Where a number stands in a trailer: a field from 1, or bytes from 1, first and last.
TrailerPlace = Positive | tuple[Positive, Positive]


class Trailer(_Strict):
    """The last record of a file, which counts and sums the others.

    `counts_besides` is how many records it counts that are no rows, such as itself.
    """

    starts_with: str = Field(min_length=1)
    count: TrailerPlace | None = None
    counts_besides: int = Field(default=0, ge=0)
    sums: dict[str, TrailerPlace] = {}


class Layout(_Strict):
    """How the file is written. `path` may hold wildcards and is relative to the day.

    `preamble` lines stand before the header or the first record. `ignored_columns` are
    known and not wanted; any other that the contract does not name is landed in the map
    `extra`, with a warning.
    """

    format: Literal["csv", "fixed_width", "json_lines", "parquet", "mbox", "eml"]
    path: Annotated[str, AfterValidator(_inside_the_day)]
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    delimiter: Annotated[str, AfterValidator(_one_byte)] = ","
    quote: Annotated[str, AfterValidator(_one_byte_or_none)] = '"'
    escape: Annotated[str, AfterValidator(_one_byte_or_none)] = ""
    header: bool = True
    multiline: bool = False
    preamble: int = Field(default=0, ge=0, le=1000)
    trailer: Trailer | None = None
    ignored_columns: tuple[str, ...] = ()
    rows: RowFilter | None = None
    timezone: str | None = None


class Delivery(_Strict):
    """When the file comes and what is in it.

    `daily`: a folder a business date. `history`: one file over several dates, split by
    `date_column`. `static`: one undated file, in force from `effective_date`.
    `snapshot` content is the whole state; `events` are what happened on the day. What
    comes late, or is corrected, of the last `late_days` days is taken in by the next
    night.
    """

    cadence: Literal["daily", "history", "static"] = "daily"
    content: Literal["events", "snapshot"] = "events"
    required: bool = True
    wait_until: str = "06:00"
    late_days: int = Field(default=7, ge=0, le=366)
    date_column: str | None = None
    effective_date: date | None = None

    def date_of(self, business_date: date) -> date:
        """Return the date of the partition that a night of a business date lands."""
        return self.effective_date or business_date


class Control(_Strict):
    """What proves that an extract is whole: a control file, or nothing."""

    kind: Literal["file", "none"] = "file"
    sums: tuple[str, ...] = ()


class RejectCeiling(_Strict):
    """How many rows may be rejected before the landing is refused."""

    max_count: int = Field(default=0, ge=0)
    max_ratio: float = Field(default=0.0, ge=0, le=1)


class ZeroPad(_Strict):
    """Writes a bare number as the bank's other files do: prefix and digits."""

    prefix: str = ""
    digits: int = Field(gt=0)


class _ColumnCustoms(_Strict):
    """How a column is written, where the standard has no key for it."""

    codes: Annotated[dict[str, str], BeforeValidator(_code_map)] = {}
    width: int | None = Field(default=None, gt=0)
    date_formats: tuple[Annotated[str, AfterValidator(_date_format)], ...] = ()
    shift_years: int = Field(default=0, ge=-1000, le=1000)
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] | None = None
    negative: Literal["leading", "trailing", "parentheses"] = "leading"
    zero_pad: ZeroPad | None = None
    constant: Annotated[str | None, BeforeValidator(_code_text)] = None
    null_values: tuple[Annotated[str, BeforeValidator(_code_text)], ...] = ()
    identifier: str | None = None
    last4_of: str | None = None
    unreadable: Literal["reject", "keep"] = "reject"


@dataclass(frozen=True)
class Column:
    """One logical column of a feed and how it is written in the file."""

    name: str
    physical_name: str
    logical_type: str
    sql_type: str
    description: str
    classification: str
    codes: Mapping[str, str]
    width: int | None = None
    date_formats: tuple[str, ...] = ()
    shift_years: int = 0
    decimal_mark: str = "."
    thousands_mark: str = ""
    negative: str = "leading"
    zero_pad: ZeroPad | None = None
    constant: str | None = None
    null_values: tuple[str, ...] = ()
    join_of: tuple[str, ...] = ()
    is_primary_key: bool = False
    required: bool = False
    identifier: str | None = None
    last4_of: str | None = None
    unreadable: str = "reject"
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    quality: tuple[DataQuality, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Physical columns that this one is read from; none for a constant."""
        if self.constant is not None or self.last4_of is not None:
            return ()
        return self.join_of or (self.physical_name,)

    @property
    def is_personal(self) -> bool:
        """Whether its values may not be shown in messages or logs."""
        return self.classification != "public"


@dataclass(frozen=True)
class Feed:
    """One kind of extract of a channel."""

    channel: str
    name: str
    description: str
    layout: Layout
    delivery: Delivery
    control: Control
    ceiling: RejectCeiling
    columns: tuple[Column, ...]
    quality: tuple[DataQuality, ...]
    contract_path: Path

    @property
    def id(self) -> str:
        """`channel.feed`."""
        return f"{self.channel}.{self.name}"

    @property
    def physical_columns(self) -> tuple[str, ...]:
        """The distinct physical columns it reads, in contract order."""
        seen = dict.fromkeys(s for column in self.columns for s in column.sources)
        if self.layout.rows:
            seen.setdefault(self.layout.rows.column)
        return tuple(seen)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the columns that identify a row."""
        return tuple(c.name for c in self.columns if c.is_primary_key)

    @property
    def summed_columns(self) -> tuple[str, ...]:
        """Names of the columns whose sums the sender states."""
        trailer = self.layout.trailer
        return tuple(
            dict.fromkeys((*self.control.sums, *(trailer.sums if trailer else ())))
        )

    def column(self, name: str) -> Column:
        """Return the column of that logical name."""
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True)
class Contract:
    """All feeds of one channel."""

    channel: str
    version: str
    description: str
    feeds: tuple[Feed, ...]
    path: Path
    text: str

    def feed(self, name: str) -> Feed:
        """Return the feed of that name.

        Raises:
            ContractError: The channel has no such feed.
        """
        for feed in self.feeds:
            if feed.name == name:
                return feed
        raise ContractError(
            self.channel,
            f"has no feed {name!r}",
            expected=", ".join(f.name for f in self.feeds),
        )


def contract_paths(folder: Path) -> list[Path]:
    """Return the contract files of a folder, in order of channel."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def load_contracts(folder: Path) -> dict[str, Contract]:
    """Read every contract of a folder, by channel.

    Raises:
        ContractError: There is none, or one of them is not valid.
    """
    contracts = [load_contract(path) for path in contract_paths(folder)]
    if not contracts:
        raise ContractError(
            str(folder),
            "holds no contract",
            expected=f"at least one <channel>{SUFFIX}",
            remedy="Set PASSBOOK_CONTRACTS to the folder of your contracts.",
        )
    return _with_remainders({c.channel: c for c in contracts})


def load_contract(path: Path) -> Contract:
    """Read one contract strictly.

    Raises:
        ContractError: With all that is wrong, joined in one line.
    """
    document, text = _parse(path)
    channel = path.name.removesuffix(SUFFIX)
    if document.name != channel:
        raise ContractError(
            path.name, "names another channel", expected=channel, found=document.name
        )
    feeds = tuple(_feed(channel, o, path) for o in document.schema_ or [])
    contract = Contract(
        channel=channel,
        version=document.version or "0",
        description=(document.description and document.description.purpose) or "",
        feeds=feeds,
        path=path,
        text=text,
    )
    problems = list(inconsistencies(contract))
    if problems:
        raise ContractError(path.name, "; ".join(problems), remedy="Edit that file.")
    return contract


def _parse(path: Path) -> tuple[OpenDataContractStandard, str]:
    try:
        text = path.read_text(encoding="utf-8")
        raw = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(
            path.name, "cannot be read as YAML", found=str(error)
        ) from None
    if not isinstance(raw, dict):
        raise ContractError(path.name, "is not a mapping", found=type(raw).__name__)
    unknown = unknown_keys(raw, OpenDataContractStandard)
    if unknown:
        raise ContractError(path.name, "; ".join(unknown), remedy="Edit that file.")
    try:
        return OpenDataContractStandard(**raw), text
    except ValidationError as error:
        raise ContractError(path.name, _validation_line(error)) from None


def _validation_line(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})"
        for e in error.errors()
    )


_Model = TypeVar("_Model", bound=_Strict)
_FEED_MODELS: dict[str, type[_Strict]] = {
    "layout": Layout,
    "delivery": Delivery,
    "control": Control,
    "rejects": RejectCeiling,
}
_COLUMN_CUSTOMS = frozenset(_ColumnCustoms.model_fields)


def _customs(
    where: str, properties: list[CustomProperty] | None, known: frozenset[str]
) -> dict[str, Any]:
    customs = {str(p.property): p.value for p in properties or []}
    for name in customs:
        if name not in known:
            raise ContractError(
                where, f"unknown custom property {name!r}", expected=_names(known)
            )
    return customs


def _names(known: frozenset[str]) -> str:
    return "one of " + ", ".join(sorted(known))


def _feed(channel: str, schema: SchemaObject, path: Path) -> Feed:
    where = f"{channel}.{schema.name}"
    customs = _customs(where, schema.customProperties, frozenset(_FEED_MODELS))
    parts: dict[str, Any] = {}
    for name, model in _FEED_MODELS.items():
        parts[name] = _checked(model, customs.get(name, {}), f"{where} {name}")
    return Feed(
        channel=channel,
        name=str(schema.name),
        description=schema.description or "",
        layout=parts["layout"],
        delivery=parts["delivery"],
        control=parts["control"],
        ceiling=parts["rejects"],
        columns=tuple(_column(where, p) for p in schema.properties or []),
        quality=tuple(schema.quality or []),
        contract_path=path,
    )


def _checked(model: type[_Model], values: Any, where: str) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ContractError(where, _validation_line(error)) from None


def _column(feed: str, source: SchemaProperty) -> Column:
    where = f"{feed}.{source.name}"
    customs = _checked(
        _ColumnCustoms,
        _customs(where, source.customProperties, _COLUMN_CUSTOMS),
        where,
    )
    logical = source.logicalType or "string"
    if logical not in LOGICAL_TO_SQL:
        raise ContractError(
            where,
            "unknown logicalType",
            expected=_names(frozenset(LOGICAL_TO_SQL)),
            found=logical,
        )
    options = source.logicalTypeOptions or {}
    return Column(
        name=str(source.name),
        physical_name=source.physicalName or str(source.name),
        logical_type=logical,
        sql_type=source.physicalType or LOGICAL_TO_SQL[logical],
        description=source.description or "",
        classification=source.classification or "",
        codes=customs.codes,
        width=customs.width,
        date_formats=customs.date_formats,
        shift_years=customs.shift_years,
        decimal_mark=customs.decimal_mark,
        thousands_mark=_thousands_mark(customs),
        negative=customs.negative,
        zero_pad=customs.zero_pad,
        constant=customs.constant,
        null_values=customs.null_values,
        join_of=tuple(source.transformSourceObjects or ()),
        is_primary_key=bool(source.primaryKey),
        required=bool(source.required),
        identifier=customs.identifier,
        last4_of=customs.last4_of,
        unreadable=customs.unreadable,
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        pattern=options.get("pattern"),
        quality=tuple(source.quality or ()),
    )


def _thousands_mark(customs: _ColumnCustoms) -> str:
    # Whoever writes 1,50 writes 1.234,50.
    default = "." if customs.decimal_mark == "," else ""
    given = customs.thousands_mark
    return default if given is None else given


def _with_remainders(contracts: dict[str, Contract]) -> dict[str, Contract]:
    """Give each `otherwise` feed the codes that the other feeds of its file take.

    A file may serve feeds of several channels, so this needs all contracts.

    Raises:
        ContractError: Feeds that share a file leave rows over, or take them twice.
    """
    feeds = [feed for contract in contracts.values() for feed in contract.feeds]
    problems = list(_shared_file_inconsistencies(feeds))
    if problems:
        raise ContractError("contracts", "; ".join(problems))

    def completed(feed: Feed) -> Feed:
        rows = feed.layout.rows
        if rows is None or not rows.otherwise:
            return feed
        taken = tuple(
            code
            for other in feeds
            if _shared_file(other) == _shared_file(feed) and other.layout.rows
            for code in other.layout.rows.codes
        )
        layout = feed.layout.model_copy(
            update={"rows": rows.model_copy(update={"codes": taken})}
        )
        return replace(feed, layout=layout)

    return {
        channel: replace(contract, feeds=tuple(completed(f) for f in contract.feeds))
        for channel, contract in contracts.items()
    }


def inconsistencies(contract: Contract) -> Iterator[str]:
    """Yield what contradicts itself in a contract that parses, a line each."""
    if not contract.feeds:
        yield "has no feed"
    for feed in contract.feeds:
        yield from _feed_inconsistencies(feed)


def _feed_inconsistencies(feed: Feed) -> Iterator[str]:
    names = [column.name for column in feed.columns]
    yield from _doubled_names(feed)
    yield from _layout_inconsistencies(feed)
    if not feed.primary_key:
        yield f"{feed.name}: no column has primaryKey"
    for name in feed.summed_columns:
        if name not in names:
            yield f"{feed.name}: control sum of unknown column {name!r}"
        elif feed.column(name).logical_type not in {"integer", "number"}:
            yield f"{feed.name}: control sum of column {name!r}, which is no number"
    for column in feed.columns:
        yield from _column_inconsistencies(feed, column)
    delivery = feed.delivery
    if delivery.cadence == "history" or delivery.date_column:
        yield from _date_column_inconsistencies(feed)
    if delivery.cadence == "static" and delivery.effective_date is None:
        yield f"{feed.name}: cadence static needs an effective_date"


def _layout_inconsistencies(feed: Feed) -> Iterator[str]:
    layout = feed.layout
    marks = [m for m in (layout.delimiter, layout.quote, layout.escape) if m]
    if layout.format == "csv" and len(set(marks)) < len(marks):
        yield f"{feed.name}: delimiter, quote and escape are not told apart"
    has_late_bytes = layout.encoding in {"gb18030", "gbk", "big5"}
    if layout.multiline and has_late_bytes and max(marks[1:], default="") > "?":
        # From 0x40 on a byte may be the second half of a character.
        yield (
            f"{feed.name}: multiline cannot be had in {layout.encoding} with "
            f"{max(marks[1:])!r} as quote or escape"
        )
    if layout.format == "fixed_width" and layout.encoding.startswith("utf-16"):
        yield f"{feed.name}: widths in bytes cannot be had in {layout.encoding}"
    if layout.format in {"mbox", "eml", "parquet"} and (
        layout.trailer or layout.preamble
    ):
        yield f"{feed.name}: {layout.format} has no trailer and no preamble"
    if layout.format == "json_lines":
        names = set(feed.physical_columns)
        for name in sorted(names):
            if any(other.startswith(f"{name}.") for other in names):
                yield f"{feed.name}: {name!r} is read whole and looked into"
    if layout.trailer and layout.trailer.sums and layout.rows:
        yield f"{feed.name}: a trailer's sums are of the whole file, not of some rows"


def _doubled_names(feed: Feed) -> Iterator[str]:
    # DuckDB tells names apart without regard to case.
    names = [column.name.lower() for column in feed.columns]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"{feed.name}: column {name!r} stands twice"
    for name in sorted(LANDING_COLUMNS.intersection(names)):
        yield f"{feed.name}: {name} is a column that landing adds itself"
    for name in feed.physical_columns:
        if name.startswith(("__last4__", "__bad_card__")):
            yield f"{feed.name}: {name!r} is a name that landing uses itself"
    sources = [name.lower() for name in feed.physical_columns]
    for name in sorted({n for n in sources if sources.count(n) > 1}):
        yield f"{feed.name}: physical columns {name!r} differ in case only"


def _date_column_inconsistencies(feed: Feed) -> Iterator[str]:
    columns = [c for c in feed.columns if c.name == feed.delivery.date_column]
    if not columns:
        yield f"{feed.name}: cadence history needs a date_column of the feed"
    for column in columns:
        if column.logical_type not in {"date", "timestamp"} or not column.required:
            yield f"{feed.name}: date_column needs a required date or timestamp"


def _column_inconsistencies(feed: Feed, column: Column) -> Iterator[str]:
    where = f"{feed.name}.{column.name}"
    if column.classification not in CLASSIFICATIONS:
        yield (
            f"{where}: classification {column.classification!r} is not "
            f"{_names(frozenset(CLASSIFICATIONS))}"
        )
    if not column.description:
        yield f"{where}: has no description"
    if column.unreadable == "keep" and (
        column.required or column.classification == "pan" or not column.sources
    ):
        yield f"{where}: unreadable keep needs a column of the file that may be empty"
    if column.identifier and column.identifier not in IDENTIFIER_KINDS:
        yield (
            f"{where}: identifier {column.identifier!r} is not "
            f"{_names(frozenset(IDENTIFIER_KINDS))}"
        )
    if not SQL_TYPE.fullmatch(column.sql_type):
        yield f"{where}: physicalType {column.sql_type!r} cannot be landed"
    names = {c.name for c in feed.columns}
    if column.last4_of is not None and column.last4_of not in names:
        yield f"{where}: last4_of names unknown column {column.last4_of!r}"
    if feed.layout.format == "fixed_width" and column.sources and not column.width:
        yield f"{where}: a fixed width column needs a width in bytes"


def _shared_file(feed: Feed) -> tuple[str, str]:
    """Return what is equal for feeds of one file.

    Daily files lie in a folder a channel, so only undated ones are shared across.
    """
    folder = feed.channel if feed.delivery.cadence == "daily" else ""
    return folder, feed.layout.path


def _shared_file_inconsistencies(feeds: list[Feed]) -> Iterator[str]:
    by_path: dict[tuple[str, str], list[Feed]] = {}
    for feed in feeds:
        by_path.setdefault(_shared_file(feed), []).append(feed)
    for (_, path), sharing in by_path.items():
        filters = [feed.layout.rows for feed in sharing if feed.layout.rows]
        if len(sharing) == 1 and not filters:
            continue
        if len(filters) < len(sharing):
            yield f"{path}: shared by several feeds, so each needs rows"
        if len({rows.column for rows in filters}) > 1:
            yield f"{path}: its feeds choose their rows by different columns"
        filters = [rows for rows in filters if not rows.every]
        if sum(rows.otherwise for rows in filters) != 1:
            yield f"{path}: exactly one of its feeds takes the rest (otherwise: true)"
        codes = [c for rows in filters for c in rows.codes]
        for code in sorted({c for c in codes if codes.count(c) > 1}):
            yield f"{path}: code {code!r} is taken by two feeds"
