"""A feed's suite says what its contract says, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract import Contract, Feed, load_contract
from ingestion.errors import ContractError
from quality.rules import Rule, expectation_query, rules_of
from quality.suites import lint, suite_for

KEY = {"name": "call_id", "logicalType": "string", "primaryKey": True, "required": True}
OUTCOME = {
    "name": "outcome_code",
    "logicalType": "string",
    "customProperties": [
        {
            "property": "codes",
            "value": {"A": "answered", "B": "abandoned", "*": "other"},
        }
    ],
}
CONSENT = {
    "name": "is_recorded",
    "logicalType": "boolean",
    "customProperties": [{"property": "codes", "value": {"Y": "true", "N": "false"}}],
}
WAIT = {
    "name": "wait_seconds",
    "logicalType": "integer",
    "logicalTypeOptions": {"minimum": 0, "maximum": 7200},
}
PHONE = {
    "name": "caller_phone",
    "logicalType": "string",
    "classification": "direct_identifier",
    "logicalTypeOptions": {"pattern": "[+][0-9]{6,14}"},
}


def contract_of(
    folder: Path,
    properties: Sequence[dict[str, Any]] = (KEY, OUTCOME, CONSENT, WAIT, PHONE),
    quality: Sequence[dict[str, Any]] = (),
    content: str = "events",
) -> Contract:
    described = [
        {"classification": "public", "description": "Meaning.", **p} for p in properties
    ]
    feed = {
        "name": "calls",
        "logicalType": "object",
        "customProperties": [
            {"property": "layout", "value": {"format": "csv", "path": "calls.csv"}},
            {"property": "delivery", "value": {"content": content}},
        ],
        "properties": described,
    }
    if quality:
        feed["quality"] = list(quality)
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "passbook.call_center",
        "name": "call_center",
        "version": "1.0.0",
        "status": "active",
        "schema": [feed],
    }
    path = folder / "call_center.odcs.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_contract(path)


def feed_of(folder: Path, **how: Any) -> Feed:
    return contract_of(folder, **how).feeds[0]


def rule(feed: Feed, name: str, stage: Any = "landed") -> Rule:
    return next(r for r in rules_of(feed, stage) if r.name == name)


def entry(**keys: Any) -> dict[str, Any]:
    return {"name": "the_entry", "type": "library", **keys}


def test_a_contract_gives_these_rules_and_no_other(tmp_path: Path) -> None:
    found = {
        r.name: (r.kind, r.severity) for r in rules_of(feed_of(tmp_path), "landed")
    }
    query = "unexpected_rows_expectation"
    assert found == {
        "columns_are_there": ("expect_table_columns_to_match_set", "error"),
        "columns_have_their_types": (query, "error"),
        "call_id_has_a_value": ("expect_column_values_to_not_be_null", "error"),
        "outcome_code_is_a_known_code": ("expect_column_values_to_be_in_set", "error"),
        "wait_seconds_is_in_range": ("expect_column_values_to_be_between", "warning"),
        "caller_phone_has_its_form": (query, "warning"),
        "key_is_unique": ("expect_column_values_to_be_unique", "warning"),
    }


def test_a_suite_has_an_expectation_for_each_rule_with_its_severity(
    tmp_path: Path,
) -> None:
    feed = feed_of(tmp_path)
    suite = suite_for(feed, "landed")
    rules = rules_of(feed, "landed")
    severities = {"error": "critical", "warning": "warning"}
    assert len(suite.expectations) == len(rules) > 0
    for expectation, due in zip(suite.expectations, rules, strict=True):
        assert expectation.meta["rule"] == due.name
        assert expectation.expectation_type == due.kind
        assert expectation.severity.value == severities[due.severity]


def test_codes_are_the_logical_values(tmp_path: Path) -> None:
    known = rule(feed_of(tmp_path), "outcome_code_is_a_known_code")
    assert known.arguments["value_set"] == ["abandoned", "answered", "other"]


def test_options_give_bounds_and_a_full_match(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    bounds = rule(feed, "wait_seconds_is_in_range").arguments
    assert (bounds["min_value"], bounds["max_value"]) == (0, 7200)
    form = rule(feed, "caller_phone_has_its_form").arguments["unexpected_rows_query"]
    assert "regexp_full_match" in form
    assert "[0-9]{{6,14}}" in form


@pytest.mark.parametrize("content", ["events", "snapshot"])
def test_the_key_of_a_candidate_is_strict_and_goes_by_the_day(
    tmp_path: Path, content: str
) -> None:
    feed = feed_of(tmp_path, content=content)
    unique = rule(feed, "key_is_unique", "candidate")
    assert unique.severity == "error"
    assert all(f'"{name}"' in str(unique.rows) for name in ("call_id", "business_date"))


def test_a_column_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    there = {c.name for c in feed.columns} - {"wait_seconds"}
    names = {r.name for r in rules_of(feed, "landed", there)}
    assert "columns_are_there" in names
    assert "wait_seconds_is_in_range" not in names


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ({"metric": "nullValues", "mustBe": 0}, 1),
        ({"metric": "missingValues", "mustBe": 0}, 2),
        (
            {
                "metric": "missingValues",
                "arguments": {"missingValues": ["n/a"]},
                "mustBe": 0,
            },
            1,
        ),
        (
            {
                "metric": "invalidValues",
                "arguments": {"validValues": ["+111111", ""]},
                "mustBe": 0,
            },
            1,
        ),
        (
            {
                "metric": "invalidValues",
                "arguments": {"pattern": "[+][0-9]{6}"},
                "mustBe": 0,
            },
            2,
        ),
        ({"metric": "invalidValues", "mustBe": 0}, 2),
        ({"metric": "duplicateValues", "mustBe": 0}, 2),
        ({"metric": "nullValues", "unit": "percent", "mustBeLessThan": 5}, 100 / 6),
        (
            {
                "type": "sql",
                "query": "select count(distinct {property}) from {object}",
                "mustBeBetween": [1, 2],
            },
            3,
        ),
    ],
)
def test_an_entry_measures_what_it_names(
    tmp_path: Path, keys: dict[str, Any], number: float
) -> None:
    """Six rows: +111111 three times, n/a, an empty text and none."""
    import duckdb

    phone = {**PHONE, "quality": [entry(**keys)]}
    measured = rule(feed_of(tmp_path, properties=(KEY, phone)), "the_entry")
    with duckdb.connect() as connection:
        connection.execute(
            "create table feed as select unnest(['+111111', '+111111', '+111111', "
            "'n/a', '', null]) as caller_phone"
        )
        sql = str(measured.number).replace("{object}", "feed")
        found = connection.execute(f"select ({sql})").fetchall()[0][0]
    assert found == pytest.approx(number)


def test_an_entry_on_the_options_takes_the_place_of_their_warning(
    tmp_path: Path,
) -> None:
    keys = {"metric": "invalidValues", "mustBe": 0, "severity": "error"}
    wait = {**WAIT, "quality": [entry(**keys)]}
    feed = feed_of(tmp_path, properties=(KEY, wait))
    rules = {r.name: r.severity for r in rules_of(feed, "landed")}
    assert rules["the_entry"] == "error"
    assert "wait_seconds_is_in_range" not in rules


@pytest.mark.parametrize(
    "keys",
    [
        {"metric": "rowCount"},
        {"metric": "rowCount", "mustBe": "many"},
        {"metric": "rowCount", "mustBe": 1, "unit": "percent"},
        {"metric": "rowCount", "mustBe": 1, "severity": "fatal"},
        {"metric": "rowCount", "mustBe": 1, "schedule": "0 20 * * *"},
        {"metric": "rowCount", "mustBe": 1, "arguments": {"properties": ["call_id"]}},
        {"metric": "freshness", "mustBe": 1},
        {"metric": "nullValues", "mustBe": 0},
        {"metric": "duplicateValues", "mustBe": 0},
        {
            "metric": "duplicateValues",
            "mustBe": 0,
            "arguments": {"properties": ["nobody"]},
        },
        {"rule": "rowCount", "mustBe": 1},
        {"type": "text", "description": "All is well."},
        {"type": "custom", "engine": "soda", "implementation": "x", "mustBe": 1},
        {"type": "sql", "mustBe": 1},
        {"type": "sql", "query": "select 1", "mustBe": 1},
        {"type": "sql", "query": "select max({property}) from {object}", "mustBe": 1},
    ],
)
def test_an_entry_that_cannot_be_checked_is_refused_by_name(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    contract = contract_of(tmp_path, quality=[entry(**keys)])
    with pytest.raises(ContractError) as refused:
        rules_of(contract.feeds[0], "landed")
    for part in ("call_center.odcs.yaml", "call_center.calls", "the_entry"):
        assert part in str(refused.value)
    assert lint(contract) == [str(refused.value)]


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = [entry(metric="rowCount", mustBe=n) for n in (1, 2)]
    with pytest.raises(ContractError, match="the_entry"):
        rules_of(feed_of(tmp_path, quality=twice), "landed")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("select count(misspelt) from {object}", "misspelt"),
        ("select call_id, 1 from {object}", "columns"),
        ("delete from {object}", "rule 'the_entry'"),
    ],
)
def test_lint_puts_each_query_to_an_empty_table(
    tmp_path: Path, query: str, part: str
) -> None:
    contract = contract_of(tmp_path, quality=[entry(type="sql", query=query, mustBe=0)])
    problems = lint(contract)
    assert len(problems) == 1
    assert part in problems[0]


def test_lint_names_a_pattern_that_is_none(tmp_path: Path) -> None:
    phone = {**PHONE, "logicalTypeOptions": {"pattern": "(["}}
    problems = lint(contract_of(tmp_path, properties=(KEY, phone)))
    assert any("caller_phone_has_its_form" in problem for problem in problems)


def test_the_shipped_contracts_are_sound() -> None:
    shipped = Path(__file__).parents[2] / "ingestion" / "contracts"
    paths = sorted(shipped.glob("*.odcs.yaml"))
    assert paths
    assert [line for path in paths for line in lint(load_contract(path))] == []


def test_a_query_keeps_its_braces_and_colons() -> None:
    sql = "select 1 from {object} where not regexp_full_match(a::varchar, '(?:x){3}')"
    assert expectation_query(sql) == (
        "select 1 from (select * from {batch}) where not "
        r"regexp_full_match(a::varchar, '(?\:x){{3}}')"
    )
