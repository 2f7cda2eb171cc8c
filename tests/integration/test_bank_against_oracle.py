"""The marts of the bank as a whole are what plain Python makes of the lake."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.integration.oracle import (
    AS_OF,
    Oracle,
    Row,
    Table,
    candidate_of,
    differences,
    exact,
    is_rounding_of,
    shown,
    straight_bank,
)
from tests.integration.oracle_bank import (
    LINES,
    LONG_AS_OF,
    UNKNOWN,
    BranchOracle,
    LedgerOracle,
    long_bank,
    rows_of,
    year_before,
)

ZONE = "Asia/Shanghai"
CENT = Fraction(1, 100)
COMPARED = {
    "bank_overview": (
        *("customer_count", "active_customer_count", "deposit_balance_amount"),
        *("loan_balance_amount", "cost_to_serve_amount", "case_opened_count"),
        "satisfaction_average",
    ),
    "branch_months": (
        *("customer_count", "active_customer_count", "deposit_balance_amount"),
        *("loan_balance_amount", "cost_to_serve_amount", "contribution_amount"),
        *("case_opened_count", "satisfaction_average"),
    ),
}


@dataclass(frozen=True)
class Judged:
    """A built bank, and what is said of it."""

    name: str
    database: Path
    oracle: Oracle

    def mart(self, table: str) -> Table:
        return rows_of(self.database, table)

    @property
    def ledger(self) -> LedgerOracle:
        return LedgerOracle(self.oracle, self.mart("customer_contribution_monthly"))

    @property
    def branches(self) -> BranchOracle:
        tiers: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
        for r in self.mart("customer_tiers"):
            tiers[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
        return BranchOracle(
            self.oracle, tiers, self.mart("customer_contribution_monthly")
        )


@pytest.fixture(scope="module", params=["three days", "two years"])
def bank(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Judged:
    folder = tmp_path_factory.getbasetemp()
    if request.param == "three days":
        straight = straight_bank(folder)
        home, database, as_of = straight.home, straight.home.database, AS_OF
    else:
        home = long_bank(folder)
        database, as_of = candidate_of(home), LONG_AS_OF
    oracle = Oracle.of(home.root, database, as_of, ZONE)
    return Judged(str(request.param), database, oracle)


def test_what_the_ledger_has_is_told_by_line_to_the_cent(bank: Judged) -> None:
    found = {
        (r["month_start"], r["line_code"]): r
        for r in bank.mart("contribution_reconciliation")
    }
    ledger, kinds = bank.ledger, Counter[str]()
    assert {month for month, _ in found} <= set(ledger.months)
    for month in {month for month, _ in found}:
        rejected = float(ledger.rejected_ratio(month))
        for line, due in ledger.reconciliation(month).items():
            row = found[month, line]
            assert row["customer_amount"] == due.customers
            assert is_rounding_of(row["unowned_amount"], due.unowned)
            assert abs(exact(row["rounding_amount"]) - due.rounding) <= CENT
            assert row["day_count"] == len(ledger.days(month))
            assert row["told_day_count"] == len(ledger.told_days(month))
            assert row["rejected_ratio"] == pytest.approx(rejected, abs=1e-9)
            if due.ledger is None:
                assert row["ledger_amount"] is None
                assert row["reconciliation_code"] == "not_told"
            else:
                assert is_rounding_of(row["ledger_amount"], due.ledger)
                assert abs(exact(row["unexplained_amount"]) - due.unexplained) <= CENT
            kinds[row["reconciliation_code"]] += 1
            kinds["unowned"] += bool(row["unowned_amount"])
    assert {line for _, line in found} == set(LINES)
    assert kinds["unowned"]
    assert kinds["not_told" if bank.name == "two years" else "reconciled"]


def test_ledger_positions_are_averages_in_the_banks_currency(bank: Judged) -> None:
    ledger = bank.ledger
    found = bank.mart("ledger_positions")
    due = {}
    for month in ledger.months:
        if ledger.told_days(month):
            told, held = ledger.ledger_positions(month), ledger.account_positions(month)
            for position in {*told, *held}:
                due[month, *position] = _position(
                    told.get(position, {}), held.get(position, {}), ledger.days(month)
                )
    rows = {
        (r["month_start"], r["product_kind_code"], r["held_currency_code"]): r
        for r in found
    }
    assert set(rows) == set(due)
    assert {currency for _, _, currency in rows} > {"CNY"}
    differing = {
        key: difference
        for key, row in due.items()
        if (difference := differences(rows[key], row))
    }
    assert not differing, shown(differing)


def _position(told: Any, held: Any, days: list[date]) -> Row:
    zero = Fraction(0)
    return {
        "ledger_average_balance_amount": told.get("balance", zero) / len(days),
        "account_average_balance_amount": held.get("balance", zero) / len(days),
        "ledger_interest_amount": told.get("interest", zero),
        "account_interest_amount": held.get("interest", zero),
    }


def test_a_day_of_a_branch_and_tier_is_right_to_the_cent(bank: Judged) -> None:
    found = {
        (r["business_date"], r["branch_id"], r["tier"]): r
        for r in bank.mart("branch_overview")
    }
    due = bank.branches.overview()
    assert set(due) <= set(found)
    differing = {
        key: difference
        for key, row in due.items()
        if (difference := differences(found[key], row))
    }
    assert not differing, shown(differing)
    for key in set(found) - set(due):
        figures = [v for v in found[key].values() if isinstance(v, int | Decimal)]
        assert not any(figures), key
    assert {tier for _, _, tier in due} >= {"premium", "ordinary", UNKNOWN}
    assert len({branch for _, branch, _ in due}) > 3


def test_the_bank_is_the_sum_of_its_branches(bank: Judged) -> None:
    parts: dict[date, Table] = defaultdict(list)
    for r in bank.mart("branch_overview"):
        parts[r["business_date"]].append(r)
    overview = {r["business_date"]: r for r in bank.mart("bank_overview")}
    due = bank.branches.bank()
    assert set(overview) == set(parts) >= set(due)
    for day, rows in parts.items():
        for name in set(overview[day]) & set(rows[0]) - {"business_date"}:
            if name != "currency_code":
                assert overview[day][name] == sum(r[name] for r in rows), (day, name)
    for day, row in due.items():
        for name, value in row.items():
            gap = abs(Fraction(overview[day][name] or 0) - Fraction(value or 0))
            assert gap <= CENT * len(parts[day]) / 2, (day, name)


def test_a_month_of_a_branch_and_tier_is_right_to_the_cent(bank: Judged) -> None:
    found = {
        (r["month_start"], r["branch_id"], r["tier"]): r
        for r in bank.mart("branch_months")
    }
    due = bank.branches.months()
    assert set(found) == set(due)
    differing = {
        key: difference
        for key, row in due.items()
        if (difference := differences(found[key], row))
    }
    assert not differing, shown(differing)


def test_the_mix_of_channels_is_that_of_the_customers(bank: Judged) -> None:
    found = {
        (r["month_start"], r["branch_id"], r["tier"], r["channel"]): r
        for r in bank.mart("channel_mix")
    }
    due = bank.branches.mix()
    assert set(found) == set(due)
    differing = {
        key: difference
        for key, row in due.items()
        if (difference := differences(found[key], row))
    }
    assert not differing, shown(differing)


@pytest.mark.parametrize(
    ("table", "dated"),
    [("bank_overview", "business_date"), ("branch_months", "month_start")],
)
def test_change_is_against_the_same_a_year_before(
    bank: Judged, table: str, dated: str
) -> None:
    def key(row: Row, day: date) -> tuple[Any, ...]:
        return (day, row.get("branch_id"), row.get("tier"))

    rows = bank.mart(table)
    by_key = {key(r, r[dated]): r for r in rows}
    compared = 0
    for r in rows:
        earlier = by_key.get(key(r, year_before(r[dated])), {})
        for name in COMPARED[table]:
            before = earlier.get(name)
            assert r[f"year_before_{name}"] == before
            if before and r[name] is not None:
                change = float(r[name]) / float(before) - 1
                assert r[f"{name}_change_ratio"] == pytest.approx(change, abs=1e-9)
                compared += 1
            else:
                assert r[f"{name}_change_ratio"] is None
    assert compared if bank.name == "two years" else not compared
