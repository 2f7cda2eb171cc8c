"""Infers what a column of texts is: its type, how it is written, and how sensitive.

A type is believed when landing itself could cast every value to it: the same SQL that
will read the column is asked, not a second set of rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract import Column
from ingestion.tokens import is_card_number, masked_text
from ingestion.typed_columns import present_text, typed_column

_FEW_CODES = 12
_OFTEN = 20
_LONG_TEXT = 40
_MOST = 0.95
_DATES = ("%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%y%m%d")
_MOMENTS = (
    "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%z",
)
_NAMES = {
    "direct_identifier": re.compile(
        r"phone|mobile|tel(_|$)|mail|address|name$|^name|national|passport|ssn|social"
        r"|姓名|电话|手机|号码|地址|邮箱|身份证",
        re.IGNORECASE,
    ),
    "free_text": re.compile(
        r"note|memo|remark|comment|body|subject|备注|摘要", re.IGNORECASE
    ),
}
_NUMBER_LIKE = "^[0-9.,'() \u00a0+-]+$"
_IDENTIFIER = re.compile(
    r"(^|_)(id|no|nr|num|number|code|key)$|号$|编号", re.IGNORECASE
)


@dataclass(frozen=True)
class Inferred:
    """A column's type and how it is written, as a contract says them."""

    logical_type: str = "string"
    sql_type: str | None = None
    customs: dict[str, Any] = field(default_factory=dict)
    classification: str = "public"
    has_every_value: bool = False
    is_distinct: bool = False


def infer(name: str, texts: pa.Array) -> Inferred:
    """Return what a column of a file seems to be, from all of its texts given."""
    present = present_text(texts, ()).drop_null()
    distinct = present.unique()
    has_every = len(present) == len(texts) > 0
    is_distinct = has_every and len(distinct) == len(texts)
    values = distinct.to_pylist()
    if not values:
        return Inferred()
    if sum(map(is_card_number, values)) >= _MOST * len(values):
        return Inferred(
            classification="pan", has_every_value=has_every, is_distinct=is_distinct
        )
    kind, sql_type, customs = typed(name, distinct)
    if kind == "string" and _are_codes(values, len(present)):
        customs = {"codes": {value: code_name(value) for value in sorted(values)}}
    classification = _classification(name, values, kind, "codes" in customs)
    return Inferred(kind, sql_type, customs, classification, has_every, is_distinct)


def typed(name: str, distinct: pa.Array) -> tuple[str, str | None, dict[str, Any]]:
    """Return the narrowest type, and spelling, to which all values can be cast."""
    for kind, sql_type, customs in _candidates(name, distinct):
        if _fits(distinct, kind, sql_type, customs):
            return kind, sql_type, customs
    return "string", None, {}


def _candidates(
    name: str, distinct: pa.Array
) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    is_padded = pc.any(pc.match_substring_regex(distinct, "^0[0-9]")).as_py()
    longest = pc.max(pc.binary_length(distinct)).as_py()
    has_digit = pc.all(pc.match_substring_regex(distinct, "[0-9]")).as_py()
    if not has_digit:
        return
    for layout in (*_MOMENTS, *_DATES):
        is_date = layout in _DATES
        yield "date" if is_date else "timestamp", None, {"date_formats": [layout]}
    if pc.all(pc.match_substring_regex(distinct, "^[0-9]{4}[-/][0-9]")).as_py():
        yield "date", None, {"__iso__": 10}
        yield "timestamp", None, {}
    is_number = pc.all(pc.match_substring_regex(distinct, _NUMBER_LIKE)).as_py()
    if not is_number or is_padded or longest > 24 or _IDENTIFIER.search(name):
        return
    yield "integer", None, {}
    for scale in (2, 4, 8):
        for written in (
            {},
            {"thousands_mark": ","},
            {"decimal_mark": ","},
            {"decimal_mark": ",", "thousands_mark": " "},
            {"thousands_mark": "'"},
        ):
            for negative in ({}, {"negative": "trailing"}, {"negative": "parentheses"}):
                yield "number", f"decimal(18,{scale})", {**written, **negative}


def _fits(
    distinct: pa.Array, kind: str, sql_type: str | None, customs: dict[str, Any]
) -> bool:
    iso = customs.pop("__iso__", None)
    if iso and pc.any(pc.not_equal(pc.binary_length(distinct), iso)).as_py():
        return False
    formats = tuple(customs.get("date_formats", ()))
    if formats and not _have_its_places(distinct, formats[0]):
        return False
    defaults = {"date": "date", "timestamp": "timestamp", "integer": "bigint"}
    column = Column(
        name="value",
        physical_name="value",
        logical_type=kind,
        sql_type=sql_type or defaults[kind],
        description="",
        classification="public",
        codes={},
        date_formats=formats,
        decimal_mark=customs.get("decimal_mark", "."),
        thousands_mark=customs.get(
            "thousands_mark", "." if customs.get("decimal_mark") == "," else ""
        ),
        negative=customs.get("negative", "leading"),
    )
    return typed_column(column, pa.table({"value": distinct}), "UTC").unfit is None


def _have_its_places(distinct: pa.Array, layout: str) -> bool:
    """Whether all values have the digits where a format has them.

    A lenient parser would read 20 as a year.
    """
    widths = {"Y": 4, "z": 0}
    pattern = "".join(
        ("(Z|[+-][0-9:]+)" if p[1] == "z" else f"[0-9]{{{widths.get(p[1], 2)}}}")
        if p[0] == "%"
        else re.escape(p)
        for p in re.findall(r"%.|[^%]", layout)
    )
    return bool(pc.all(pc.match_substring_regex(distinct, f"^{pattern}$")).as_py())


def _are_codes(values: list[str], rows: int) -> bool:
    return (
        len(values) <= _FEW_CODES
        and rows >= len(values) * _OFTEN
        and max(map(len, values)) <= _FEW_CODES
    )


def code_name(code: str) -> str:
    """Return a name to begin with for a code that nobody has explained yet."""
    word = re.sub(r"\W+", "_", code.strip().lower()).strip("_")
    return f"code_{word}" if not word or word[0].isdigit() else word


def _classification(name: str, values: list[str], kind: str, has_codes: bool) -> str:
    if has_codes or kind in {"timestamp", "number"}:
        return "public"
    if sum("@" in v for v in values) >= _MOST * len(values):
        return "direct_identifier"
    for classification, pattern in _NAMES.items():
        if pattern.search(name):
            return classification
    if any(len(v) > _LONG_TEXT or masked_text(v) != v for v in values):
        return "free_text"
    is_open = kind == "string" and len(values) > _FEW_CODES
    return "quasi_identifier" if is_open else "public"
