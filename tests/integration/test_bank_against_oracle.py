"""The marts of the bank as a whole are what the lake, added up in Python, comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.integration.oracle import (
    AS_OF,
    CUSTOMERS,
    ZERO,
    Oracle,
    Row,
    Table,
    assert_right,
    candidate_of,
    differences,
    in_force,
    is_rounding_of,
    seed,
    shown,
    straight_bank,
)
from tests.integration.oracle_bank import (
    LINES,
    LONG_AS_OF,
    LONG_DAYS,
    SIGNS,
    UNKNOWN,
    BranchOracle,
    LedgerOracle,
    keyed,
    long_bank,
    rows_of,
    year_before,
)

ZONE = "Asia/Shanghai"
HALF_CENT = Fraction(5, 1000)
ADDED = (
    *("customer_count", "active_customer_count", "interaction_count"),
    *("credit_amount", "debit_amount"),
    *("deposit_balance_amount", "loan_balance_amount", "cost_to_serve_amount"),
    *("inbound_call_count", "abandoned_call_count", "satisfaction_answer_count"),
    *("case_opened_count", "open_case_count"),
)
DAY_BEFORE = (
    *("customer_count", "active_customer_count", "deposit_balance_amount"),
    *("loan_balance_amount", "cost_to_serve_amount", "case_opened_count"),
    "satisfaction_average",
)
MONTH_BEFORE = (*DAY_BEFORE, "contribution_amount")


@dataclass(frozen=True)
class Judged:
    """An edition, and what should stand in it."""

    name: str
    database: Path
    ledger: LedgerOracle
    branches: BranchOracle

    @property
    def oracle(self) -> Oracle:
        return self.branches.oracle

    def rows(self, table: str) -> Table:
        rows = rows_of(self.database, table)
        assert {r["currency_code"] for r in rows} == {"CNY"}
        return rows

    def keyed(self, table: str, *columns: str) -> dict[tuple[Any, ...], Row]:
        return keyed(table, self.rows(table), *columns)


def _judged(name: str, home: Path, database: Path, as_of: date) -> Judged:
    oracle = Oracle.of(home, database, as_of, ZONE)
    contribution = rows_of(database, "customer_contribution_monthly")
    tiers: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
    for r in rows_of(database, "customer_tiers"):
        tiers[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
    return Judged(
        name,
        database,
        LedgerOracle(oracle, contribution),
        BranchOracle(oracle, tiers, contribution),
    )


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    home = straight_bank(tmp_path_factory.getbasetemp()).home
    return _judged("short", home.root, home.database, AS_OF)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    home = long_bank(tmp_path_factory.getbasetemp())
    return _judged("long", home.root, candidate_of(home), LONG_AS_OF)


@pytest.fixture(scope="module", params=["short", "long"])
def bank(request: pytest.FixtureRequest) -> Judged:
    judged: Judged = request.getfixturevalue(request.param)
    return judged


def is_near(found: Decimal, true: Fraction, roundings: int) -> bool:
    """Whether an amount is the exact one but for so many roundings to the cent."""
    return abs(Fraction(found) - true) <= roundings * HALF_CENT + Fraction(1, 10**9)


# The general ledger


def test_contribution_reconciliation_has_every_month_line_and_day(bank: Judged) -> None:
    found = bank.keyed("contribution_reconciliation", "month_start", "line_code")
    assert set(found) == {(m, line) for m in bank.ledger.months for line in LINES}
    days = {
        month: (len(bank.ledger.days(month)), len(bank.ledger.told_days(month)))
        for month in bank.ledger.months
    }
    assert all(
        (r["day_count"], r["told_day_count"]) == days[month]
        for (month, _), r in found.items()
    )
    assert any(told == count > 0 for count, told in days.values())
    is_partly_told = any(0 < told < count for count, told in days.values())
    is_silent = any(not told for _, told in days.values())
    assert is_partly_told == is_silent == (bank.name == "long")


def test_contribution_reconciliation_is_right_to_the_cent(bank: Judged) -> None:
    found = bank.keyed("contribution_reconciliation", "month_start", "line_code")
    differing = {
        (month, line): (found[month, line], due)
        for month in bank.ledger.months
        for line, due in bank.ledger.reconciliation(month).items()
        if not _is_reconciled_as(found[month, line], due)
    }
    assert not differing, shown(differing)
    for column in ("customer", "unowned", "rounding", "unexplained"):
        assert any(r[f"{column}_amount"] for r in found.values()), column
    for line in LINES:
        amounts = [r["ledger_amount"] for (_, its), r in found.items() if its == line]
        assert any(amounts), f"{line} was never put to test"
    assert {currency for _, currency in _positions(bank)} >= {"CNY", "EUR", "USD"}


def _positions(bank: Judged) -> set[tuple[str, str]]:
    months = bank.ledger.months
    return {p for month in months for p in bank.ledger.ledger_positions(month)}


def _is_reconciled_as(row: Row, due: Any) -> bool:
    """The ledger's side and the unowned are rounded once; what is left over, twice."""
    sides = (
        row["customer_amount"] == due.customers
        and is_rounding_of(row["unowned_amount"], due.unowned)
        and is_near(row["rounding_amount"], due.rounding, 2)
    )
    if due.ledger is None:
        told = row["ledger_amount"] is None and row["unexplained_amount"] is None
        return sides and told and row["unexplained_ratio"] is None
    known = (
        row[f"{part}_amount"]
        for part in ("customer", "unowned", "rounding", "unexplained")
    )
    return (
        sides
        and is_rounding_of(row["ledger_amount"], due.ledger)
        and is_near(row["unexplained_amount"], due.unexplained, 2)
        and row["ledger_amount"] == sum(known)
    )


def test_a_line_is_judged_by_what_it_leaves_unexplained(bank: Judged) -> None:
    found = bank.keyed("contribution_reconciliation", "month_start", "line_code")
    codes = set()
    for (month, _), row in found.items():
        (terms,) = in_force(seed("reconciliation_terms"), month)
        most = float(terms["most_unexplained_ratio"])
        assert row["most_unexplained_ratio"] == pytest.approx(most, abs=1e-9)
        rejected = float(bank.ledger.rejected_ratio(month))
        assert row["rejected_ratio"] == pytest.approx(rejected, abs=1e-9)
        if row["ledger_amount"] is not None:
            gross = sum(abs(found[month, line]["ledger_amount"]) for line in SIGNS)
            ratio = float(abs(row["unexplained_amount"]) / gross)
            assert row["unexplained_ratio"] == pytest.approx(ratio, abs=1e-9)
        assert row["reconciliation_code"] == _code(row)
        codes.add(row["reconciliation_code"])
    assert any(r["rejected_ratio"] > 0 for r in found.values())
    # Of more customers, the few rows that were rejected explain nothing.
    other = {"long": "not_told", "short": "rejected_rows"}[bank.name]
    assert codes >= {"reconciled", *([other] if CUSTOMERS == "300" else [])}


def _code(row: Row) -> str:
    if row["told_day_count"] < row["day_count"]:
        return "not_told"
    if row["unexplained_ratio"] <= row["most_unexplained_ratio"]:
        return "reconciled"
    bound = row["most_unexplained_ratio"] + row["rejected_ratio"]
    return "rejected_rows" if row["unexplained_ratio"] <= bound else "unexplained"


def test_ledger_positions_are_right_to_the_cent(bank: Judged) -> None:
    found = bank.keyed(
        "ledger_positions", "month_start", "product_kind_code", "held_currency_code"
    )
    due: dict[tuple[Any, ...], Row] = {}
    for month in bank.ledger.months:
        if bank.ledger.told_days(month):
            due |= _positions_of(bank.ledger, month)
    assert set(found) == set(due)
    assert_right(found, due)
    assert any(
        r["ledger_average_balance_amount"] != r["account_average_balance_amount"]
        for r in found.values()
    ), "the ledger and the accounts never differed"
    assert {currency for *_, currency in found} >= {"CNY", "EUR", "USD"}


def _positions_of(ledger: LedgerOracle, month: date) -> dict[tuple[Any, ...], Row]:
    told, held = ledger.ledger_positions(month), ledger.account_positions(month)
    days = len(ledger.days(month))
    nothing = {"balance": ZERO, "interest": ZERO}
    return {
        (month, *position): {
            "day_count": days,
            "told_day_count": len(ledger.told_days(month)),
            "ledger_average_balance_amount": its["balance"] / days,
            "account_average_balance_amount": own["balance"] / days,
            "ledger_interest_amount": its["interest"],
            "account_interest_amount": own["interest"],
        }
        for position in told.keys() | held.keys()
        for its in (told.get(position, nothing),)
        for own in (held.get(position, nothing),)
    }


# Days


def test_branch_overview_is_right_to_the_cent(bank: Judged) -> None:
    """A branch and tier that has nothing on a day may have a row, but a blank one."""
    found = bank.keyed("branch_overview", "business_date", "branch_id", "tier")
    due = bank.branches.overview()
    assert set(due) <= set(found)
    nothing = dict.fromkeys(next(iter(due.values())), 0)
    assert_right(found, {key: due.get(key, nothing) for key in found})
    assert {tier for *_, tier in due} >= {"premium", "ordinary", "potential", UNKNOWN}
    assert len({branch for _, branch, _ in due}) > 5
    nobody = [r for (_, *place), r in found.items() if place == [UNKNOWN, UNKNOWN]]
    assert any(r["deposit_balance_amount"] for r in nobody), "no account was unowned"
    assert any(r["interaction_count"] for r in nobody), "no interaction was unknown"
    for column in nothing:
        assert any(r[column] for r in found.values()), f"{column} was never put to test"


def test_bank_overview_is_the_sum_of_branch_overview(bank: Judged) -> None:
    rows: dict[date, Table] = defaultdict(list)
    for r in bank.rows("branch_overview"):
        rows[r["business_date"]].append(r)
    found = {r["business_date"]: r for r in bank.rows("bank_overview")}
    assert set(found) == set(rows)
    averages = 0
    for day, row in found.items():
        sums = {
            c: sum(r[c] for r in rows[day]) for c in (*ADDED, "satisfaction_score_sum")
        }
        assert {c: row[c] for c in ADDED} == {c: sums[c] for c in ADDED}
        if sums["satisfaction_answer_count"]:
            due = sums["satisfaction_score_sum"] / sums["satisfaction_answer_count"]
            assert row["satisfaction_average"] == pytest.approx(due, abs=1e-9)
            averages += 1
        else:
            assert row["satisfaction_average"] is None
    assert averages


def test_bank_overview_is_the_lake_but_for_the_rounding_of_its_branches(
    bank: Judged,
) -> None:
    groups: dict[date, int] = defaultdict(int)
    for r in bank.rows("branch_overview"):
        groups[r["business_date"]] += 1
    found = {r["business_date"]: r for r in bank.rows("bank_overview")}
    due = bank.branches.bank()
    assert set(found) == set(due)
    for day, row in due.items():
        exact = {n: v for n, v in row.items() if isinstance(v, Fraction)}
        told = {n: v for n, v in row.items() if n not in exact}
        assert not differences(found[day], told), day
        for name, value in exact.items():
            assert is_near(found[day][name], value, groups[day]), (day, name)
    assert any(row["open_case_count"] for row in due.values())
    assert all(row["deposit_balance_amount"] > 0 for row in due.values())
    assert any(r["currency_code"] != "CNY" for r in bank.oracle.accounts.values())


def _holds_against(row: Row, before: Row | None, columns: tuple[str, ...]) -> bool:
    """Whether a row has the figures of a year before, and the changes since."""
    return all(
        row[f"year_before_{c}"] == (before[c] if before else None)
        and row[f"{c}_change_ratio"] == _change(row[c], row[f"year_before_{c}"])
        for c in columns
    )


def _change(now: Any, before: Any) -> Any:
    if now is None or not before:
        return None
    return pytest.approx(float(Fraction(now) / Fraction(before)) - 1, abs=1e-9)


def test_bank_overview_is_held_against_the_same_day_a_year_before(long: Judged) -> None:
    found = {r["business_date"]: r for r in long.rows("bank_overview")}
    differing = {
        day: row
        for day, row in found.items()
        if not _holds_against(row, found.get(year_before(day)), DAY_BEFORE)
    }
    assert not differing, shown(differing)
    later = [found[day] for day in LONG_DAYS[3:]]
    assert all(r["year_before_customer_count"] for r in later)
    for column in DAY_BEFORE:
        assert any(r[f"year_before_{column}"] is not None for r in later), column
    assert any(r["active_customer_count_change_ratio"] for r in later)


def test_a_bank_of_three_days_has_no_year_before(short: Judged) -> None:
    tables = {
        "bank_overview": DAY_BEFORE,
        "branch_months": MONTH_BEFORE,
        "channel_mix": (),
    }
    for table, columns in tables.items():
        for row in short.rows(table):
            assert _holds_against(row, None, columns)
            before = [v for n, v in row.items() if n.startswith("year_before_")]
            assert before, f"mart.{table} tells nothing of a year before"
            assert before == [None] * len(before)


# Months


def test_branch_months_are_right_to_the_cent(bank: Judged) -> None:
    found = bank.keyed("branch_months", "month_start", "branch_id", "tier")
    due = bank.branches.months()
    assert set(found) == set(due)
    assert_right(found, due)
    assert {tier for *_, tier in found} >= {"premium", "ordinary", "potential"}
    assert any(branch == UNKNOWN for _, branch, _ in found)
    for column in next(iter(due.values())):
        assert any(r[column] for r in found.values()), f"{column} was never put to test"


def test_branch_months_add_up_to_what_customers_contributed(bank: Judged) -> None:
    earned: dict[date, Decimal] = defaultdict(Decimal)
    for r in rows_of(bank.database, "customer_contribution_monthly"):
        earned[r["month_start"]] += r["contribution_amount"]
    found: dict[date, Decimal] = defaultdict(Decimal)
    for r in bank.rows("branch_months"):
        found[r["month_start"]] += r["contribution_amount"]
    assert dict(found) == dict(earned)
    assert all(earned.values())


def test_branch_months_are_held_against_the_same_month_a_year_before(
    long: Judged,
) -> None:
    found = long.keyed("branch_months", "month_start", "branch_id", "tier")
    held = 0
    for (month, *place), row in found.items():
        before = found.get((year_before(month), *place))
        if before or not _is_told(found, year_before(month)):
            assert _holds_against(row, before, MONTH_BEFORE), (month, *place)
            held += before is not None
    assert held > 10
    for column in MONTH_BEFORE:
        earlier = [r[f"year_before_{column}"] for r in found.values()]
        assert any(v is not None for v in earlier), column
    assert any(r["contribution_amount_change_ratio"] for r in found.values())


def test_branch_months_have_no_year_before_where_nobody_was_then(
    long: Judged,
) -> None:
    found = long.keyed("branch_months", "month_start", "branch_id", "tier")
    new = [
        row
        for key, row in found.items()
        if _is_told(found, year_before(key[0]))
        and (year_before(key[0]), *key[1:]) not in found
    ]
    assert new, "every branch and tier had customers a year before"
    for row in new:
        for column in MONTH_BEFORE:
            assert row[f"year_before_{column}"] is None
            assert row[f"{column}_change_ratio"] is None


def _is_told(found: Mapping[tuple[Any, ...], Row], month: date) -> bool:
    """Whether the bank's history reaches to a month."""
    return any(key[0] == month for key in found)


def test_channel_mix_is_right_to_the_cent(bank: Judged) -> None:
    columns = ("month_start", "branch_id", "tier", "channel")
    found = bank.keyed("channel_mix", *columns)
    due = bank.branches.mix()
    assert set(found) == set(due)
    assert_right(found, due)
    shares: dict[tuple[Any, ...], float] = defaultdict(float)
    for key, row in found.items():
        shares[key[:3]] += row["interaction_share_ratio"]
    assert all(share == pytest.approx(1, abs=1e-9) for share in shares.values())
    assert len({channel for *_, channel in found}) > 5
    assert {tier for _, _, tier, _ in found} >= {"premium", "ordinary", "potential"}


def test_channel_mix_is_held_against_the_share_a_year_before(long: Judged) -> None:
    columns = ("month_start", "branch_id", "tier", "channel")
    found = long.keyed("channel_mix", *columns)
    differing, held = {}, 0
    for (month, *place), row in found.items():
        before = found.get((year_before(month), *place))
        due = before["interaction_share_ratio"] if before else None
        share = row["year_before_interaction_share_ratio"]
        held += share is not None
        if share != (None if due is None else pytest.approx(due, abs=1e-9)):
            differing[month, *place] = (share, due)
    assert not differing, shown(differing)
    assert 10 < held < len(found)
