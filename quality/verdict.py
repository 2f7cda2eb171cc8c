"""What became of the rules that were put to a relation, and what follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from quality.database import Database
from quality.errors import GateError
from quality.rules import OBJECT, QUERY, Rule
from quality.suites import suite_of

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

Verdict = Literal["pass", "warn", "stop"]
VERDICTS: tuple[Verdict, ...] = ("stop", "warn", "pass")
MESSAGES_SHOWN = 3
# What a kept result may say: counts, and names of columns. Never a value.
_KEPT = frozenset(
    {
        "element_count",
        "missing_count",
        "missing_percent",
        "unexpected_count",
        "unexpected_percent",
        "unexpected_percent_total",
        "unexpected_percent_nonmissing",
        "observed_value",
        "details",
    }
)


@dataclass(frozen=True)
class Place:
    """How a relation names one of its rows: a SQL text, and the order of the rows."""

    text: str
    order: str


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold, and the rest of the sentence that says so."""

    rule: Rule
    said: str


@dataclass(frozen=True)
class Judged:
    """All that is known of a relation after its rules were put to it."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    rows: int
    rules: int
    result: ExpectationSuiteValidationResult

    def message(self, where: str) -> str:
        """Return one line about what failed, errors first; empty where nothing did."""
        said = [finding.said for finding in self.findings]
        if not self.rules:
            said = ["no rule was put to the data; expected at least one"]
        if not said:
            return ""
        more = len(said) - MESSAGES_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        return " ".join(f"{where}: {'; '.join(said[:MESSAGES_SHOWN])}{rest}".split())


def judge(
    database: Database,
    relation: str,
    name: str,
    rules: tuple[Rule, ...],
    place: Place | None,
) -> Judged:
    """Put rules to a relation and return the verdict that their severities make.

    Raises:
        GateError: A rule could not be put to the data.
    """
    result = database.validate(relation, suite_of(name, rules))
    failed = _failed(name, rules, list(result.results))
    rows = int(database.rows(f"select count(*) from {relation}")[0][0])
    telling = _Telling(database, relation, place, rows)
    return Judged(
        _verdict(rules, failed),
        tuple(Finding(rule, telling.said(rule)) for rule in failed),
        rows,
        len(rules),
        result,
    )


def _failed(name: str, rules: tuple[Rule, ...], outcomes: list[Any]) -> list[Rule]:
    """Return the rules that do not hold, errors first; outcomes keep no value."""
    by_name = {rule.name: rule for rule in rules}
    failed: list[Rule] = []
    for outcome in outcomes:
        rule = by_name.pop(outcome.expectation_config.meta["rule"])
        _hold_answered(name, rule, outcome.exception_info)
        if not outcome.success:
            failed.append(rule)
        outcome.result = _without_values(rule, outcome)
    if by_name:
        raise GateError(name, f"rules were not answered: {', '.join(sorted(by_name))}")
    return sorted(failed, key=lambda rule: rule.severity)


def _without_values(rule: Rule, outcome: Any) -> dict[str, Any]:
    """Return what may be kept of an answer, in words that its page can show."""
    kept = {k: v for k, v in outcome.result.items() if k in _KEPT}
    observed = kept.pop("observed_value", None)
    if rule.kind == QUERY and rule.number is not None:
        kept["observed_value"] = "as expected" if outcome.success else "see above"
    elif rule.kind == QUERY:
        kept["observed_value"] = f"{observed or 0:,} unexpected"
    elif isinstance(observed, int | float):
        kept["observed_value"] = observed
    return kept


def _verdict(rules: tuple[Rule, ...], failed: list[Rule]) -> Verdict:
    # A check that saw nothing has shown nothing.
    if not rules or any(rule.severity == "error" for rule in failed):
        return "stop"
    return "warn" if failed else "pass"


def _hold_answered(name: str, rule: Rule, exceptions: dict[str, Any]) -> None:
    """Let an exception inside Great Expectations not pass for a failure of the data.

    Raises:
        GateError: There was one.
    """
    infos = [exceptions, *exceptions.values()]
    raised = [i for i in infos if isinstance(i, dict) and i.get("raised_exception")]
    if not raised:
        return
    said = str(raised[0].get("exception_message") or "no reason").splitlines()[0]
    raise GateError(
        name,
        f"the rule {rule.name!r} could not be put to the data",
        # An engine quotes the value that it stumbled on, which may be personal.
        found=re.sub(r"'[^']*'", "'...'", said),
        remedy="It says nothing about the data. Try: passbook contract lint",
    )


@dataclass(frozen=True)
class _Telling:
    """Says of a failed rule how many rows break it and where the first one stands."""

    database: Database
    relation: str
    place: Place | None
    total: int

    def said(self, rule: Rule) -> str:
        about = f"column {rule.column!r}: " if rule.column else ""
        if rule.number is not None:
            first = self._first(rule) if rule.rows else ""
            return f"{about}{rule.fault}, found {self._number(rule)}{first}"
        if rule.rows is None:
            return f"{about}{rule.fault}{self._missing_columns(rule)}"
        count = self._rows(f"select count(*) from {OBJECT} where {rule.rows}")[0][0]
        counted = f"{count:,} of {self.total:,} rows {rule.fault}"
        return f"{about}{counted}{self._first(rule)}"

    def _first(self, rule: Rule) -> str:
        if self.place is None:
            return ""
        found = self._rows(
            f"select {self.place.text} from {OBJECT} where {rule.rows} "
            f"order by {self.place.order} limit 1"
        )
        return f" (first: {found[0][0]})" if found else ""

    def _number(self, rule: Rule) -> str:
        value = self._rows(f"select ({rule.number})")[0][0]
        if value is None:
            return "nothing"
        if isinstance(value, int | float | Decimal):
            return f"{value:,}"
        return str(value) if rule.is_shown_as_text else "a text"

    def _missing_columns(self, rule: Rule) -> str:
        there = set(self.database.columns(self.relation))
        due = rule.arguments.get("column_set", [])
        return ": " + ", ".join(repr(name) for name in due if name not in there)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.rows(sql.replace(OBJECT, self.relation))
