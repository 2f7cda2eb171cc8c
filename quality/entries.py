"""The `quality` entries of a contract, each read as one number with a bound.

Supported are type `library` (metrics rowCount, nullValues, missingValues,
invalidValues, duplicateValues) and type `sql`. Anything else is refused: a rule that
nobody checks is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from open_data_contract_standard.model import DataQuality

from ingestion.contract import Column, Feed
from ingestion.errors import ContractError
from ingestion.identifiers import quoted, text_literal

_COUNT = "select count(*) from {object}"
_SAID = frozenset(
    {
        "id",
        "name",
        "description",
        "dimension",
        "businessImpact",
        "tags",
        "authoritativeDefinitions",
        "severity",
        "type",
    }
)
_BOUNDS = {
    "mustBe": ("=", "{}"),
    "mustNotBe": ("<>", "not {}"),
    "mustBeGreaterThan": (">", "more than {}"),
    "mustBeGreaterOrEqualTo": (">=", "at least {}"),
    "mustBeLessThan": ("<", "less than {}"),
    "mustBeLessOrEqualTo": ("<=", "at most {}"),
}
_RANGES = {
    "mustBeBetween": ("between", "between {} and {}"),
    "mustNotBeBetween": ("not between", "not between {} and {}"),
}
_ARGUMENTS = {
    "rowCount": frozenset[str](),
    "nullValues": frozenset[str](),
    "missingValues": frozenset({"missingValues"}),
    "invalidValues": frozenset({"validValues", "pattern"}),
    "duplicateValues": frozenset({"properties"}),
}


@dataclass(frozen=True)
class Measure:
    """A number of a relation, and the SQL condition on `found` that it must meet."""

    name: str
    severity: Literal["error", "warning"]
    column: str | None
    number: str
    condition: str
    sentence: str
    expected: str
    rows: str | None


@dataclass(frozen=True)
class OptionFault:
    """The rows that are outside a column's `logicalTypeOptions`."""

    is_range: bool
    rows: str
    sentence: str
    fault: str


def option_faults(column: Column) -> Iterator[OptionFault]:
    """Yield what `minimum`, `maximum` and `pattern` of a column forbid."""
    name = quoted(column.name)
    low, high = column.minimum, column.maximum
    if low is not None or high is not None:
        sides = [f"{name} < {low}"] if low is not None else []
        sides += [f"{name} > {high}"] if high is not None else []
        span = _span(low, high)
        rows = f"({' or '.join(sides)})"
        yield OptionFault(True, rows, f"is {span}", f"are not {span}")
    if column.pattern is not None:
        text = f"cast({name} as varchar)"
        rows = f"not regexp_full_match({text}, {text_literal(column.pattern)})"
        form = f"the form {column.pattern}"
        yield OptionFault(False, rows, f"has {form}", f"do not have {form}")


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {_shown(high)}"
    if high is None:
        return f"at least {_shown(low)}"
    return f"between {_shown(low)} and {_shown(high)}"


def _shown(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def is_of_options(entry: DataQuality) -> bool:
    """Return whether an entry is about the column's own `logicalTypeOptions`."""
    return entry.metric == "invalidValues" and not entry.arguments


def measure(
    feed: Feed, column: Column | None, entry: DataQuality, number: int
) -> Measure:
    """Read one quality entry, the n-th of its feed or column.

    Raises:
        ContractError: It says something that cannot be checked, or nothing.
    """
    return _Reading(feed, column, entry, number).measure()


@dataclass(frozen=True)
class _Reading:
    """One entry while it is read; every refusal names file, feed and entry."""

    feed: Feed
    column: Column | None
    entry: DataQuality
    number: int

    def measure(self) -> Measure:
        kind = self.entry.type or "library"
        if kind == "library":
            sql, rows, about = self._library()
        elif kind == "sql":
            sql, rows, about = self._sql(), None, "the answer of its query"
        else:
            raise self._refusal(f"type {kind!r} is not supported", "library or sql")
        condition, expected = self._bound()
        return Measure(
            name=self._name(),
            severity=self._severity(),
            column=self.column.name if self.column else None,
            number=sql,
            condition=condition,
            sentence=self.entry.description
            or f"{about[0].upper()}{about[1:]} is {expected}.",
            expected=f"{about} to be {expected}",
            rows=rows,
        )

    def _name(self) -> str:
        said = self.entry.name or self.entry.id
        if said:
            return said
        about = f"{self.column.name}_" if self.column else ""
        return f"{about}{self.entry.metric or self.entry.type}_{self.number}"

    def _severity(self) -> Literal["error", "warning"]:
        if self.entry.severity in {None, "error"}:
            return "error"
        if self.entry.severity == "warning":
            return "warning"
        raise self._refusal(
            f"severity {self.entry.severity!r} is not supported", "error or warning"
        )

    def _library(self) -> tuple[str, str | None, str]:
        """Return the SQL number, the rows that it counts and what it is called."""
        metric = self.entry.metric
        if metric is None or metric not in _ARGUMENTS:
            raise self._refusal(
                f"metric {metric!r} is not supported", " or ".join(_ARGUMENTS)
            )
        self._refuse_others({"metric", "arguments", "unit"})
        unknown = set(self.entry.arguments or {}) - _ARGUMENTS[metric]
        if unknown:
            raise self._refusal(
                f"{metric} has no argument {', '.join(sorted(unknown))}",
                ", ".join(sorted(_ARGUMENTS[metric])) or "none",
            )
        if metric == "rowCount":
            return self._row_count()
        if metric == "duplicateValues":
            return self._duplicates()
        readers: dict[str, Callable[[Column], tuple[str, str]]] = {
            "nullValues": self._nulls,
            "missingValues": self._missing,
            "invalidValues": self._invalid,
        }
        rows, noun = readers[metric](self._own_column(metric))
        return self._in_unit(f"{_COUNT} where {rows}"), rows, self._called(noun)

    def _row_count(self) -> tuple[str, str | None, str]:
        if self.column is not None:
            raise self._refusal("rowCount is about a feed", "it under the schema")
        if self._is_percent():
            raise self._refusal("rowCount has no percentage", "unit: rows")
        return _COUNT, None, "the number of rows"

    def _duplicates(self) -> tuple[str, str | None, str]:
        names = list((self.entry.arguments or {}).get("properties") or [])
        if not names and self.column is not None:
            names = [self.column.name]
        known = {column.name for column in self.feed.columns}
        if not names or not known.issuperset(names):
            raise self._refusal(
                "duplicateValues does not say of which columns",
                "arguments.properties with columns of the feed",
                ", ".join(map(str, names)) or "none",
            )
        listed = ", ".join(quoted(name) for name in names)
        full = " and ".join(f"{quoted(name)} is not null" for name in names)
        kept = f"from {{object}} where {full}"
        number = (
            f"select (select count(*) {kept}) - "
            f"(select count(*) from (select distinct {listed} {kept}))"
        )
        rows = (
            f"({listed}) in (select {listed} {kept} group by {listed} "
            "having count(*) > 1)"
        )
        noun = f"rows that repeat {' and '.join(names)}"
        return self._in_unit(number), rows, self._called(noun)

    def _nulls(self, column: Column) -> tuple[str, str]:
        return f"{quoted(column.name)} is null", f"rows without {column.name}"

    def _missing(self, column: Column) -> tuple[str, str]:
        values = (self.entry.arguments or {}).get("missingValues", [None, ""])
        if not isinstance(values, list) or not values:
            raise self._refusal("missingValues is not a list", "a list of values")
        texts = [text_literal(str(v)) for v in values if v is not None]
        name = quoted(column.name)
        either = [f"{name} is null"] if None in values else []
        if texts:
            either.append(f"cast({name} as varchar) in ({', '.join(texts)})")
        return f"({' or '.join(either)})", f"rows with {column.name} missing"

    def _invalid(self, column: Column) -> tuple[str, str]:
        noun = f"rows with an invalid {column.name}"
        arguments = self.entry.arguments or {}
        name = quoted(column.name)
        faults = [] if arguments else [f.rows for f in option_faults(column)]
        valid = arguments.get("validValues")
        if valid is not None:
            if not isinstance(valid, list) or not valid:
                raise self._refusal("validValues is not a list", "a list of values")
            listed = ", ".join(_literal_of(column, value) for value in valid)
            faults.append(f"{name} not in ({listed})")
        pattern = arguments.get("pattern")
        if pattern is not None:
            text = f"cast({name} as varchar)"
            faults.append(f"not regexp_full_match({text}, {text_literal(pattern)})")
        if not faults:
            raise self._refusal(
                "invalidValues does not say what is valid",
                "validValues, pattern or logicalTypeOptions",
            )
        return f"({' or '.join(faults)})", noun

    def _own_column(self, metric: str) -> Column:
        if self.column is None:
            raise self._refusal(f"{metric} is about a column", "it under a property")
        return self.column

    def _sql(self) -> str:
        self._refuse_others({"query"})
        query = (self.entry.query or "").strip().rstrip(";").strip()
        if not query:
            raise self._refusal("type sql has no query", "a query of one number")
        if re.search(r"\$?\{property\}", query):
            if self.column is None:
                raise self._refusal("{property} is about a column", "it elsewhere")
            # A function, since a replacement text would read backslashes.
            own = quoted(self.column.name)
            query = re.sub(r"\$?\{property\}", lambda _: own, query)
        query = query.replace("${object}", "{object}")
        if "{object}" not in query:
            raise self._refusal("its query does not read the feed", "from {object}")
        return query

    def _bound(self) -> tuple[str, str]:
        """Return the condition on `found` in SQL, and in words."""
        conditions: list[str] = []
        words: list[str] = []
        for key, (operator, phrase) in _BOUNDS.items():
            value = getattr(self.entry, key)
            if value is not None:
                conditions.append(f"found {operator} {self._limit(key, value)}")
                words.append(phrase.format(_shown(value)))
        for key, (operator, phrase) in _RANGES.items():
            value = getattr(self.entry, key)
            if value is not None:
                low, high = (self._limit(key, side) for side in value)
                conditions.append(f"found {operator} {low} and {high}")
                words.append(phrase.format(*map(_shown, value)))
        if not conditions:
            raise self._refusal(
                "has no bound", " or ".join([*_BOUNDS, *_RANGES]), "none"
            )
        return " and ".join(f"({c})" for c in conditions), " and ".join(words)

    def _limit(self, key: str, value: Any) -> str:
        if isinstance(value, bool) and self.entry.type == "sql":
            return str(value).lower()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return repr(value)
        if isinstance(value, str | date) and self.entry.type == "sql":
            return text_literal(str(value))
        raise self._refusal(f"{key} is not a number", "a number", repr(value))

    def _in_unit(self, count: str) -> str:
        if not self._is_percent():
            return count
        return f"select coalesce(100.0 * ({count}) / nullif(({_COUNT}), 0), 0)"

    def _called(self, noun: str) -> str:
        return f"{'the percentage' if self._is_percent() else 'the number'} of {noun}"

    def _is_percent(self) -> bool:
        if self.entry.unit in {None, "rows"}:
            return False
        if self.entry.unit == "percent":
            return True
        raise self._refusal(
            f"unit {self.entry.unit!r} is not supported", "rows or percent"
        )

    def _refuse_others(self, own: set[str]) -> None:
        known = _SAID | own | set(_BOUNDS) | set(_RANGES)
        others = sorted(
            key
            for key, value in self.entry.model_dump().items()
            if value is not None and key not in known
        )
        if others:
            raise self._refusal(
                f"{', '.join(others)} is not supported here",
                ", ".join(sorted(own)) + " and a bound",
            )

    def _refusal(self, what: str, expected: str, found: str | None = None) -> Exception:
        about = f".{self.column.name}" if self.column else ""
        return ContractError(
            f"{self.feed.contract_path.name} {self.feed.id}{about}",
            f"quality entry {self._name()!r}: {what}",
            expected=expected,
            found=found,
            remedy="Edit that file.",
        )


def _literal_of(column: Column, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and column.logical_type != "string":
        return repr(value)
    return text_literal(str(value))
