"""The rules of a feed, read off its contract: no rule stands anywhere else.

A `Rule` says which Great Expectations expectation checks it, how bad a failure is, and,
in SQL, which rows break it, so that a message can count them and name the first. This
module needs no Great Expectations: linting a contract stays quick.

SQL texts hold `{object}` where the checked relation goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ingestion.contract import Column, Feed
from ingestion.errors import ContractError
from ingestion.identifiers import quoted, text_literal
from quality.entries import Measure, is_of_options, measure, option_faults

Severity = Literal["error", "warning"]
Stage = Literal["landed", "candidate"]
OBJECT = "{object}"
QUERY = "unexpected_rows_expectation"


@dataclass(frozen=True)
class Rule:
    """What must hold, and how a failure is told.

    `fault` ends the sentence "214 of 50,000 rows ...". `rows` is the SQL condition of
    the rows that break it; `number` the SQL number that it is about, where the rule is
    about a number instead of rows; `is_shown_as_text` where that is a text without
    personal values.
    """

    name: str
    severity: Severity
    kind: str
    sentence: str
    fault: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None
    rows: str | None = None
    number: str | None = None
    is_shown_as_text: bool = False


def rules_of(
    feed: Feed, stage: Stage, present: Collection[str] | None = None
) -> tuple[Rule, ...]:
    """Return every rule of a feed, each with a name of its own.

    A column that is not `present` is what the rule `columns_are_there` reports; the
    rules about that column alone are left out, since they could not be put to the data.

    Raises:
        ContractError: A quality entry says something that cannot be checked.
    """
    there = set(present) if present is not None else {c.name for c in feed.columns}
    columns = [column for column in feed.columns if column.name in there]
    key = key_columns(feed, stage)
    rules = [_columns_are_there(feed, stage)]
    if columns:
        rules.append(_types(columns))
    for column in columns:
        rules += _column_rules(column)
    if there.issuperset(key) or present is None:
        rules.append(_key_is_unique(key, stage))
    rules += [_measured(m) for m in _measures(feed, there)]
    _refuse_namesakes(feed, rules)
    return tuple(rules)


def key_columns(feed: Feed, stage: Stage) -> tuple[str, ...]:
    """Return what identifies a row: a key per day, where there are rows of many.

    A candidate may show several days also of a register. A daily landing is one day
    anyway; a file of events over many dates has its partitions' date.
    """
    is_history = feed.delivery.cadence == "history"
    if stage == "candidate" or (is_history and feed.delivery.content == "events"):
        return (*feed.primary_key, "business_date")
    return feed.primary_key


def row_count_is(rows: int) -> Rule:
    """Return the rule that a relation has exactly that many rows."""
    return Rule(
        name="rows_are_those_of_the_landing",
        severity="error",
        kind="expect_table_row_count_to_equal",
        sentence=f"The lake holds the {rows:,} rows that the landing counted.",
        fault=f"expected {rows:,} rows as the landing counted",
        arguments={"value": rows},
        number=f"select count(*) from {OBJECT}",
    )


def has_rows() -> Rule:
    """Return the rule that a relation is not empty."""
    return Rule(
        name="has_rows",
        severity="error",
        kind="expect_table_row_count_to_be_between",
        sentence="There is at least one row.",
        fault="expected at least one row",
        arguments={"min_value": 1},
        number=f"select count(*) from {OBJECT}",
    )


def no_rows_where(
    name: str,
    condition: str,
    sentence: str,
    fault: str,
    severity: Severity = "error",
) -> Rule:
    """Return the rule that no row meets a condition."""
    return Rule(
        name=name,
        severity=severity,
        kind=QUERY,
        sentence=sentence,
        fault=fault,
        arguments=_query(f"select 1 as broken from {OBJECT} where {condition}"),
        rows=condition,
    )


def _columns_are_there(feed: Feed, stage: Stage) -> Rule:
    # A model carries the columns that it reads; dbt's own contract holds those.
    names = [c.name for c in feed.columns]
    due = names if stage == "landed" else list(key_columns(feed, stage))
    return Rule(
        name="columns_are_there",
        severity="error",
        kind="expect_table_columns_to_match_set",
        sentence=f"The columns are there: {', '.join(due)}.",
        fault="columns of the contract are missing",
        arguments={"column_set": due, "exact_match": False},
    )


def _types(columns: list[Column]) -> Rule:
    due = ", ".join(
        f"({text_literal(c.name)}, typeof(cast(null as {c.sql_type})))" for c in columns
    )
    differing = (
        "select column_name, due_type, column_type "
        f"from (describe select * from {OBJECT}) as found "
        f"inner join (values {due}) as due (due_name, due_type) "
        "on due_name = column_name where column_type <> due_type"
    )
    names = (
        "select string_agg(column_name || ' is ' || column_type || ', not ' || "
        f"due_type, '; ' order by column_name) from ({differing})"
    )
    return Rule(
        name="columns_have_their_types",
        severity="error",
        kind=QUERY,
        sentence="Each column has the type that the contract gives it.",
        fault="expected the contract's types",
        arguments=_query(differing),
        number=names,
        is_shown_as_text=True,
    )


def _column_rules(column: Column) -> Iterator[Rule]:
    name = quoted(column.name)
    if column.required:
        yield Rule(
            name=f"{column.name}_has_a_value",
            severity="error",
            kind="expect_column_values_to_not_be_null",
            sentence=f"{column.name} has a value in every row.",
            fault="have no value",
            arguments={"column": column.name},
            column=column.name,
            rows=f"{name} is null",
        )
    if column.codes and column.logical_type in {"string", "integer"}:
        yield _code_is_known(column)
    if not any(is_of_options(entry) for entry in column.quality):
        yield from _option_rules(column)


def _code_is_known(column: Column) -> Rule:
    values: list[Any] = sorted(set(column.codes.values()))
    literals = ", ".join(text_literal(v) for v in values)
    if column.logical_type == "integer":
        values = [int(value) for value in values]
    return Rule(
        name=f"{column.name}_is_a_known_code",
        severity="error",
        kind="expect_column_values_to_be_in_set",
        sentence=f"{column.name} is one of {', '.join(map(str, values))}.",
        fault=f"have none of the {len(values)} codes of the contract",
        arguments={"column": column.name, "value_set": values},
        column=column.name,
        rows=f"{quoted(column.name)} not in ({literals})",
    )


def _option_rules(column: Column) -> Iterator[Rule]:
    """Yield the rules of `logicalTypeOptions`, which warn.

    A quality entry `invalidValues` without arguments speaks of the same options with a
    severity and a bound of its own, and takes their place.
    """
    for option in option_faults(column):
        arguments: dict[str, Any] = {"column": column.name}
        if option.is_range:
            kind = "expect_column_values_to_be_between"
            arguments |= {"min_value": column.minimum, "max_value": column.maximum}
        else:
            kind = QUERY
            arguments = _query(f"select 1 as broken from {OBJECT} where {option.rows}")
        ending = "is_in_range" if option.is_range else "has_its_form"
        yield Rule(
            name=f"{column.name}_{ending}",
            severity="warning",
            kind=kind,
            sentence=f"{column.name} {option.sentence}.",
            fault=option.fault,
            arguments=arguments,
            column=column.name,
            rows=option.rows,
        )


def _key_is_unique(key: tuple[str, ...], stage: Stage) -> Rule:
    names = ", ".join(quoted(name) for name in key)
    doubled = f"select {names} from {OBJECT} group by {names} having count(*) > 1"
    one = len(key) == 1
    # Grouping is twice as quick as the window of the compound expectation, in half
    # the memory.
    return Rule(
        name="key_is_unique",
        # Staging removes rows that were sent twice, so they only warn before it.
        severity="warning" if stage == "landed" else "error",
        kind="expect_column_values_to_be_unique" if one else QUERY,
        sentence=f"No two rows have the same {' and '.join(key)}.",
        fault="share their key with another row",
        arguments={"column": key[0]} if one else _query(doubled),
        column=key[0] if one else None,
        rows=f"({names}) in ({doubled})",
    )


def _measures(feed: Feed, there: Collection[str]) -> Iterator[Measure]:
    for number, entry in enumerate(feed.quality, start=1):
        yield measure(feed, None, entry, number)
    for column in feed.columns:
        for number, entry in enumerate(column.quality, start=1):
            measured = measure(feed, column, entry, number)
            if column.name in there:
                yield measured


def _measured(measured: Measure) -> Rule:
    breach = (
        f"select found from (select ({measured.number}) as found) as measured "
        f"where ({measured.condition}) is not true"
    )
    return Rule(
        name=measured.name,
        severity=measured.severity,
        kind=QUERY,
        sentence=measured.sentence,
        fault=f"expected {measured.expected}",
        arguments=_query(breach),
        column=measured.column,
        rows=measured.rows,
        number=measured.number,
    )


def _query(sql: str) -> dict[str, Any]:
    return {"unexpected_rows_query": expectation_query(sql)}


def expectation_query(sql: str) -> str:
    """Return SQL as Great Expectations wants it: escaped, with its own placeholder.

    It reads braces as placeholders, and SQLAlchemy reads `:word` as a parameter. The
    relation is wrapped once more, so that a query may or may not give it an alias.
    """
    parts = sql.split(OBJECT)
    escaped = [re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", p) for p in parts]
    braced = [p.replace("{", "{{").replace("}", "}}") for p in escaped]
    return "(select * from {batch})".join(braced)


def _refuse_namesakes(feed: Feed, rules: list[Rule]) -> None:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ContractError(
            f"{feed.contract_path.name} {feed.id}",
            f"several rules are named {', '.join(map(repr, twice))}",
            expected="a name of its own for each quality entry",
            remedy="Rename them in that file.",
        )
