"""What is said of campaigns is what plain Python makes of the lake."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from scipy.stats import chi2_contingency, norm

from tests.integration.oracle import (
    AS_OF,
    NOBODY,
    Oracle,
    Row,
    StraightBank,
    Table,
    assert_right,
    mart,
    seed,
    straight_bank,
)

ZONE = "Asia/Shanghai"
PLACE = {r["step_code"]: int(r["step_number"]) for r in seed("campaign_steps")}
BEFORE = {
    r["step_code"]: int(r["previous_number"])
    for r in seed("campaign_steps")
    if r["previous_number"]
}
Z = float(norm.ppf(0.975))
HALF_LIFE, DAYS_AFTER = 7, 30


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> StraightBank:
    return straight_bank(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def oracle(bank: StraightBank) -> Oracle:
    return Oracle.of(bank.home.root, bank.home.database, AS_OF, ZONE)


@pytest.fixture(scope="module")
def campaigns(oracle: Oracle) -> dict[str, Row]:
    rows = oracle.lake.snapshot("marketing", "campaigns", "campaign_id")
    assert rows
    return {r["campaign_id"]: r for r in rows}


@pytest.fixture(scope="module")
def contacts(oracle: Oracle) -> Table:
    """Return each contact as it was told of last."""
    days = oracle.lake.days("marketing", "contacts", "contact_id")
    latest = {r["contact_id"]: r for day in sorted(days) for r in days[day]}
    for row in latest.values():
        row["key"] = oracle.customer_of[
            f"core_banking:customer:{row['core_customer_id']}"
        ]
        row["day"] = oracle.local(row["contacted_at"]).date()
        row["place"] = PLACE[row["step_code"]]
    return list(latest.values())


@pytest.fixture(scope="module")
def audiences(oracle: Oracle, campaigns: dict[str, Row], contacts: Table) -> Table:
    """Return a row per campaign and customer, with arm, first day and response."""
    members: dict[tuple[str, str], Table] = defaultdict(list)
    for row in contacts:
        if row["key"] != NOBODY:
            members[row["campaign_id"], row["key"]].append(row)
    openings = [
        (key, account)
        for account in oracle.accounts.values()
        for key in oracle.shares.get(account["account_id"], ())
    ]
    found = []
    for (campaign, key), rows in members.items():
        arms = {r["is_control"] for r in rows}
        first = min(r["day"] for r in rows)
        opened = [
            account["opened_date"]
            for owner, account in openings
            if owner == key
            and account["product_id"] == campaigns[campaign]["product_id"]
            and first <= account["opened_date"] <= campaigns[campaign]["end_date"]
        ]
        best = max(rows, key=lambda r: (not r["is_control"], r["place"], r["day"]))
        found.append(
            {
                "campaign_id": campaign,
                "customer_key": key,
                "arm_code": "mixed"
                if len(arms) > 1
                else ("control" if arms == {True} else "treated"),
                "contact_date": first,
                "contact_count": len(rows),
                "response_date": min(opened, default=None),
                "is_response": bool(opened),
                "opened_account_count": len(opened),
                "branch": oracle.basics.get(key, {}).get("branch_id") or "unknown",
                "channel": best["contact_channel_code"] or "none",
                "place": best["place"],
            }
        )
    return found


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the score interval: the ratios that a test at its level lets stand."""
    ratio = hits / count
    middle = ratio + Z**2 / (2 * count)
    width = Z * math.sqrt(ratio * (1 - ratio) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return (middle - width) / scale, (middle + width) / scale


def uplift(treated: Table, control: Table) -> Row:
    """Return the counts of both arms, their difference and its interval."""
    count, other = len(treated), len(control)
    hits = sum(r["is_response"] for r in treated)
    other_hits = sum(r["is_response"] for r in control)
    row: dict[str, Any] = {
        "treated_count": count,
        "control_count": other,
        "treated_response_count": hits,
        "control_response_count": other_hits,
    }
    if not count or not other:
        return {**row, "uplift_ratio": None, "uplift_low_ratio": None}
    first, second = hits / count, other_hits / other
    (low, high), (other_low, other_high) = (
        wilson(hits, count),
        wilson(other_hits, other),
    )
    table = [[hits, count - hits], [other_hits, other - other_hits]]
    chance = chi2_contingency(table).pvalue if hits + other_hits else 1.0
    return {
        **row,
        "uplift_ratio": pytest.approx(first - second),
        "uplift_low_ratio": pytest.approx(
            first - second - math.hypot(first - low, other_high - second), abs=1e-8
        ),
        "uplift_high_ratio": pytest.approx(
            first - second + math.hypot(high - first, second - other_low), abs=1e-8
        ),
        "chance_probability": pytest.approx(chance, abs=1e-8),
    }


def test_audiences_are_the_contacts_by_customer(
    bank: StraightBank, audiences: Table
) -> None:
    rows = mart(bank, "campaign_audiences")
    found = {(r["campaign_id"], r["customer_key"]): r for r in rows}
    compared = (
        *("arm_code", "contact_date", "contact_count"),
        *("response_date", "is_response", "opened_account_count"),
    )
    due = {
        (r["campaign_id"], r["customer_key"]): {k: r[k] for k in compared}
        for r in audiences
    }
    assert found.keys() == due.keys()
    assert_right(found, due)
    assert any(r["is_response"] for r in audiences)


def test_every_contact_is_made_or_not(bank: StraightBank, contacts: Table) -> None:
    due: dict[str, Counter[str]] = defaultdict(Counter)
    for row in contacts:
        if not row["is_control"]:
            made = "made" if row["place"] else "not_made"
            due[row["campaign_id"]].update(["planned", made])
    for row in mart(bank, "campaigns"):
        counts = due[row["campaign_id"]]
        for kind in ("planned", "made", "not_made"):
            assert row[f"{kind}_contact_count"] == counts[kind], row["campaign_id"]


@pytest.mark.parametrize("dimension", ["all", "channel", "branch"])
def test_results_are_those_of_both_arms(
    dimension: str, bank: StraightBank, audiences: Table
) -> None:
    groups: dict[tuple[str, str], dict[str, Table]] = defaultdict(
        lambda: {"treated": [], "control": []}
    )
    for row in audiences:
        group = "all" if dimension == "all" else row[dimension]
        if row["arm_code"] != "mixed" and (dimension, group) != ("channel", "none"):
            groups[row["campaign_id"], group][row["arm_code"]].append(row)
    found = {
        (r["campaign_id"], r["group_code"]): r
        for r in mart(bank, "campaign_results")
        if r["dimension_code"] == dimension
    }
    assert found.keys() == groups.keys()
    for key, arms in groups.items():
        due = uplift(arms["treated"], arms["control"])
        for step in ("attempted", "reached", "interested", "applied", "fulfilled"):
            due[f"{step}_count"] = sum(
                r["place"] >= PLACE[step] for r in arms["treated"]
            )
        assert {k: found[key][k] for k in due} == due, key


def test_the_last_reading_is_the_result(bank: StraightBank) -> None:
    last: dict[str, Row] = {}
    for row in mart(bank, "campaign_readings"):
        last[row["campaign_id"]] = row
    for row in mart(bank, "campaigns"):
        reading = last[row["campaign_id"]]
        assert reading["reading_date"] == AS_OF
        for arm in ("treated", "control"):
            assert reading[f"{arm}_count"] == row[f"{arm}_count"]
            response = f"{arm}_response_count"
            assert reading[response] == row[response]
        # Who looks each evening pays for it.
        width = row["uplift_high_ratio"] - row["uplift_low_ratio"]
        assert reading["always_high_ratio"] - reading["always_low_ratio"] > width


def test_failures_are_those_of_the_contacts_that_came_to_a_step(
    bank: StraightBank, oracle: Oracle, contacts: Table
) -> None:
    register = oracle.lake.days("core_banking", "employees", "employee_id")
    teams = {
        r["employee_id"]: r["team_id"]
        for day in sorted(register)
        for r in register[day]
    }
    due: dict[tuple[str | None, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in contacts:
        for step, before in BEFORE.items():
            has_failed = row["place"] < PLACE[step]
            # None of the campaigns is over: without a reason a contact is open.
            is_open = has_failed and row["failure_code"] is None
            if row["is_control"] or row["place"] < before or is_open:
                continue
            team = teams.get(row["employee_id"])
            holders = {(None, None), (team, None), (team, row["employee_id"])}
            for holder in holders:
                key = (row["campaign_id"], step, row["department_id"], *holder)
                due[key][0] += 1
                due[key][1] += has_failed
    departments: dict[tuple[object, ...], list[int]] = {}
    for row in mart(bank, "campaign_failures"):
        key = (
            *(row["campaign_id"], row["step_code"]),
            *(row["department_id"], row["team_id"], row["employee_id"]),
        )
        departments[key] = [row["entered_count"], row["failed_count"]]
        assert not row["is_break"], "too few contacts for a verdict"
    assert departments == dict(due)


def test_attribution_adds_up_to_all_openings(
    bank: StraightBank, oracle: Oracle, campaigns: dict[str, Row], contacts: Table
) -> None:
    begun = min(r["start_date"] for r in campaigns.values())
    openings = [a for a in oracle.accounts.values() if a["opened_date"] >= begun]
    due: dict[str, dict[str | None, Fraction]] = {}
    last: dict[str, str | None] = {}
    for account in openings:
        touches = [
            r
            for r in contacts
            if not r["is_control"]
            and r["place"] >= PLACE["reached"]
            and r["key"] in oracle.shares.get(account["account_id"], ())
            and campaigns[r["campaign_id"]]["product_id"] == account["product_id"]
            and 0 <= (account["opened_date"] - r["day"]).days <= DAYS_AFTER
        ]
        weight = {
            r["contact_id"]: 0.5 ** (_days(account, r["day"]) / HALF_LIFE)
            for r in touches
        }
        total = sum(weight.values())
        due[account["account_id"]] = {
            contact: Fraction(w / total) for contact, w in weight.items()
        } or {None: Fraction(1)}
        final = max(touches, key=lambda r: (r["day"], r["contact_id"]), default=None)
        last[account["account_id"]] = final["contact_id"] if final else None
    found: dict[str, dict[str | None, Fraction]] = defaultdict(dict)
    for row in mart(bank, "campaign_attribution"):
        account_id, contact = row["account_id"], row["contact_id"]
        found[account_id][contact] = Fraction(row["multi_touch_ratio"])
        assert row["last_touch_count"] == int(contact == last[account_id])
    assert found.keys() == due.keys()
    for account_id, shares in found.items():
        assert sum(shares.values()) == 1
        assert shares.keys() == due[account_id].keys()
        for contact, share in shares.items():
            assert float(share) == pytest.approx(
                float(due[account_id][contact]), abs=1e-7
            )
    assert any(None not in shares for shares in due.values())


def _days(account: Row, day: date) -> int:
    days: int = (account["opened_date"] - day).days
    return days
