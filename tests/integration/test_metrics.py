"""A figure is defined once, and `passbook metric` gives the same answer everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.bank_runs import Home
from tests.integration.oracle import straight_bank

Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]
UNITS = {"count", "currency", "ratio", "average"}
# What the bank quotes; what they are made of stands beside them.
QUOTED = {
    *("customers", "active_customers", "premium_share", "deposits", "loans"),
    *("contribution", "cost_to_serve", "cost_per_interaction", "attrition"),
    *("complaint_rate", "abandonment", "first_contact_resolution", "satisfaction"),
    "uplift",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return straight_bank(tmp_path_factory.getbasetemp()).home


@pytest.fixture(scope="module")
def ask(home: Home) -> Ask:
    def asked(*words: str) -> Rows:
        rows: Rows = json.loads(home.must("metric", *words, "--json"))
        return rows

    return asked


@pytest.fixture(scope="module")
def listed(ask: Ask) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in ask()}


def test_every_metric_says_what_it_is(listed: dict[str, dict[str, Any]]) -> None:
    assert set(listed) >= QUOTED
    assert {row["unit"] for row in listed.values()} == UNITS
    assert all(row["description"].endswith(".") for row in listed.values())
    assert all("month" in row["by"].split(", ") for row in listed.values())


def test_every_metric_can_be_told_by_all_that_it_is_said_to_go_by(
    home: Home, listed: dict[str, dict[str, Any]]
) -> None:
    """Those that go by the same are asked together."""
    alike: dict[str, list[str]] = {}
    for name, row in listed.items():
        alike.setdefault(row["by"], []).append(name)
    assert len(alike) > 1
    for by, names in alike.items():
        words = [part for word in by.split(", ") for part in ("--by", word)]
        rows = json.loads(home.must("metric", *names, *words, "--json"))
        assert rows or names[0] in {"losable_customers", "attrition"}
        assert all(set(names) <= set(row) for row in rows)


# The same figure from the mart, added up by hand.
SAME = {
    "uplift": "select sum(uplift_ratio * treated_count) / sum(treated_count) "
    "from mart.campaigns",
    "customers": "select count(*) from mart.customers",
    "premium_share": "select avg((tier = 'premium')::int) from mart.customers",
    "deposits": "select sum(deposit_balance_amount) from mart.profile_history "
    "where month_start = '2026-03-01'",
    "contribution": "select sum(contribution_amount) "
    "from mart.customer_contribution_monthly",
    "cost_to_serve": "select sum(cost_to_serve_amount) "
    "from mart.customer_contribution_monthly",
    "abandonment": "select sum(abandoned_call_count) / sum(inbound_call_count) "
    "from mart.channel_service",
    "satisfaction": "select sum(satisfaction_average * satisfaction_answer_count) "
    "/ sum(satisfaction_answer_count) from mart.channel_service",
    "cases_opened": "select sum(case_opened_count) from mart.profile_history",
}


@pytest.mark.parametrize("metric", SAME)
def test_a_metric_is_the_marts_figure(metric: str, ask: Ask, home: Home) -> None:
    (row,) = ask(metric)
    ((due,),) = home.rows(SAME[metric])
    assert due
    assert float(row[metric]) == pytest.approx(float(str(due)), rel=1e-9)
    unit = "currency_code" if metric in {"deposits", "contribution"} else metric
    assert row[unit]


def test_groups_add_up_to_the_whole(ask: Ask) -> None:
    whole = float(ask("contribution")[0]["contribution"])
    for by in ("tier", "branch_id", "sex_code"):
        rows = ask("contribution", "--by", by)
        assert len(rows) > 1
        total = sum(float(row["contribution"]) for row in rows)
        assert total == pytest.approx(whole, abs=1e-6), by
        assert {row["currency_code"] for row in rows} == {"CNY"}
        told = [str(row[by]) for row in rows if row[by] is not None]
        assert told == sorted(told)


def test_a_span_of_days_is_both_its_ends(ask: Ask) -> None:
    days = ask("inbound_calls", "--by", "day")
    assert [row["day"] for row in days[-3:]] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
    ]
    (two,) = ask("inbound_calls", "--from", "2026-03-02", "--to", "2026-03-03")
    assert two["inbound_calls"] == sum(row["inbound_calls"] for row in days[-2:])


def test_what_is_asked_twice_is_answered_once(ask: Ask) -> None:
    words = ("customers", "customers", "--by", "tier", "--by", "tier")
    assert ask(*words) == ask("customers", "--by", "tier")


def test_the_query_can_be_taken_elsewhere(ask: Ask, home: Home) -> None:
    words = ("premium_share", "--by", "tier")
    rows = home.rows(home.must("metric", *words, "--sql"))
    assert rows == [tuple(row.values()) for row in ask(*words)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["contributio"], "the nearest is 'contribution'"),
        (["contribution", "--by", "brnch_id"], "the nearest is 'branch_id'"),
        (["customers", "--by", "day"], "is nothing that customers go by"),
        (["abandonment", "contribution", "--by", "day"], "is nothing that abandonment"),
        (["contribution", "--from", "yesterday"], "--from: is no date"),
        (
            ["customers", "--from", "2026-03-02", "--to", "2026-03-01"],
            "the span ends before it begins",
        ),
        (["--by", "tier"], "no metric was named"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_answered_is_said(
    words: list[str], told: str, home: Home
) -> None:
    refused = home.run("metric", *words)
    assert refused.returncode == 2
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_edition_of_before_has_no_metrics_and_says_so(home: Home) -> None:
    path = home.database.resolve().with_name("metrics.json")
    kept = path.rename(path.with_name("kept.json"))
    try:
        refused = home.run("metric", "customers")
    finally:
        kept.rename(path)
    assert refused.returncode == 2
    assert "was built before it had metrics" in refused.stderr
