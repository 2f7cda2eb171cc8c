"""Turns a feed's columns from text into their contract types, in SQL.

One expression a column gives the typed value, and one condition says why it is not
fit. A value is never rounded, cut or guessed to make it fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingestion.contract import Column, Feed
from ingestion.identifiers import quoted, text_literal

BAD_CARD = "__bad_card__"
LAST4 = "__last4__"


@dataclass(frozen=True)
class CastColumn:
    """SQL of one column: its text, its value, and (reason, expected) when unfit."""

    column: Column
    text: str
    value: str
    faults: tuple[tuple[str, str, str], ...]


def cast_column(column: Column, available: frozenset[str], timezone: str) -> CastColumn:
    """Return the SQL that reads one column from the physical columns available."""
    text = _text(column, available)
    value = _value(column, text, timezone)
    return CastColumn(column, text, value, tuple(_faults(column, text, value)))


def _text(column: Column, available: frozenset[str]) -> str:
    if column.constant is not None:
        return text_literal(str(column.constant))
    if column.last4_of is not None:
        return quoted(LAST4 + column.last4_of)
    present = [s for s in column.sources if s in available]
    if len(present) != len(column.sources):
        return "cast(null as varchar)"
    trimmed = [_present(quoted(s), column.null_values) for s in present]
    text = trimmed[0]
    if len(trimmed) > 1:
        text = f"nullif(concat_ws(' ', {', '.join(trimmed)}), '')"
    if column.zero_pad is None:
        return text
    pad = column.zero_pad
    return (
        f"case when regexp_full_match({text}, '[0-9]{{1,{pad.digits}}}') then "
        f"{text_literal(pad.prefix)} || lpad({text}, {pad.digits}, '0') else {text} end"
    )


def _present(name: str, null_values: tuple[str, ...]) -> str:
    """Return a value without outer spaces, null where it is empty or means nothing."""
    text = f"nullif(trim({name}), '')"
    for nothing in null_values:
        text = f"nullif({text}, {text_literal(nothing)})"
    return text


def _value(column: Column, text: str, timezone: str) -> str:
    if column.codes:
        text = _coded(column, text)
    kind = column.logical_type
    if kind == "string":
        return text
    if kind in {"date", "timestamp"}:
        return _moment(column, text, timezone)
    if kind == "boolean":
        return f"try_cast({text} as boolean)"
    return _number(column, text)


def _coded(column: Column, text: str) -> str:
    """Return the code map; key `` stands for an empty value, `*` for any other."""
    arms = [
        f"when {text} = {text_literal(code)} then {text_literal(name)}"
        for code, name in column.codes.items()
        if code not in {"", "*"}
    ]
    if "" in column.codes:
        arms.append(f"when {text} is null then {text_literal(column.codes[''])}")
    if "*" in column.codes:
        arms.append(f"when {text} is not null then {text_literal(column.codes['*'])}")
    return f"case {' '.join(arms)} end"


def _moment(column: Column, text: str, timezone: str) -> str:
    """Return a date by the bank's wall clock, or a timestamp in UTC."""
    zone = text_literal(timezone)
    shift = f" + to_years({column.shift_years})" if column.shift_years else ""
    instants, clocks = _readings(column, text)
    if column.logical_type == "date":
        local = [f"timezone({zone}, {instant})" for instant in instants] + clocks
        return f"cast(coalesce({', '.join(local)}){shift} as date)"
    utc = [f"timezone('UTC', {instant}){shift}" for instant in instants]
    utc += [f"timezone('UTC', timezone({zone}, {clock}{shift}))" for clock in clocks]
    return f"coalesce({', '.join(utc)})"


def _readings(column: Column, text: str) -> tuple[list[str], list[str]]:
    """Return what a text may mean: instants, which state an offset, and wall clocks."""
    if column.date_formats:
        return (
            [_parsed(text, f) for f in column.date_formats if "%z" in f],
            [_parsed(text, f) for f in column.date_formats if "%z" not in f],
        )
    # DuckDB's own cast also reads `infinity`, `epoch`, years of six digits and BC.
    # What is finer than a microsecond would be cut.
    is_fine = text_literal("[.]" + "[0-9]" * 6 + "[0-9]*[1-9]")
    is_moment = (
        f"substr({text}, 5, 1) in ('-', '/') and not contains({text}, '(') "
        f"and not regexp_matches({text}, {is_fine})"
    )
    has_offset = (
        f"(ends_with({text}, 'Z') or ends_with({text}, 'UTC') or "
        f"contains(substr({text}, 11), '+') or contains(substr({text}, 11), '-'))"
    )
    moment = f"case when {is_moment} and {{}} then try_cast({text} as {{}}) end"
    return (
        [moment.format(has_offset, "timestamptz")],
        [moment.format(f"not {has_offset}", "timestamp")],
    )


def _parsed(text: str, layout: str) -> str:
    # By any format DuckDB also reads these words, as moments that nobody wrote.
    words = text_literal("(?i)[+-]?(epoch|inf|infinity)")
    return (
        f"case when not regexp_full_match({text}, {words}) "
        f"then try_strptime({text}, {text_literal(layout)}) end"
    )


def _plain_number(column: Column, text: str) -> str:
    """Return a number as SQL reads it: minus in front, a point, no thousands."""
    if column.negative == "trailing":
        text = (
            f"case when ends_with({text}, '-') then '-' || {text}[:-2] else {text} end"
        )
    if column.negative == "parentheses":
        text = (
            f"case when starts_with({text}, '(') and ends_with({text}, ')') "
            f"then '-' || {text}[2:-2] else {text} end"
        )
    if column.thousands_mark:
        text = f"replace({text}, {text_literal(column.thousands_mark)}, '')"
    if column.decimal_mark != ".":
        text = f"replace({text}, {text_literal(column.decimal_mark)}, '.')"
    return text


def _number(column: Column, text: str) -> str:
    if column.date_formats:
        clocks = ", ".join(_parsed(text, layout) for layout in column.date_formats)
        return f"cast(date_part('epoch', cast(coalesce({clocks}) as time)) as bigint)"
    return f"try_cast({_plain_number(column, text)} as {column.sql_type})"


def _faults(column: Column, text: str, value: str) -> list[tuple[str, str, str]]:
    """Return (condition, reason, expected); the first that holds is the reason."""
    faults: list[tuple[str, str, str]] = []
    if column.required:
        missing = f"{value} is null" if "" in column.codes else f"{text} is null"
        if column.classification == "pan":
            missing = f"{missing} and not {quoted(BAD_CARD + column.name)}"
        faults.append((missing, "missing_value", "a value"))
    if column.classification == "pan":
        faults.append((quoted(BAD_CARD + column.name), "invalid_card_number", "a PAN"))
    elif column.codes:
        expected = ", ".join(k for k in column.codes if k)
        faults.append(
            (f"{text} is not null and {value} is null", "unknown_code", expected)
        )
    elif column.logical_type in {"integer", "number"}:
        faults.append(_number_fault(column, text, value))
    elif column.logical_type != "string":
        expected = " or ".join(column.date_formats) or column.logical_type
        faults.append(
            (
                f"{text} is not null and {value} is null",
                f"not_a_{column.logical_type}",
                expected,
            )
        )
    return faults


def _number_fault(column: Column, text: str, value: str) -> tuple[str, str, str]:
    """Return the fault of a number that would be rounded, or is none at all."""
    if column.date_formats:
        unread = f"{text} is not null and {value} is null"
        return unread, "not_a_duration", " or ".join(column.date_formats)
    shape = text_literal(_shape(column))
    return (
        f"{text} is not null and "
        f"({value} is null or not regexp_full_match({text}, {shape}))",
        f"not_a_{column.logical_type}",
        column.sql_type,
    )


def _shape(column: Column) -> str:
    """Return the pattern of a number as the column's sender writes it."""
    size = _whole(column) + _fraction(column)
    if column.negative == "trailing":
        return rf"[+-]?{size}|{size}-"
    if column.negative == "parentheses":
        return rf"[+-]?{size}|\({size}\)"
    return rf"[+-]?{size}"


def _whole(column: Column) -> str:
    """Return the pattern of digits before the mark; marks may part the thousands."""
    if not column.thousands_mark:
        return "[0-9]+"
    mark = re.escape(column.thousands_mark)
    return rf"([0-9]{{1,3}}({mark}[0-9]{{3}})+|[0-9]+)"


def _fraction(column: Column) -> str:
    mark = re.escape(column.decimal_mark)
    if column.sql_type in {"double", "float", "real"}:
        return rf"({mark}[0-9]*)?([eE][+-]?[0-9]+)?"
    scale = _scale(column.sql_type)
    digits = f"[0-9]{{0,{scale}}}0*" if scale else "0*"
    return f"({mark}{digits})?"


def _scale(sql_type: str) -> int:
    _, _, scale = sql_type.partition(",")
    return int(scale.strip(" )")) if scale else 0


def typed_select(column: CastColumn) -> str:
    """Return SQL over table `text_rows`: a column's `value`, and whether `unfit`."""
    faults = " or ".join(f"({fault})" for fault, _, _ in column.faults) or "false"
    return (
        f"select cast({column.value} as {column.column.sql_type}) as value, "
        f"coalesce({faults}, false) as unfit from text_rows"
    )


def kept_select(feed: Feed) -> str:
    """Return SQL over table `text_rows`: whether each row is the feed's, as `keep`."""
    return f"select {_row_filter(feed)} as keep from text_rows"


def faults_of(columns: list[CastColumn]) -> list[tuple[str, str, str]]:
    """Return (column, reason, expected) of every fault, in the order of `fault`."""
    return [
        (c.column.name, reason, expected)
        for c in columns
        for _, reason, expected in c.faults
    ]


def faults_select(columns: list[CastColumn]) -> str:
    """Return SQL over `text_rows`: each row's first `fault`, how many, and `found`.

    `fault` is a place in `faults_of`. Of a personal value no more than its last two
    characters is shown.
    """
    faults = [
        (c, f"coalesce({fault}, false)") for c in columns for fault, _, _ in c.faults
    ]
    if not faults:
        return "select null as fault, 0 as fault_count, null as found from text_rows"
    first = " ".join(f"when {fault} then {n}" for n, (_, fault) in enumerate(faults))
    count = " + ".join(f"cast({fault} as integer)" for _, fault in faults)
    found = " ".join(f"when {fault} then {_shown(c)}" for c, fault in faults)
    return (
        f"select case {first} end as fault, {count} as fault_count, "
        f"case {found} end as found from text_rows"
    )


def _shown(column: CastColumn) -> str:
    if column.column.classification == "pan":
        return "cast(null as varchar)"
    if not column.column.is_personal:
        return column.text
    text = column.text
    return f"repeat('*', greatest(length({text}) - 2, 0)) || right({text}, 2)"


def _row_filter(feed: Feed) -> str:
    rows = feed.layout.rows
    if rows is None or rows.every:
        return "true"
    if not rows.codes:
        return "true" if rows.otherwise else "false"
    codes = ", ".join(text_literal(code) for code in rows.codes)
    value = f"coalesce(trim({quoted(rows.column)}), '')"
    return f"{value} not in ({codes})" if rows.otherwise else f"{value} in ({codes})"
