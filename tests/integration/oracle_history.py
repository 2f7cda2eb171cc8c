"""A second opinion on the profile of past months and on what is worth a look today.

Written from the descriptions of `mart.profile_history`, `mart.customer_signals` and
their policy seeds, over the lake as `oracle` reads it. It takes two further tables from
the edition, which have opinions of their own there: tiers, and what each customer
contributed in a month. Money is added up in fractions.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from tests.integration.bank_runs import Home, built_once
from tests.integration.oracle import (
    ZERO,
    Oracle,
    Row,
    Table,
    _age,
    _tier_on,
    _total,
    _where,
    candidate_of,
    exact,
    in_force,
    land,
    month_of,
    months_later,
    seed,
)
from tests.integration.oracle_bank import deliver_sample

CASH = {"card_withdrawal", "cash_withdrawal"}
EARNED = {"salary", "pension"}

Subject = tuple[str, str, str]
Figure = Fraction | date | str


def days_allowed(case: Row) -> int:
    """Days in which a case is due to be answered."""
    days = 30 if case["complexity_code"] == "complex" else 15
    return days + (30 if case["extended_at"] else 0)


@dataclass(frozen=True)
class Signal:
    """What a signal should be: its score, and in order what its evidence tells."""

    score: Fraction
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class HistoryOracle:
    """What each customer was at the end of each month since it is known."""

    oracle: Oracle
    tiers: Mapping[str, list[tuple[date, date, str]]]
    earned: Mapping[tuple[str, date], Decimal]

    def rows(self) -> dict[tuple[str, date], Row]:
        return {
            (key, month): self._row(key, month)
            for key, first in self.oracle.first_months.items()
            for month in self.oracle.months
            if first <= month
        }

    def _row(self, key: str, month: date) -> Row:
        day = self.last_day(month)
        return {
            "as_of_date": day,
            "tier": _tier_on(self.tiers.get(key, []), day),
            **self._person(key, day),
            **self._holdings(key, day),
            **self._activity(key, month),
            "contribution_amount": self.earned.get((key, month), Decimal()),
            "trailing_contribution_amount": self._trailing(key, month),
            "currency_code": self.oracle.own_currency,
        }

    def last_day(self, month: date) -> date:
        """Return the month's last day; of the running month the edition's date."""
        return min(months_later(month, 1) - timedelta(days=1), self.oracle.as_of)

    def _person(self, key: str, day: date) -> Row:
        basics = self.oracle.basics.get(key, {})
        answered = basics.get("risk_assessed_date")
        level = basics.get("declared_risk_level_code")
        return {
            "age_years": _age(basics.get("birth_date"), day),
            "declared_risk_level_code": level if answered and answered <= day else None,
        }

    def open_accounts(self, key: str, day: date) -> Table:
        """The accounts that a customer owns, alone or jointly, at the end of a day."""
        return [
            account
            for account in self.oracle._accounts_of(key)
            if account["opened_date"] <= day < (account["closed_date"] or date.max)
        ]

    def _holdings(self, key: str, day: date) -> Row:
        held = self.open_accounts(key, day)
        kinds = sorted({account["product_kind_code"] for account in held})
        return {
            "open_account_count": len(held),
            "product_kind_count": len(kinds),
            "product_kinds": ", ".join(kinds) or None,
            **{f"{s}_balance_amount": self.balance(key, day, s) for s in _SIDES},
        }

    def balance(self, key: str, day: date, side: str) -> Fraction:
        """A customer's parts of what stood at the end of a day on its open accounts.

        An account that the register has opened later was not held then, even where a
        balance of it was told.
        """
        total = ZERO
        for account in self.open_accounts(key, day):
            days = self.oracle.daily_balances.get(account["account_id"], {})
            if account["side_code"] == side and day in days:
                share = self.oracle.shares[account["account_id"]][key]
                worth = self.oracle.valued(account["currency_code"], day)
                total += days[day] * worth * share
        return total

    @functools.cached_property
    def _timelines(self) -> dict[tuple[str, date], Table]:
        found: dict[tuple[str, date], Table] = defaultdict(list)
        for key, rows in self.oracle.timelines.items():
            for row in rows:
                found[key, month_of(row["business_date"])].append(row)
        return found

    def _activity(self, key: str, month: date) -> Row:
        rows = self._timelines.get((key, month), [])
        scores = [r["satisfaction_score"] for r in rows]
        answers = [int(score) for score in scores if score is not None]
        return {
            "interaction_count": len(rows),
            "transaction_count": len(_where(rows, kind_code={"transaction"})),
            "debit_amount": _total(_where(rows, direction_code={"debit"})),
            "credit_amount": _total(_where(rows, direction_code={"credit"})),
            "salary_amount": self.salary(key, month),
            "cash_withdrawal_amount": _total(_where(rows, activity_code=CASH)),
            "call_count": len(_where(rows, activity_code={"call"})),
            "case_opened_count": len(_where(rows, activity_code={"case_opened"})),
            "satisfaction_average": sum(answers) / len(answers) if answers else None,
            "cost_to_serve_amount": sum((r["cost"] for r in rows), ZERO),
        }

    def salary(self, key: str, month: date) -> Fraction:
        return _total(
            _where(self._timelines.get((key, month), []), activity_code=EARNED)
        )

    def _trailing(self, key: str, month: date) -> Decimal:
        """The months that the policy of that month ranks, the month itself included."""
        (policy,) = in_force(seed("tier_policy"), month)
        count = int(policy["trailing_months"])
        months = (months_later(month, -back) for back in range(count))
        return sum((self.earned.get((key, m), Decimal()) for m in months), Decimal())


_SIDES = ("deposit", "loan")


def signal_terms(day: date) -> dict[str, Fraction]:
    rows = in_force(seed("signal_terms"), day)
    return {r["term_code"]: Fraction(r["term_value"]) for r in rows}


@dataclass(frozen=True)
class SignalOracle:
    """What is worth a look at each customer on the edition's date, and how strongly.

    `terms` are the numbers of policy.signal_terms by their codes.
    """

    history: HistoryOracle
    terms: Mapping[str, Fraction]

    @property
    def oracle(self) -> Oracle:
        return self.history.oracle

    @property
    def as_of(self) -> date:
        return self.oracle.as_of

    def signals(self) -> dict[Subject, Signal]:
        return {
            (key, code, subject): signal
            for key in self.oracle.customer_keys
            for code, subject, signal in self._of(key)
        }

    def _of(self, key: str) -> Iterator[tuple[str, str, Signal]]:
        yield from self._of_accounts(key)
        single = {
            ("attrition", "deposits"): self._attrition(key),
            ("unusual_cash", "cash"): self._unusual_cash(key),
            ("complaint_escalation", "cases"): self._complaints(key),
            ("salary_rise", "salary"): self._salary_rise(key),
        }
        for (code, subject), signal in single.items():
            if signal:
                yield code, subject, signal
        yield from self._proposed(key)

    # Accounts

    @functools.cached_property
    def _last_balances(self) -> dict[str, Row]:
        """The last balance that was told of each account."""
        rows = self.oracle.lake.events("core_banking", "balances", "account_id")
        rows.sort(key=lambda r: r["business_date"])
        return {r["account_id"]: r for r in rows}

    def _told_today(self, key: str) -> Iterator[tuple[Row, Row]]:
        """Each open account of a customer with its last balance."""
        for account in self.history.open_accounts(key, self.as_of):
            told = self._last_balances.get(account["account_id"])
            if told:
                yield account, told

    def _of_accounts(self, key: str) -> Iterator[tuple[str, str, Signal]]:
        for account, told in self._told_today(key):
            raised = (
                {
                    "overdraft": _overdraft(account, told),
                    "maturing_deposit": self._maturing(account, told),
                }
                if account["side_code"] == "deposit"
                else {"missed_instalment": self._missed(account, told)}
            )
            for code, signal in raised.items():
                if signal:
                    yield code, account["account_id"], signal

    def _maturing(self, account: Row, told: Row) -> Signal | None:
        """Today is 1, the first day that is too far ahead would be 0."""
        matures, most = account["maturity_date"], self.terms["maturing_days"]
        if matures is None or not 0 <= (matures - self.as_of).days <= most:
            return None
        balance, currency = exact(told["balance_amount"]), account["currency_code"]
        if balance <= 0:
            return None
        score = 1 - Fraction((matures - self.as_of).days) / (most + 1)
        return Signal(score, (balance, currency, matures))

    def _missed(self, account: Row, told: Row) -> Signal | None:
        if not told["overdue_days"]:
            return None
        days, owed = Fraction(told["overdue_days"]), exact(told["balance_amount"])
        score = min(days / self.terms["overdue_full_days"], Fraction(1))
        return Signal(score, (days, owed, account["currency_code"]))

    # Behaviour

    def _attrition(self, key: str) -> Signal | None:
        """Deposits now against those at the end of the month so many months before."""
        terms = self.terms
        month = months_later(self.oracle.this_month, -int(terms["attrition_months"]))
        if self.oracle.first_months[key] > month:
            return None
        then = self.history.last_day(month)
        before = self.history.balance(key, then, "deposit")
        _, amounts = self.oracle.holdings(key)
        now, activity = amounts["deposit_balance_amount"], self.oracle.activity(key)
        if before < terms["attrition_least_balance"]:
            return None
        drop, is_down = 1 - now / before, activity["activity_change_code"] == "down"
        ratio = "attrition_active_drop_ratio" if is_down else "attrition_drop_ratio"
        if drop < terms[ratio]:
            return None
        met = (activity["last_30_days_count"], 30, activity["baseline_30_days_count"])
        return Signal(
            min(drop, Fraction(1)),
            (now, before, then, -100 * drop, *(Fraction(number) for number in met)),
        )

    def _unusual_cash(self, key: str) -> Signal | None:
        days, usual_days = self.terms["cash_days"], self.terms["cash_baseline_days"]
        recent = usual = ZERO
        for r in _where(self.oracle.timelines.get(key, []), activity_code=CASH):
            age = (self.as_of - r["business_date"]).days
            if age < days:
                recent += r["worth"]
            elif age < days + usual_days:
                usual += r["worth"] * days / usual_days
        is_much = recent >= self.terms["cash_least_amount"]
        if not is_much or recent < usual * self.terms["cash_times"]:
            return None
        return Signal(1 - usual / recent, (recent, days, usual))

    @functools.cached_property
    def _cases(self) -> dict[str, list[tuple[int, int, bool]]]:
        """Days since each case of a customer was opened, of how many, and if open."""
        told = {r["case_id"]: r for r in self.oracle.cases}
        found: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        for r in told.values():
            age = (self.as_of - self.oracle.local(r["opened_at"]).date()).days
            case = (age, days_allowed(r), r["status_code"] == "open")
            found[self.oracle.customer_of[r["record_id"]]].append(case)
        return found

    def _complaints(self, key: str) -> Signal | None:
        """Twice what is allowed, of days or of cases, is the most that there is."""
        many = self.terms["complaint_repeat_count"]
        within = self.terms["complaint_repeat_days"]
        cases = self._cases.get(key, [])
        count = sum(age < within for age, _, _ in cases)
        waiting = [(age, allowed) for age, allowed, is_open in cases if is_open]
        share = max((Fraction(age, allowed) for age, allowed in waiting), default=ZERO)
        if share <= 1 and count < many:
            return None
        longest = max((age for age, _ in waiting), default=0)
        score = max(share / 2, Fraction(count) / (2 * many))
        figures = (Fraction(count), within, *(Fraction(longest) for _ in waiting[:1]))
        return Signal(min(score, Fraction(1)), figures)

    def _salary_rise(self, key: str) -> Signal | None:
        count = int(self.terms["salary_months"])
        last, *before = (
            self.history.salary(key, months_later(self.oracle.this_month, -back))
            for back in range(1, count + 2)
        )
        average = sum(before, ZERO) / count
        least = average * (1 + self.terms["salary_rise_ratio"])
        if not all(before) or last <= least:
            return None
        return Signal(1 - average / last, (last, average, Fraction(count)))

    # Products

    @functools.cached_property
    def _kinds(self) -> dict[str, Row]:
        rows = in_force(seed("product_terms"), self.as_of)
        return {r["product_kind_code"]: r for r in rows}

    @functools.cached_property
    def _held(self) -> dict[str, set[str]]:
        return {
            key: {
                account["product_kind_code"]
                for account in self.history.open_accounts(key, self.as_of)
            }
            for key in self.oracle.customer_keys
        }

    @functools.cached_property
    def _alike(self) -> dict[str, tuple[str | None, str]]:
        """Each customer's tier of today and stage of life."""
        return {
            key: (
                _tier_on(self.history.tiers.get(key, []), self.as_of),
                self.oracle.segments(key)["life_stage"],
            )
            for key in self.oracle.customer_keys
        }

    @functools.cached_property
    def _holders(self) -> Counter[tuple[tuple[str | None, str], str]]:
        """How many customers of a tier and stage of life hold each kind of product."""
        return Counter(
            (self._alike[key], kind)
            for key, kinds in self._held.items()
            for kind in kinds
        )

    def is_behind(self, key: str) -> bool:
        """Whether a customer is past due with a loan that is open."""
        return any(
            (told["overdue_days"] or 0) > 0
            for account, told in self._told_today(key)
            if account["side_code"] == "loan"
        )

    def is_credit(self, kind: str) -> bool:
        return str(self._kinds[kind]["group_code"]) == "borrowing"

    def may_owe(self, key: str) -> bool:
        return self._alike[key][1] != "minor" and not self.is_behind(key)

    def may_risk(self, key: str, number: int) -> bool:
        """Whether a questionnaire that holds allows a risk."""
        basics = self.oracle.basics.get(key, {})
        level = basics.get("declared_risk_level_code")
        if not level or not basics["is_risk_level_current"]:
            return False
        return number <= int(level[1:])

    def _may_hold(self, key: str, kind: str) -> bool:
        terms = self._kinds[kind]
        if terms["group_code"] == "investments":
            return self.may_risk(key, int(terms["risk_number"]))
        return not self.is_credit(kind) or self.may_owe(key)

    def _proposed(self, key: str) -> Iterator[tuple[str, str, Signal]]:
        """The kind that most alike hold; of several by as many, the first by name."""
        alike = self._alike[key]
        everyone = sum(other == alike for other in self._alike.values())
        counts = {
            kind: self._holders[alike, kind]
            for kind in sorted(self._kinds.keys() - self._held[key])
            if self._may_hold(key, kind)
        }
        best = max(counts, key=lambda kind: counts[kind], default=None)
        if alike[0] not in {"premium", "ordinary"} or best is None:
            return
        share = Fraction(counts[best], everyone)
        if share >= self.terms["product_least_ratio"]:
            figures = (Fraction(counts[best]), Fraction(everyone))
            yield "next_best_product", best, Signal(share, figures)


def _overdraft(account: Row, told: Row) -> Signal | None:
    balance = exact(told["balance_amount"])
    if balance >= 0:
        return None
    return Signal(Fraction(1), (balance, account["currency_code"]))


_FIGURE = re.compile(r"\d{4}-\d{2}-\d{2}|-?\d+(?:\.\d+)?|\b[A-Z]{3}\b")


def figures_of(evidence: str) -> list[str]:
    """Return the dates, numbers and currencies of a sentence, in order."""
    return _FIGURE.findall(evidence)


def tells(evidence: str, due: Iterable[Figure]) -> bool:
    """Whether a sentence has these figures and no others, each to its last digit."""
    found, figures = figures_of(evidence), list(due)
    return len(found) == len(figures) and all(map(_is_told, found, figures))


def _is_told(found: str, due: Figure) -> bool:
    if not isinstance(due, Fraction):
        return found == str(due)
    if not re.fullmatch(r"-?\d+(\.\d+)?", found):
        return False
    unit = Fraction(1, 10 ** len(found.partition(".")[2]))
    return abs(Fraction(found) - due) <= unit / 2 + Fraction(1, 10**9)


# A bank in which something of every kind happens

EVENTFUL_DAYS = (
    *(date(2025, 11, 15), date(2025, 12, 31), date(2026, 1, 15), date(2026, 2, 15)),
    *(date(2026, 3, 9), date(2026, 3, 10)),
)
EVENTFUL_AS_OF = EVENTFUL_DAYS[-1]
_PAYDAYS = EVENTFUL_DAYS[:4]
# What a customer earned in four months, in turn: a fifth more than before, a cent more
# than that, a rise in fits and starts, one from nothing, and a fall.
_SALARIES = (
    ("5000.00", "5000.00", "5000.00", "6000.00"),
    ("5000.00", "5000.00", "5000.00", "6000.01"),
    ("4000.00", "6000.00", "5000.00", "9000.00"),
    (None, "5000.00", "5000.00", "9000.00"),
    ("6000.00", "6000.00", "6000.00", "3000.00"),
)
# What it had on deposit in December for what it has now.
_TIMES_BEFORE = ("1", "1.25", "1.334", "2", "4", "1.5")
# The same of one whose only deposit it is: half of the least that counts, a cent more
# and of a cent less; and a quarter of what one had who was seen less since, and a cent
# more.
_FALLS = (("5000.00", "2500.00"), ("5000.00", "2500.01"), ("4999.99", "1000.00"))
_QUIET_FALLS = (("8000.00", "6000.00"), ("8000.00", "6000.01"))
# Its cash of the six days: five times the 7 of 91 days, a little less, too little to
# matter, from nothing, and much that was too long ago.
_CASH = (
    (0, 65000, 0, 0, 0, 25000),
    (0, 65000, 0, 0, 0, 24999),
    (0, 0, 0, 100, 0, 4999),
    (0, 0, 0, 0, 5000, 0),
    (90000, 0, 1300, 0, 2500, 2500),
)
# The cases of a customer: when each was opened on the bank's clock, and whether it
# still is. They are in the first second of a day and in the last one before it.
_CASES = (
    (("2026-02-23 00:00:00", True),),
    (("2026-02-22 23:59:59", True),),
    (("2026-01-02 04:00:00", True), ("2026-03-10 04:00:00", False)),
    (("2025-12-11 00:00:00", False), ("2026-03-09 04:00:00", False)),
    (("2025-12-10 23:59:59", False), ("2026-03-09 04:00:00", False)),
    (
        *(("2026-03-01 04:00:00", True), ("2026-02-01 04:00:00", False)),
        ("2026-01-15 04:00:00", False),
    ),
)
_DEPOSITS = ("CA", "SA", "TD", "WM")
_CENT = Decimal("0.01")
_BORN = ("2008-03-11", "2008-03-11", "2008-03-10")
_ANSWERED = ("2025-12-31", "2026-01-01", "2026-03-10", "2025-03-10", "2025-03-11")
_DUE_DAYS = ("-1", "0", "12", "30", "31")
_OVERDUE_DAYS = ("0", "1", "45", "90", "400")
_CLOSED = ("2025-12-31", "2026-01-01", "2026-03-10", "2026-03-11")
_SUMMED = {"postings": ("amount", "AMT"), "balances": ("balance_amount", "BAL_AMT")}


def eventful_bank(folder: Path) -> Home:
    """Return a bank of a test run, by a session's folder.

    The sample's people, to whom things happen in five months that the sample alone
    never shows, each on both sides of its bound. The candidate is left as the build
    made it.
    """
    return _eventful_home(built_once(folder, "oracle_history", _build_eventful_bank))


def _eventful_home(root: Path) -> Home:
    return Home(root / "home", root / "extracts", root / "card.key")


def _build_eventful_bank(root: Path) -> None:
    home = _eventful_home(root)
    for day in EVENTFUL_DAYS:
        words = ("--customers", "120", "--days", "1", "--dirt", "none")
        deliver_sample(home, day, *words)
    _Events(home.extracts).happen()
    land(home, *EVENTFUL_DAYS)
    home.must("build", "--date", EVENTFUL_AS_OF.isoformat())
    assert candidate_of(home).is_file()


@dataclass(frozen=True)
class _Events:
    """What is written into the extracts of a bank before it is landed."""

    extracts: Path

    def happen(self) -> None:
        self._end_accounts()
        self._move_balances()
        self._pay_salaries()
        self._spend()
        self._withdraw()
        self._complain()
        self._know()

    def _csv(self, channel: str, day: date, feed: str) -> Path:
        return self.extracts / channel / day.isoformat() / f"{feed}.csv"

    @functools.cached_property
    def _accounts(self) -> dict[str, dict[str, str]]:
        rows = _read(self._csv("core_banking", EVENTFUL_AS_OF, "accounts"))
        return {r["ACCT_NO"]: r for r in rows}

    def _of_product(self, *prefixes: str) -> list[str]:
        """The accounts of some products that were opened before the first day."""
        first = EVENTFUL_DAYS[0].isoformat()
        return [
            number
            for number, row in self._accounts.items()
            if row["PROD_CD"].startswith(prefixes)
            and row["OPEN_DT"] <= first
            and not row["CLOSE_DT"]
        ]

    @functools.cached_property
    def _holders(self) -> list[dict[str, str]]:
        return _read(self._csv("core_banking", EVENTFUL_AS_OF, "account_holders"))

    @functools.cached_property
    def _owners(self) -> dict[str, str]:
        return {r["ACCT_NO"]: r["CUST_NO"] for r in self._holders if r["ROLE"] == "O"}

    @functools.cached_property
    def _busy(self) -> list[str]:
        """The accounts that saw much in January and little since."""
        return self._of_product("CA")[1::3]

    def _end_accounts(self) -> None:
        matures = dict(_in_turn(self._of_product("TD"), _DUE_DAYS))
        closed = dict(_in_turn(self._of_product("SA")[::5], _CLOSED))

        def edit(row: dict[str, str]) -> None:
            if row["ACCT_NO"] in matures:
                days = timedelta(int(matures[row["ACCT_NO"]]))
                row["MATURE_DT"] = (EVENTFUL_AS_OF + days).isoformat()
            row["CLOSE_DT"] = closed.get(row["ACCT_NO"], row["CLOSE_DT"])

        _edit(self._csv("core_banking", EVENTFUL_AS_OF, "accounts"), edit)

    def _alone(self, accounts: list[str]) -> list[str]:
        """Those that are the only deposit of their only owner, in the bank's money."""
        deposits = {
            n for n, r in self._accounts.items() if r["PROD_CD"][:2] in _DEPOSITS
        }
        held = Counter(
            row["CUST_NO"]
            for row in self._holders
            if row["ACCT_NO"] in deposits and row["ROLE"] != "P"
        )
        shared = Counter(row["ACCT_NO"] for row in self._holders if row["ROLE"] != "P")
        return [
            number
            for number in accounts
            if held[self._owners[number]] == shared[number] == 1
            and self._accounts[number]["CCY"] == "CNY"
        ]

    @functools.cached_property
    def _falls(self) -> dict[str, tuple[str, str]]:
        """What some accounts had in December, and have now."""
        quiet = self._alone(self._busy)
        steady = [n for n in self._alone(self._of_product("CA")) if n not in quiet]
        return dict(
            (
                *zip(steady, _FALLS, strict=False),
                *zip(quiet, _QUIET_FALLS, strict=False),
            )
        )

    def _move_balances(self) -> None:
        last = self._csv("core_banking", EVENTFUL_AS_OF, "balances")
        overdrawn = set(self._of_product("CA")[::9]) - self._falls.keys()
        amounts = dict.fromkeys(overdrawn, "-12.34")
        amounts |= dict.fromkeys(self._of_product("TD")[2::10], "0.00")
        amounts |= {number: now for number, (_, now) in self._falls.items()}
        overdue = dict(_in_turn(self._of_product("MG", "CL", "CC"), _OVERDUE_DAYS))

        def edit(row: dict[str, str]) -> None:
            row["BAL_AMT"] = amounts.get(row["ACCT_NO"], row["BAL_AMT"])
            row["DPD"] = overdue.get(row["ACCT_NO"], row["DPD"])

        _edit(last, edit)
        now = {r["ACCT_NO"]: Decimal(r["BAL_AMT"]) for r in _read(last)}
        self._set_december(now)

    def _set_december(self, now: Mapping[str, Decimal]) -> None:
        times = dict(_in_turn(sorted(set(self._owners.values())), _TIMES_BEFORE))
        before = {
            number: str(
                (now[number] * Decimal(times[self._owners[number]])).quantize(_CENT)
            )
            for number in self._of_product(*_DEPOSITS)
            if now.get(number, 0) > 0
        }
        before |= {number: then for number, (then, _) in self._falls.items()}

        def edit(row: dict[str, str]) -> None:
            row["BAL_AMT"] = before.get(row["ACCT_NO"], row["BAL_AMT"])

        _edit(self._csv("core_banking", EVENTFUL_DAYS[1], "balances"), edit)

    def _book(self, day: date, rows: Iterable[tuple[str, str, str]]) -> None:
        """Add bookings: account, kind and amount."""
        path = self._csv("core_banking", day, "postings")
        _add(
            path,
            [
                {
                    "POST_NO": f"X{day:%y%m%d}{number:08}",
                    "ACCT_NO": account,
                    "POST_TS": f"{day} 04:00:00",
                    "TXN_CD": kind,
                    "AMT": amount,
                    "CCY": self._accounts[account]["CCY"],
                }
                for number, (account, kind, amount) in enumerate(rows, len(_read(path)))
            ],
        )

    def _pay_salaries(self) -> None:
        paid = list(_in_turn(self._of_product("CA")[::2], _SALARIES))
        for number, day in enumerate(_PAYDAYS):
            rows = [
                (account, ("SAL", "PEN_IN")[number % 2], amounts[number])
                for account, amounts in paid
            ]
            self._book(day, [(a, kind, sum_) for a, kind, sum_ in rows if sum_])

    def _spend(self) -> None:
        rows = [(account, "POS", "1.00") for account in self._busy * 70]
        self._book(EVENTFUL_DAYS[2], rows)

    def _withdraw(self) -> None:
        taken = list(_in_turn(self._of_product("CA")[::3], _CASH))
        for number, day in enumerate(EVENTFUL_DAYS):
            folder = self.extracts / "atm" / day.isoformat()
            lines = [
                f"{day:%y%m%d}9{row:07}T0000008{day:%Y%m%d}040000{'':19}{account}06"
                f"{amounts[number]:>11}.00CNY00{'':24}\n"
                for row, (account, amounts) in enumerate(taken)
                if amounts[number]
            ]
            with (folder / "journal.dat").open("ab") as stream:
                stream.write("".join(lines).encode())
            _seal_journal(folder / "journal.dat")

    def _complain(self) -> None:
        customers = sorted(set(self._owners.values()))[::4]
        rows = [
            {
                "工单编号": f"QX{customer}{number}",
                "受理时间": opened,
                "客户号": customer,
                "类别": "转账异常",
                "状态": "处理中" if is_open else "已结案",
                "结案时间": "" if is_open else f"{EVENTFUL_AS_OF} 10:00:00",
            }
            for customer, cases in _in_turn(customers, _CASES)
            for number, (opened, is_open) in enumerate(cases)
        ]
        path = self._csv("call_center", EVENTFUL_AS_OF, "cases")
        _add(path, rows, "gb18030")

    def _know(self) -> None:
        """Some are 18 today or tomorrow, some answered the questionnaire of late."""
        born = dict(_in_turn(sorted(set(self._owners.values()))[::2], _BORN))
        asked = dict(_in_turn(sorted(set(self._owners.values()))[::3], _ANSWERED))

        def edit(row: dict[str, str]) -> None:
            number = row["CUST_NO"]
            row["BIRTH_DT"] = born.get(number, row["BIRTH_DT"])
            if row["RISK_LVL"]:
                row["RISK_DT"] = asked.get(number, row["RISK_DT"])

        for day in EVENTFUL_DAYS:
            _edit(self._csv("core_banking", day, "customers"), edit)


_Value = TypeVar("_Value")


def _in_turn(
    keys: Iterable[str], values: Iterable[_Value]
) -> Iterator[tuple[str, _Value]]:
    return zip(keys, itertools.cycle(values), strict=False)


def _read(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream))


def _edit(path: Path, edit: Callable[[dict[str, str]], None]) -> None:
    rows = _read(path)
    for row in rows:
        edit(row)
    _write(path, rows, list(rows[0]), "utf-8")


def _add(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8") -> None:
    with path.open(encoding=encoding, newline="") as stream:
        names = next(csv.reader(stream))
    _write(path, _read(path, encoding) + rows, names, encoding)


def _write(
    path: Path, rows: list[dict[str, str]], names: list[str], encoding: str
) -> None:
    """Write a feed, and the control file that its sender would have written."""
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if path.stem in _SUMMED:
        name, column = _SUMMED[path.stem]
        total = sum((Decimal(row[column]) for row in rows), Decimal())
        _seal(path, path.stem, len(rows), {name: str(total)})
    else:
        _seal(path, path.stem, len(rows), {})


def _seal_journal(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    total = sum((Decimal(line[69:83].decode().strip()) for line in lines), Decimal())
    _seal(path, "transactions", len(lines), {"amount": str(total)})


def _seal(path: Path, feed: str, rows: int, sums: dict[str, str]) -> None:
    control = path.with_name(f"{feed}.ctl.json")
    said, content = json.loads(control.read_text()), path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    file = {"name": path.name, "bytes": len(content), "sha256": digest, "rows": rows}
    control.write_text(json.dumps(said | {"files": [file], "rows": rows, "sums": sums}))
