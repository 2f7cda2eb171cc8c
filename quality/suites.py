"""The Great Expectations suite of a feed, and whether a contract's rules can be put."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ingestion.contract import Contract, Feed
from ingestion.errors import ContractError
from ingestion.identifiers import quoted
from quality.entries import measure
from quality.rules import OBJECT, Rule, Stage, rules_of

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite


def suite_for(
    feed: Feed, stage: Stage, present: Collection[str] | None = None
) -> ExpectationSuite:
    """Return the suite of a feed, derived from its contract alone.

    Raises:
        ContractError: A quality entry says something that cannot be checked.
    """
    return suite_of(f"{feed.id} {stage}", rules_of(feed, stage, present))


def suite_of(name: str, rules: Iterable[Rule]) -> ExpectationSuite:
    """Return the suite that puts these rules; the meta of each names its rule."""
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity

    severities = {
        "error": FailureSeverity.CRITICAL,
        "warning": FailureSeverity.WARNING,
    }
    expectations = [
        ExpectationConfiguration(
            type=rule.kind,
            kwargs=dict(rule.arguments),
            meta={"rule": rule.name, "severity": rule.severity},
            description=_described(rule),
            severity=severities[rule.severity],
        ).to_domain_obj()
        for rule in rules
    ]
    return ExpectationSuite(name=name, expectations=expectations)


def _described(rule: Rule) -> str:
    # The pages of Great Expectations do not show a severity.
    return rule.sentence + (" (warning)" if rule.severity == "warning" else "")


def lint(contract: Contract) -> list[str]:
    """Return what is wrong with a contract's rules, a line each; none means sound.

    Each rule's SQL is put to an empty table of the feed's columns, so that a misspelt
    column or a broken pattern shows before the first night.
    """
    problems: list[str] = []
    for feed in contract.feeds:
        wrong = _unreadable_entries(feed)
        problems += wrong or _unputtable_rules(feed)
    return problems


def _unreadable_entries(feed: Feed) -> list[str]:
    owned = [(None, n, e) for n, e in enumerate(feed.quality, start=1)]
    owners = [
        *owned,
        *((c, n, e) for c in feed.columns for n, e in enumerate(c.quality, start=1)),
    ]
    problems: list[str] = []
    for column, number, entry in owners:
        try:
            measure(feed, column, entry, number)
        except ContractError as error:
            problems.append(error.line())
    return problems


def _unputtable_rules(feed: Feed) -> list[str]:
    import duckdb

    where = f"{feed.contract_path.name} {feed.id}"
    types = {"business_date": "date"} | {c.name: c.sql_type for c in feed.columns}
    columns = [f"{quoted(name)} {kind}" for name, kind in types.items()]
    problems: list[str] = []
    try:
        rules = rules_of(feed, "landed")
        with duckdb.connect() as connection:
            connection.execute(f"create table feed ({', '.join(columns)})")
            for rule in rules:
                for sql in _statements(rule):
                    try:
                        connection.execute(sql).fetchall()
                    except duckdb.Error as error:
                        said = str(error).splitlines()[0]
                        problems.append(f"{where}: rule {rule.name!r}: {said}")
    except ContractError as error:
        problems.append(error.line())
    except duckdb.Error as error:
        problems.append(f"{where}: {str(error).splitlines()[0]}")
    return problems


def _statements(rule: Rule) -> list[str]:
    """Return the rule's SQL on a table `feed`, as far as it is its own."""
    counted = [f"select count(*) from feed where {rule.rows}"] if rule.rows else []
    numbered = [f"select ({rule.number})"] if rule.number else []
    # One answer is due where a query gives a number; on no rows it must still be one.
    return [sql.replace(OBJECT, "feed") for sql in counted + numbered]
