"""How customers are served, and by whom, is what plain Python makes of the lake."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.integration.oracle import (
    AS_OF,
    NOBODY,
    Oracle,
    Row,
    Table,
    again,
    assert_right,
    candidate_of,
    exact,
    in_force,
    is_rounding_of,
    month_of,
    months_later,
    seed,
    straight_bank,
)
from tests.integration.oracle_bank import LONG_AS_OF, keyed, long_bank, rows_of
from tests.integration.oracle_history import days_allowed

ZONE = "Asia/Shanghai"
SOON = 20
REPLY = timedelta(days=30)
MISSING_DAYS = 3


@dataclass(frozen=True)
class Served:
    """An edition, and what should stand in it."""

    database: Path
    oracle: Oracle
    as_of: date

    def found(self, table: str, *columns: str) -> dict[tuple[Any, ...], Row]:
        return keyed(table, rows_of(self.database, table), *columns)

    def tier(self, key: str, day: date) -> str:
        for r in rows_of(self.database, "customer_tiers"):
            if r["customer_key"] == key and r["valid_from"] <= day < r["valid_to"]:
                return str(r["tier"])
        return "unknown"

    def tiers(self, day: date) -> dict[str, str]:
        return {
            r["customer_key"]: r["tier"]
            for r in rows_of(self.database, "customer_tiers")
            if r["valid_from"] <= day < r["valid_to"]
        }

    def contacts(self) -> Table:
        """Return what came in by call and message, with how long it waited."""
        rows = self.oracle.interactions.to_dict("records")
        answers: dict[str, Table] = defaultdict(list)
        by_customer: dict[str, Table] = defaultdict(list)
        for r in rows:
            if r["activity_code"] == "message_out":
                answers[r["record_id"]].append(r)
        contacts = [r for r in rows if r["activity_code"] in {"call", "message_in"}]
        for r in contacts:
            by_customer[r["customer_key"]].append(r)
        for r in contacts:
            others = by_customer[r["customer_key"]]
            known = r["customer_key"] != NOBODY and r["category_code"] is not None
            r["is_repeat"] = _came_before(r, others) if known else None
            judged = known and self.oracle.is_judged(r)
            r["is_resolved"] = not again(r, others) if judged else None
            if r["activity_code"] == "message_in":
                later = [
                    a["occurred_at"] - r["occurred_at"]
                    for a in answers[r["record_id"]]
                    if timedelta() < a["occurred_at"] - r["occurred_at"] <= REPLY
                ]
                r["wait_seconds"] = int(min(later).total_seconds()) if later else None
            r["talk"] = r["duration_seconds"] or None
        return contacts


def _came_before(contact: Row, others: Table) -> bool:
    return any(again(other, [contact]) for other in others if other is not contact)


@pytest.fixture(scope="module", params=["short", "long"])
def bank(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Served:
    folder = tmp_path_factory.getbasetemp()
    if request.param == "short":
        home, as_of = straight_bank(folder).home, AS_OF
        database = home.database
    else:
        home, as_of = long_bank(folder), LONG_AS_OF
        database = candidate_of(home)
    return Served(database, Oracle.of(home.root, database, as_of, ZONE), as_of)


def _percentile(values: list[int], share: float) -> float | None:
    if not values:
        return None
    place = share * (len(values) - 1)
    low, part = int(place), place - int(place)
    ordered = sorted(values)
    high = ordered[min(low + 1, len(ordered) - 1)]
    return ordered[low] + (high - ordered[low]) * part


def _told(rows: Iterable[Row], name: str) -> list[int]:
    return [int(r[name]) for r in rows if r[name] is not None]


def _day(rows: Table) -> Row:
    waits, talks = _told(rows, "wait_seconds"), _told(rows, "talk")
    calls = [r for r in rows if r["activity_code"] == "call"]
    soon = sum(
        r["outcome_code"] != "abandoned"
        and r["wait_seconds"] is not None
        and r["wait_seconds"] <= SOON
        for r in calls
    )
    judged = [r["is_resolved"] for r in rows if r["is_resolved"] is not None]
    return {
        "answered_soon_count": soon,
        "service_level_ratio": soon / len(calls) if calls else None,
        "average_wait_seconds": statistics.fmean(waits) if waits else None,
        "median_wait_seconds": _percentile(waits, 0.5),
        "p90_wait_seconds": _percentile(waits, 0.9),
        "longest_wait_seconds": max(waits, default=None),
        "median_handling_seconds": _percentile(talks, 0.5),
        "p90_handling_seconds": _percentile(talks, 0.9),
        "unanswered_message_count": sum(
            r["activity_code"] == "message_in" and r["wait_seconds"] is None
            for r in rows
        ),
        "repeat_contact_count": sum(r["is_repeat"] is True for r in rows),
        "followed_contact_count": len(judged),
        "resolved_contact_count": sum(judged),
        "first_contact_resolution_ratio": sum(judged) / len(judged) if judged else None,
    }


def test_waits_repeats_and_resolutions_are_those_of_the_contacts(bank: Served) -> None:
    days: dict[tuple[str, date], Table] = defaultdict(list)
    contacts = bank.contacts()
    for r in contacts:
        days[r["channel"], r["business_date"]].append(r)
    found = bank.found("channel_service", "channel", "business_date")
    assert set(days) <= set(found)
    assert_right(found, {key: _day(days.get(key, [])) for key in found})
    if bank.as_of == LONG_AS_OF:
        assert {r["is_repeat"] for r in contacts} == {True, False, None}
        assert {r["is_resolved"] for r in contacts} >= {True, None}


def test_times_are_counted_in_the_bands_of_the_policy(bank: Served) -> None:
    due: Counter[tuple[object, ...]] = Counter()
    for r in bank.contacts():
        for code, name in (("wait", "wait_seconds"), ("handling", "talk")):
            if r[name] is None:
                continue
            (band,) = [
                b["band_number"]
                for b in seed("service_bands")
                if int(b["from_seconds"]) <= r[name]
                and (not b["to_seconds"] or r[name] < int(b["to_seconds"]))
            ]
            due[r["channel"], r["business_date"], code, int(band)] += 1
    columns = ("channel", "business_date", "time_code", "band_number")
    found = bank.found("service_times", *columns)
    assert {key: row["contact_count"] for key, row in found.items()} == dict(due)


def test_costs_by_tier_are_those_of_the_interactions(bank: Served) -> None:
    tiers: dict[date, dict[str, str]] = {}
    costs: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
    customers: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for r in bank.oracle.interactions.to_dict("records"):
        month, key = month_of(r["business_date"]), r["customer_key"]
        if month not in tiers:
            tiers[month] = bank.tiers(month)
        tier = tiers[month].get(key, "unknown") if key != NOBODY else "nobody"
        costs[month, r["channel"], tier] += r["cost"]
        customers[month, r["channel"], tier].update({key} - {NOBODY})
    found = bank.found("service_costs", "month_start", "channel", "tier")
    assert set(found) == set(costs)
    for key, row in found.items():
        assert is_rounding_of(row["cost_to_serve_amount"], costs[key])
        assert row["customer_count"] == len(customers[key])


def test_what_could_move_is_what_the_policy_names(bank: Served) -> None:
    first = month_of(months_later(bank.as_of, -12))
    rows = bank.oracle.interactions.to_dict("records")
    users = {(r["customer_key"], r["channel"]) for r in rows}
    tiers = bank.tiers(bank.as_of)
    counts: Counter[tuple[Any, ...]] = Counter()
    ready: Counter[tuple[Any, ...]] = Counter()
    for move in in_force(seed("channel_moves"), bank.as_of):
        for r in rows:
            same = all(r[n] == move[n] for n in ("channel", "activity_code"))
            named = (
                not move["category_code"]
                or r["category_code"] == (move["category_code"])
            )
            late = month_of(r["business_date"]) > first
            if not (same and named and late) or r["customer_key"] == NOBODY:
                continue
            key = (
                *(tiers.get(r["customer_key"], "unknown"), move["channel"]),
                *(move["activity_code"], move["category_code"] or "any"),
                *(move["to_channel"], move["to_activity_code"]),
            )
            counts[key] += 1
            ready[key] += (r["customer_key"], move["to_channel"]) in users
    prices = {
        (r["channel"], r["activity_code"]): exact(r["unit_cost_amount"])
        for r in in_force(seed("unit_costs"), bank.as_of)
    }
    names = ("tier", "channel", "activity_code", "category_code")
    found = bank.found("service_moves", *names, "to_channel", "to_activity_code")
    assert set(found) == set(counts)
    for key, row in found.items():
        saved = prices[key[1], key[2]] - prices[key[4], key[5]]
        assert row["contact_count"] == counts[key]
        assert row["ready_contact_count"] == ready[key]
        assert is_rounding_of(row["saving_amount"], counts[key] * saved)
        assert is_rounding_of(row["ready_saving_amount"], ready[key] * saved)


def test_complaints_are_due_by_the_rule(bank: Served) -> None:
    told = {r["case_id"]: r for r in bank.oracle.cases}
    due: dict[tuple[str], Row] = {}
    for case_id, r in told.items():
        opened = bank.oracle.local(r["opened_at"]).date()
        is_open = r["status_code"] == "open"
        until = bank.as_of if is_open else bank.oracle.local(r["closed_at"]).date()
        late = (until - opened).days > days_allowed(r)
        states = {
            (True, False): "open",
            (True, True): "overdue",
            (False, False): "answered_in_time",
            (False, True): "answered_late",
        }
        due[(case_id,)] = {
            "customer_key": bank.oracle.customer_of[r["record_id"]] or None,
            "opened_date": opened,
            "closed_date": None if is_open else until,
            "taken_days": (until - opened).days,
            "due_date": opened + timedelta(days=days_allowed(r)),
            "state_code": states[is_open, late],
        }
    found = bank.found("complaints", "case_id")
    assert set(found) == set(due)
    assert_right(found, due)
    causes = bank.found("complaint_causes", "month_start", "category_code")
    counted = Counter(
        (month_of(row["opened_date"]), told[case_id]["category_code"])
        for (case_id,), row in due.items()
    )
    assert {key: row["opened_count"] for key, row in causes.items()} == dict(counted)


# Who answers for whom


def _asked(people: Iterable[str], slot: int) -> list[str]:
    """Return people in the order in which a slot asks them."""
    return sorted(people, key=lambda p: (_hash(f"{slot + 1}:{p}"), p))


def _hash(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _present(oracle: Oracle) -> Table:
    """Return the employees who are there, or have been missing for less than 3 days."""
    register = oracle.lake.days("core_banking", "employees", "employee_id")
    days = sorted(day for day in register if day <= oracle.as_of)
    latest = {r["employee_id"]: r for day in days for r in register[day]}
    return [
        r
        for r in latest.values()
        if all(
            (oracle.as_of - day).days < MISSING_DAYS
            for day in [d for d in days if d > r["business_date"]][:1]
        )
    ]


def _pools(oracle: Oracle) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return who may answer for the customers of which branch, and who they are."""
    kinds = {
        r["department_id"]: r["department_kind_code"]
        for r in oracle.lake.snapshot("core_banking", "departments", "department_id")
    }
    titles = {r["job_title"] for r in seed("relationship_titles")}
    pools: dict[str, set[str]] = defaultdict(set)
    department: dict[str, str] = {}
    for r in _present(oracle):
        kind = kinds[r["department_id"]]
        if r["job_title"] in titles and kind in {"branch", "call_center"}:
            pool = r["department_id"] if kind == "branch" else "central"
            pools[pool].add(r["employee_id"])
            department[r["employee_id"]] = r["department_id"]
    return pools, department


def test_one_manager_answers_for_each_customer(bank: Served) -> None:
    oracle, tiers = bank.oracle, bank.tiers(bank.as_of)
    pools, department = _pools(oracle)
    limits = {r["tier"]: int(r["limit_count"]) for r in seed("relationship_limits")}
    core: dict[str, Table] = defaultdict(list)
    for r in oracle.lake.snapshot("core_banking", "customers", "core_customer_id"):
        key = oracle.customer_of[f"core_banking:customer:{r['core_customer_id']}"]
        core[key].append(r)
    records: dict[str, list[str]] = defaultdict(list)
    for record, key in oracle.customer_of.items():
        records[key].append(record)
    found = bank.found("relationship_assignments", "customer_key")
    assert {key for (key,) in found} == set(oracle.customer_keys)
    loads: Counter[tuple[str, str]] = Counter()
    for (key,), row in found.items():
        first = sorted(
            core.get(key, []),
            key=lambda r: (r["since_date"] or date.max, r["core_customer_id"]),
        )
        named = next((r["employee_id"] for r in first if r["employee_id"]), None)
        branch = next((r["branch_id"] for r in first if r["branch_id"]), None)
        anchor = (
            f"core_banking:customer:{first[0]['core_customer_id']}"
            if first
            else min(records[key])
        )
        pool = branch if branch in pools else "central"
        slot = int(_hash(anchor)[:2], 16)
        due = named if named in pools[pool] else _asked(pools[pool], slot)[0]
        # Nobody of so small a bank is near the limit.
        assert (row["employee_id"], row["named_employee_id"]) == (due, named)
        assert not row["is_over_limit"]
        assert row["department_id"] == department[due]
        loads[due, tiers[key]] += 1
    assert all(count <= limits[tier] for (_, tier), count in loads.items())
    assert {r["rule_code"] for r in found.values()} >= {"named", "central"}
    portfolios = bank.found("relationship_portfolios", "employee_id")
    assert {key for (key,) in portfolios} == set(department)
    held = Counter(employee for employee, _ in loads.elements())
    for (employee,), row in portfolios.items():
        assert row["customer_count"] == held[employee]


def test_who_is_away_hands_over_all_of_the_customers(bank: Served) -> None:
    found = bank.found("relationship_assignments", "customer_key")
    due = {
        key
        for key, row in found.items()
        if row["named_employee_id"] not in {None, row["employee_id"]}
    }
    if bank.as_of == LONG_AS_OF:
        # Who is missing there has been so for a day: too short to have left.
        assert due == set()
        return
    handed = bank.found("relationship_handovers", "customer_key")
    assert due
    assert set(handed) == due
    for key, row in handed.items():
        assert row["from_employee_id"] == found[key]["named_employee_id"]
        assert row["to_employee_id"] == found[key]["employee_id"]
        assert row["reason_code"] in {"left", "not_registered"}
