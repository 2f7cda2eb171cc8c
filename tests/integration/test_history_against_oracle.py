"""Past profiles and today's signals are what the lake, added up in Python, comes to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.integration.oracle import (
    AS_OF,
    Oracle,
    Row,
    assert_right,
    candidate_of,
    months_later,
    seed,
    shown,
    straight_bank,
)
from tests.integration.oracle_bank import LONG_AS_OF, keyed, long_bank, rows_of
from tests.integration.oracle_history import (
    EVENTFUL_AS_OF,
    HistoryOracle,
    SignalOracle,
    eventful_bank,
    signal_terms,
    tells,
)

ZONE = "Asia/Shanghai"
# What the other two banks show; nothing of the rest happens in them.
RAISED = {
    "short": {"maturing_deposit", "missed_instalment", "next_best_product"},
    "long": {
        *("complaint_escalation", "maturing_deposit", "missed_instalment"),
        "next_best_product",
    },
    # All but the forecast, which just a model that was trained raises.
    "eventful": {r["signal_code"] for r in seed("signal_names")}
    - {"attrition_forecast"},
}
# Whoever is overdrawn is so wholly.
GRADED = RAISED["eventful"] - {"overdraft"}

# Of what somebody lacks, a tenth of those alike hold some kind in every bank.
ONE_SIDED = {"product_least_ratio"}


@dataclass(frozen=True)
class Judged:
    """An edition, and what should stand in it."""

    name: str
    database: Path
    history: HistoryOracle
    signals: SignalOracle

    @property
    def oracle(self) -> Oracle:
        return self.history.oracle

    def found_history(self) -> dict[tuple[Any, ...], Row]:
        return self._keyed("profile_history", "customer_key", "month_start")

    def found_signals(self) -> dict[tuple[Any, ...], Row]:
        columns = ("customer_key", "signal_code", "subject")
        return self._keyed("customer_signals", *columns)

    def _keyed(self, table: str, *columns: str) -> dict[tuple[Any, ...], Row]:
        return keyed(table, rows_of(self.database, table), *columns)


def _judged(name: str, home: Path, database: Path, as_of: date) -> Judged:
    tiers: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
    for r in rows_of(database, "customer_tiers"):
        tiers[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
    earned = {
        (r["customer_key"], r["month_start"]): r["contribution_amount"]
        for r in rows_of(database, "customer_contribution_monthly")
    }
    history = HistoryOracle(Oracle.of(home, database, as_of, ZONE), tiers, earned)
    signals = SignalOracle(history, signal_terms(as_of))
    return Judged(name, database, history, signals)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    home = straight_bank(tmp_path_factory.getbasetemp()).home
    return _judged("short", home.root, home.database, AS_OF)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    home = long_bank(tmp_path_factory.getbasetemp())
    return _judged("long", home.root, candidate_of(home), LONG_AS_OF)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    home = eventful_bank(tmp_path_factory.getbasetemp())
    return _judged("eventful", home.root, candidate_of(home), EVENTFUL_AS_OF)


@pytest.fixture(scope="module", params=["short", "long", "eventful"])
def bank(request: pytest.FixtureRequest) -> Judged:
    judged: Judged = request.getfixturevalue(request.param)
    return judged


# The profile of past months


def test_profile_history_has_every_month_since_a_customer_is_known(
    bank: Judged,
) -> None:
    found = bank.found_history()
    assert set(found) == set(bank.history.rows())
    assert {key for key, _ in found} == set(bank.oracle.customer_keys)
    firsts = {month: 0 for _, month in found}
    for month in bank.oracle.first_months.values():
        firsts[month] += 1
    assert len(firsts) == {"short": 1, "long": 14, "eventful": 5}[bank.name]
    assert sum(count > 0 for count in firsts.values()) > (bank.name != "short")


def test_profile_history_is_right_to_the_cent(bank: Judged) -> None:
    found, due = bank.found_history(), bank.history.rows()
    assert_right(found, due)
    told = {"customer_key", "month_start", *next(iter(due.values()))}
    assert told == set(next(iter(found.values())))
    for column in told:
        assert any(r[column] for r in found.values()), f"{column} was never put to test"


def test_every_fact_of_a_profile_changed_from_a_month_to_the_next(
    eventful: Judged,
) -> None:
    """Else a history that repeats today's profile would be right."""
    found = eventful.found_history()
    constant = {"customer_key", "currency_code"}
    changed = {
        column
        for (key, month), row in found.items()
        for column, value in row.items()
        if found.get((key, months_later(month, 1)), row)[column] != value
    }
    assert changed == next(iter(found.values())).keys() - constant


# Signals


def test_every_signal_is_raised_that_is_due_and_no_other(bank: Judged) -> None:
    found, due = set(bank.found_signals()), bank.signals.signals()
    wrong = {key: due.get(key, "not due") for key in found ^ due.keys()}
    assert not wrong, shown(wrong)
    # More customers than the usual few hundred see more.
    assert {code for _, code, _ in found} >= RAISED[bank.name]


def test_a_signal_is_as_strong_as_its_figures(bank: Judged) -> None:
    found, due = bank.found_signals(), bank.signals.signals()
    differing = {
        key: (found[key]["score"], signal)
        for key, signal in due.items()
        # A score is of amounts that are rounded to the cent.
        if key in found
        and found[key]["score"] != pytest.approx(float(signal.score), abs=2e-6)
    }
    assert not differing, shown(differing)
    assert len(found.keys() & due.keys()) > 100


def test_the_evidence_of_a_signal_has_the_figures_that_raised_it(bank: Judged) -> None:
    found, due = bank.found_signals(), bank.signals.signals()
    differing = {
        key: (found[key]["evidence"], signal)
        for key, signal in due.items()
        if key in found and not tells(found[key]["evidence"], signal.figures)
    }
    assert not differing, shown(differing)
    assert all(signal.figures for signal in due.values())


def test_a_signal_has_its_names_and_the_edition_s_date(bank: Judged) -> None:
    names = {r["signal_code"]: r for r in seed("signal_names")}
    for (_, code, _), row in bank.found_signals().items():
        assert row["signal_name_en"] == names[code]["signal_name_en"]
        assert row["signal_name_zh"] == names[code]["signal_name_zh"]
        assert row["is_warning"] == (names[code]["is_warning"] == "true")
        assert row["signal_date"] == bank.oracle.as_of


def test_signals_are_strong_and_weak_and_raised_of_some_customers_only(
    eventful: Judged,
) -> None:
    scores: dict[str, set[float]] = defaultdict(set)
    raised: dict[str, set[str]] = defaultdict(set)
    for (key, code, _), row in eventful.found_signals().items():
        scores[code].add(row["score"])
        raised[code].add(key)
    everyone = set(eventful.oracle.customer_keys)
    assert raised.keys() == RAISED["eventful"]
    assert all(keys < everyone for keys in raised.values())
    assert {code for code, its in scores.items() if len(its) > 2} == GRADED
    assert all(max(scores[code]) == 1 for code in ("attrition", "missed_instalment"))


@pytest.mark.parametrize("code", sorted(signal_terms(EVENTFUL_AS_OF)))
def test_a_signal_would_be_another_by_other_terms(eventful: Judged, code: str) -> None:
    """Else a model that has another number, or none, would be right."""
    terms = eventful.signals.terms
    step = Fraction(1, 20) if terms[code] < 1 else Fraction(1)
    for sign in (1,) if code in ONE_SIDED else (-1, 1):
        changed = terms[code] + sign * step
        other = SignalOracle(eventful.history, {**terms, code: changed})
        is_other = other.signals() != eventful.signals.signals()
        assert is_other, f"{code} might as well be {changed}"


class Unwary(SignalOracle):
    """One who proposes credit to minors, and to those who are behind with theirs."""

    def may_owe(self, key: str) -> bool:
        return True


class Bold(SignalOracle):
    """One who proposes investments to everybody."""

    def may_risk(self, key: str, number: int) -> bool:
        return True


def test_no_credit_is_proposed_to_who_is_past_due_or_a_minor(bank: Judged) -> None:
    spared = {k for k in bank.oracle.customer_keys if not bank.signals.may_owe(k)}
    assert any(bank.signals.is_behind(key) for key in spared)
    proposed: dict[bool, set[str]] = defaultdict(set)
    for key, code, kind in bank.found_signals():
        if code == "next_best_product":
            proposed[key in spared].add(kind)
    assert any(bank.signals.is_credit(kind) for kind in proposed[False])
    assert not any(bank.signals.is_credit(kind) for kind in proposed[True])


@pytest.mark.parametrize("careless", [Unwary, Bold])
def test_some_are_proposed_another_product_for_what_they_may_not_hold(
    eventful: Judged, careless: type[SignalOracle]
) -> None:
    """Else the proposals would be right with these rules or without them."""
    due = eventful.signals.signals().keys()
    unruly = careless(eventful.history, eventful.signals.terms).signals().keys()
    assert due - unruly, "nobody was proposed another product instead"
    assert {code for _, code, _ in due ^ unruly} == {"next_best_product"}
    if careless is Unwary:
        spared = {key for key, _, _ in unruly - due}
        behind = {key for key in spared if eventful.signals.is_behind(key)}
        assert set() < behind < spared, "no minor was spared, or nobody behind"
