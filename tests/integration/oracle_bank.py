"""A second opinion on the marts of the bank as a whole: the ledger and the branches.

Written from the descriptions of the marts, over the lake as `oracle` reads it. It takes
two further tables from the edition, which have opinions of their own there: tiers, and
what each customer contributed in a month. Money is added up in fractions.
"""

from __future__ import annotations

import functools
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from tests.integration.bank_runs import Home, built_once
from tests.integration.oracle import (
    NOBODY,
    ZERO,
    Oracle,
    Row,
    Table,
    _floor,
    _ftp,
    _terms,
    candidate_of,
    exact,
    in_force,
    land,
    month_of,
    months_later,
    seed,
)

UNKNOWN = "unknown"
SIGNS = {
    "deposit_interest": 1,
    "loan_interest": 1,
    "fee": 1,
    "cost_to_serve": -1,
    "expected_loss": -1,
    "tax": -1,
    "capital_charge": -1,
}
LINES = (*SIGNS, "contribution")
FEES = {"fee", "penalty_interest"}

Lines = dict[str, Fraction]
Parts = dict[str, Fraction]
Position = tuple[str, str]
Place = tuple[str, str]


def rows_of(database: Path, table: str) -> Table:
    with duckdb.connect(str(database), read_only=True) as connection:
        answer = connection.execute(f"from mart.{table}")
        names = [column[0] for column in answer.description]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    assert rows, f"mart.{table} is empty"
    return rows


def days_from(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def year_before(day: date) -> date:
    """Return the same day of the year before; of 29 February the 28th."""
    moment = pd.Timestamp(day) - pd.DateOffset(years=1)
    return date(moment.year, moment.month, moment.day)


def added(rows: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = defaultdict(Fraction)
    for row in rows:
        for name, value in row.items():
            total[name] += value
    return total


# The general ledger


@dataclass(frozen=True)
class Line:
    """One line of a month's reconciliation, exactly.

    `owned` is what customers' parts come to before any of them is rounded, `customers`
    what the rounded ones add up to. `ledger` is None where it told nothing.
    """

    ledger: Fraction | None
    customers: Decimal
    owned: Fraction
    unowned: Fraction

    @property
    def rounding(self) -> Fraction:
        return self.owned - Fraction(self.customers)

    @property
    def unexplained(self) -> Fraction:
        return (self.ledger or ZERO) - self.owned - self.unowned


@dataclass(frozen=True)
class LedgerOracle:
    """What the general ledger and the accounts say of each month."""

    oracle: Oracle
    contribution: Table

    @functools.cached_property
    def first_day(self) -> date:
        return min(d for days in self.oracle.daily_balances.values() for d in days)

    @functools.cached_property
    def months(self) -> list[date]:
        months, month = [], month_of(self.first_day)
        while month <= self.oracle.this_month:
            months.append(month)
            month = months_later(month, 1)
        return months

    def days(self, month: date) -> list[date]:
        """The days of a month since the first balance and up to the edition's date."""
        last = months_later(month, 1) - timedelta(days=1)
        first = max(month, self.first_day)
        return list(days_from(first, min(last, self.oracle.as_of)))

    # Its own side

    @functools.cached_property
    def told(self) -> Table:
        return self.oracle.lake.events(
            "core_banking", "ledger_totals", "ledger_account_id"
        )

    def told_days(self, month: date) -> set[date]:
        days = {r["business_date"] for r in self.told}
        return days & set(self.days(month))

    @functools.cached_property
    def _told_accounts(self) -> dict[str, dict[date, Row]]:
        accounts: dict[str, dict[date, Row]] = defaultdict(dict)
        for row in self.told:
            if row["ledger_line_code"] != "fee_income":
                accounts[row["ledger_account_id"]][row["business_date"]] = row
        return accounts

    def ledger_positions(self, month: date) -> dict[Position, Parts]:
        """Balances and interest, summed over the days of the month.

        A day of which a ledger account was not told holds what it was told last.
        """
        found: dict[Position, Parts] = defaultdict(lambda: defaultdict(Fraction))
        for told in self._told_accounts.values():
            for day in self.days(month):
                last = max((d for d in told if d <= day), default=None)
                if last is not None:
                    row = told[last]
                    position = (row["product_kind_code"], row["currency_code"])
                    rate = self.oracle.valued(row["currency_code"], day)
                    worth = exact(row["amount"]) * rate
                    found[position][row["ledger_line_code"]] += worth
        return dict(found)

    def _ledger_fees(self, month: date) -> Fraction:
        return sum(
            (
                exact(r["amount"])
                * self.oracle.valued(r["currency_code"], r["business_date"])
                for r in self.told
                if r["ledger_line_code"] == "fee_income"
                and month_of(r["business_date"]) == month
            ),
            ZERO,
        )

    def ledger_lines(self, month: date) -> Lines:
        """What the ledger comes to: its balances at the average prices of accounts."""
        accounts, lines = self.account_positions(month), []
        for position, told in self.ledger_positions(month).items():
            held = accounts.get(position, {})
            share = told["balance"] / held["balance"] if held.get("balance") else ZERO
            parts = {n: held.get(n, ZERO) * share for n in ("funding", "loss")}
            parts["capital"] = held.get("capital", ZERO) * share
            parts["interest"] = told["interest"]
            lines.append(_margin(_side(position[0], month), parts))
        costs = sum((r["cost"] for r in self._interactions[month]), ZERO)
        lines.append({"fee": self._ledger_fees(month), "cost_to_serve": costs})
        return _completed(added(lines), month)

    # The side of the accounts

    @functools.cached_property
    def account_months(self) -> dict[tuple[str, date], Parts]:
        """Each account's month in the bank's currency, summed over its days."""
        found: dict[tuple[str, date], Parts] = defaultdict(
            lambda: defaultdict(Fraction)
        )
        for account, balances in self.oracle.daily_balances.items():
            row = self.oracle.accounts.get(account)
            if row is None:
                continue
            for day, balance in balances.items():
                worth = balance * self.oracle.valued(row["currency_code"], day)
                parts = found[account, month_of(day)]
                parts["balance"] += worth
                parts["interest"] += worth * self._rate(row, day) / 365
        for (account, month), parts in found.items():
            for name, price in _prices(self.oracle.accounts[account], month).items():
                parts[name] = parts["balance"] * price / 365
        return dict(found)

    def _rate(self, account: Row, day: date) -> Fraction:
        """The rate that an account pays or is charged on a day."""
        told = self.oracle.daily_rates[account["account_id"]]
        last = told[max((d for d in told if d <= day), default=min(told))]
        terms = _terms(account["product_kind_code"], month_of(day))
        rates = (last, account["interest_rate"], terms["default_interest_ratio"])
        return exact(next(rate for rate in rates if rate is not None))

    def account_positions(self, month: date) -> dict[Position, Parts]:
        found: dict[Position, list[Parts]] = defaultdict(list)
        for account, parts in self._accounts_in(month):
            position = (account["product_kind_code"], account["currency_code"])
            found[position].append(parts)
        return {position: added(parts) for position, parts in found.items()}

    def _accounts_in(self, month: date) -> Iterator[tuple[Row, Parts]]:
        for (account, its_month), parts in self.account_months.items():
            if its_month == month:
                yield self.oracle.accounts[account], parts

    def account_lines(self, month: date, *, owned: bool) -> Lines:
        """What accounts and interactions come to, with an owner or without one."""
        lines = [
            _margin(row["side_code"], parts)
            for row, parts in self._accounts_in(month)
            if (row["account_id"] in self.oracle.shares) == owned
        ]
        lines += [
            {
                "cost_to_serve": r["cost"],
                "fee": r["worth"] if r["activity_code"] in FEES else ZERO,
            }
            for r in self._interactions[month]
            if bool(r["customer_key"]) == owned
        ]
        return _completed(added(lines), month)

    @functools.cached_property
    def _interactions(self) -> dict[date, Table]:
        found: dict[date, Table] = defaultdict(list)
        for row in self.oracle.interactions.to_dict("records"):
            found[month_of(row["business_date"])].append(row)
        return found

    # Both together

    def reconciliation(self, month: date) -> dict[str, Line]:
        owned = self.account_lines(month, owned=True)
        unowned = self.account_lines(month, owned=False)
        ledger = self.ledger_lines(month) if self.told_days(month) else None
        return {
            line: Line(
                ledger[line] if ledger else None,
                self._of_customers(month, line),
                owned[line],
                unowned[line],
            )
            for line in LINES
        }

    def _of_customers(self, month: date, line: str) -> Decimal:
        return sum(
            (
                r[f"{line}_amount"]
                for r in self.contribution
                if r["month_start"] == month
            ),
            Decimal(),
        )

    def rejected_ratio(self, month: date) -> Fraction:
        """What rejected rows may explain: three shares, each times its weight."""
        register = [
            d
            for d in self.oracle.lake.days("core_banking", "accounts", "account_id")
            if d <= self.oracle.as_of
        ]
        share = self._rejected_share("accounts", {max(register)})
        for feed in ("balances", "postings"):
            share += self._rejected_share(feed, set(self.days(month)))
        (terms,) = in_force(seed("reconciliation_terms"), month)
        return share * Fraction(terms["rejected_row_weight"])

    def _rejected_share(self, feed: str, days: set[date]) -> Fraction:
        root = self.oracle.lake.root
        raw, rejects = (root / p / "core_banking" / feed for p in ("raw", "rejects"))
        landed = rejected = 0
        for day in days:
            parts = (raw / f"business_date={day}").glob("*.parquet")
            landed += sum(pq.ParquetFile(p).metadata.num_rows for p in parts)
            refused = rejects / f"{day}.parquet"
            if refused.is_file():
                rejected += pq.ParquetFile(refused).metadata.num_rows
        return Fraction(rejected, landed + rejected) if rejected else ZERO


def _prices(account: Row, month: date) -> Parts:
    """What a unit of an account's balance costs in a year."""
    terms = _terms(account["product_kind_code"], month)
    ratio = max(exact(terms["pd_ratio"]), _floor(account["loan_state_code"], month))
    (capital,) = in_force(seed("capital_terms"), month)
    return {
        "funding": _ftp(account, terms, month),
        "loss": ratio * exact(terms["lgd_ratio"]),
        "capital": exact(terms["capital_ratio"]) * exact(capital["hurdle_ratio"]),
    }


def _side(kind: str, month: date) -> str:
    return str(_terms(kind, month)["side_code"])


def _margin(side: str, parts: Mapping[str, Fraction]) -> Lines:
    """The lines of the waterfall that a balance makes on its side."""
    if side == "deposit":
        return {"deposit_interest": parts["funding"] - parts["interest"]}
    return {
        "loan_interest": parts["interest"] - parts["funding"],
        "expected_loss": parts["loss"],
        "capital_charge": parts["capital"],
    }


def _completed(lines: Lines, month: date) -> Lines:
    """All lines: tax is that of the others, before the charge for capital."""
    (terms,) = in_force(seed("tax_terms"), month)
    whole = {name: lines.get(name, ZERO) for name in SIGNS}
    taxed = sum((SIGNS[n] * v for n, v in whole.items()), whole["capital_charge"])
    whole["tax"] = taxed * exact(terms["tax_ratio"])
    whole["contribution"] = sum((SIGNS[n] * v for n, v in whole.items()), ZERO)
    return whole


# Branches and tiers


@dataclass(frozen=True)
class BranchOracle:
    """The bank by branch and tier, of days and of months."""

    oracle: Oracle
    tiers: Mapping[str, list[tuple[date, date, str]]]
    contribution: Table

    @functools.cached_property
    def days(self) -> list[date]:
        days = set(self.oracle.interactions["business_date"])
        days |= {d for b in self.oracle.daily_balances.values() for d in b}
        return sorted(days)

    def place(self, key: str, day: date) -> Place:
        """The branch that keeps a customer today, and its tier of a day."""
        branch = self.oracle.basics.get(key, {}).get("branch_id")
        tiers = [t for start, end, t in self.tiers.get(key, []) if start <= day < end]
        return branch or UNKNOWN, tiers[0] if tiers else UNKNOWN

    @functools.cached_property
    def _places(self) -> dict[date, dict[str, Place]]:
        keys = [NOBODY, *self.oracle.customer_keys]
        return {day: {key: self.place(key, day) for key in keys} for day in self.days}

    def known(self, day: date) -> list[str]:
        first = self.oracle.first_months
        return [key for key in self.oracle.customer_keys if first[key] <= day]

    # Days

    def overview(self) -> dict[tuple[date, str, str], Row]:
        """The figures of each day, branch and tier where there is anything at all."""
        return {
            (day, *place): row
            for day in self.days
            for place, row in self._overview_of(day).items()
        }

    def _overview_of(self, day: date) -> dict[Place, Row]:
        places = self._places[day]
        rows: dict[Place, Table] = defaultdict(list)
        for r in self._interactions.get(day, []):
            rows[places[r["customer_key"]]].append(r)
        known, open_cases = (
            _counted(places[key] for key in keys)
            for keys in (self.known(day), self._with_open_case(day))
        )
        balances = self._balances_of(day, places)
        return {
            place: {
                "customer_count": known.get(place, 0),
                "open_case_count": open_cases.get(place, 0),
                **{
                    f"{side}_balance_amount": balances[side].get(place, ZERO)
                    for side in balances
                },
                **_activity(rows.get(place, [])),
            }
            for place in {*rows, *known, *open_cases, *balances["deposit"]}
            | set(balances["loan"])
        }

    @functools.cached_property
    def _interactions(self) -> dict[date, Table]:
        found: dict[date, Table] = defaultdict(list)
        for row in self.oracle.interactions.to_dict("records"):
            found[row["business_date"]].append(row)
        return found

    def _with_open_case(self, day: date) -> list[str]:
        """The customer of each case that is open at the end of a day."""
        told = {r["case_id"]: r for r in self.oracle.cases if r["business_date"] <= day}
        return [
            self.oracle.customer_of[r["record_id"]]
            for r in told.values()
            if r["status_code"] == "open"
        ]

    def _balances_of(
        self, day: date, places: Mapping[str, Place]
    ) -> dict[str, dict[Place, Fraction]]:
        """Deposits and loans by share of the owners, at the day's rate."""
        found: dict[str, dict[Place, Fraction]] = {
            side: defaultdict(Fraction) for side in ("deposit", "loan")
        }
        for account, balances in self.oracle.daily_balances.items():
            row = self.oracle.accounts.get(account)
            if row is None or day not in balances:
                continue
            worth = balances[day] * self.oracle.valued(row["currency_code"], day)
            owners = self.oracle.shares.get(account, {NOBODY: Fraction(1)})
            for key, share in owners.items():
                found[row["side_code"]][places[key]] += worth * share
        return found

    def bank(self) -> dict[date, Row]:
        """The figures of the bank by day, straight from the lake."""
        found = {}
        for day, row in self.oracle.bank_days().items():
            scores = _scores(self._interactions.get(day, []))
            found[day] = {
                **row,
                "customer_count": len(self.known(day)),
                "satisfaction_answer_count": len(scores),
                "satisfaction_average": _average(scores),
            }
        return found

    # Months

    def _end(self, month: date) -> date:
        last = months_later(month, 1) - timedelta(days=1)
        return min(last, self.oracle.as_of)

    @functools.cached_property
    def _month_interactions(self) -> dict[tuple[date, str], Table]:
        found: dict[tuple[date, str], Table] = defaultdict(list)
        for row in self.oracle.interactions.to_dict("records"):
            month = month_of(row["business_date"])
            found[month, row["customer_key"]].append(row)
        return found

    def _members(self, month: date) -> dict[Place, list[str]]:
        """The customers known at a month's end, where they are then."""
        places: dict[Place, list[str]] = defaultdict(list)
        end = self._end(month)
        for key in self.known(end):
            places[self.place(key, end)].append(key)
        return places

    def months(self) -> dict[tuple[date, str, str], Row]:
        """The figures of each month, branch and tier that has customers at its end."""
        found = {}
        for month in self.oracle.months:
            end = self._end(month)
            balances = self._balances_of(end, self._places[end])
            for place, keys in self._members(month).items():
                found[month, *place] = {
                    **self._month_of(month, keys),
                    "deposit_balance_amount": balances["deposit"].get(place, ZERO),
                    "loan_balance_amount": balances["loan"].get(place, ZERO),
                }
        return found

    def _month_of(self, month: date, keys: list[str]) -> Row:
        rows = [r for k in keys for r in self._month_interactions.get((month, k), [])]
        members = set(keys)
        earned = [
            r
            for r in self._contribution_of.get(month, [])
            if r["customer_key"] in members
        ]
        return {
            "customer_count": len(keys),
            "active_customer_count": len({r["customer_key"] for r in rows}),
            "case_opened_count": sum(r["activity_code"] == "case_opened" for r in rows),
            "satisfaction_average": _average(_scores(rows)),
            **{
                f"{line}_amount": sum((r[f"{line}_amount"] for r in earned), Decimal())
                for line in LINES
            },
        }

    @functools.cached_property
    def _contribution_of(self) -> dict[date, Table]:
        found: dict[date, Table] = defaultdict(list)
        for row in self.contribution:
            found[row["month_start"]].append(row)
        return found

    def mix(self) -> dict[tuple[date, str, str, str], Row]:
        """How the customers of each month, branch and tier met the bank."""
        found = {}
        for month in self.oracle.months:
            for place, keys in self._members(month).items():
                rows = [
                    r
                    for k in keys
                    for r in self._month_interactions.get((month, k), [])
                ]
                for channel in {r["channel"] for r in rows}:
                    met = [r for r in rows if r["channel"] == channel]
                    found[month, *place, channel] = {
                        "interaction_count": len(met),
                        "interaction_share_ratio": len(met) / len(rows),
                        "cost_to_serve_amount": sum((r["cost"] for r in met), ZERO),
                    }
        return found


def _counted(places: Iterable[Place]) -> dict[Place, int]:
    found: dict[Place, int] = defaultdict(int)
    for place in places:
        found[place] += 1
    return dict(found)


def _activity(rows: Table) -> Row:
    calls = [r for r in rows if r["activity_code"] == "call"]
    scores = _scores(rows)
    worth = {
        direction: sum(
            (r["worth"] for r in rows if r["direction_code"] == direction), ZERO
        )
        for direction in ("credit", "debit")
    }
    return {
        "active_customer_count": len({r["customer_key"] for r in rows} - {NOBODY}),
        "interaction_count": len(rows),
        "credit_amount": worth["credit"],
        "debit_amount": worth["debit"],
        "cost_to_serve_amount": sum((r["cost"] for r in rows), ZERO),
        "inbound_call_count": len(calls),
        "abandoned_call_count": sum(r["outcome_code"] == "abandoned" for r in calls),
        "satisfaction_score_sum": sum(scores),
        "satisfaction_answer_count": len(scores),
        "case_opened_count": sum(r["activity_code"] == "case_opened" for r in rows),
    }


def _scores(rows: Table) -> list[int]:
    scores = (r["satisfaction_score"] for r in rows)
    return [int(score) for score in scores if score is not None]


def _average(scores: list[int]) -> float | None:
    return sum(scores) / len(scores) if scores else None


# A bank whose history reaches a year back

LONG_STARTS = (date(2025, 2, 27), date(2026, 2, 27))
LONG_AS_OF = date(2026, 3, 1)
LONG_DAYS = tuple(day for s in LONG_STARTS for day in days_from(s, s + timedelta(2)))


def deliver_sample(home: Home, start: date, *words: str) -> None:
    """Put the extracts of a sample that starts on a day beside those of a bank."""
    root = home.root.parent
    one = Home(root / f"home{start}", root / f"extracts{start}", home.key_file)
    one.must("sample", "--start", start.isoformat(), "--seed", "5", *words)
    for delivered in one.extracts.glob("*/*"):
        channel = home.extracts / delivered.parent.name
        channel.mkdir(parents=True, exist_ok=True)
        shutil.move(delivered, channel / delivered.name)


def keyed(table: str, rows: Table, *columns: str) -> dict[tuple[Any, ...], Row]:
    """Return the rows of a mart by some columns, which no two rows have alike."""
    found = {tuple(r[c] for c in columns): r for r in rows}
    assert len(found) == len(rows), f"mart.{table} has a row twice"
    return found


def long_bank(folder: Path) -> Home:
    """Return a bank of a test run, by a session's folder.

    The same people meet the bank on a few days of two years. The candidate is left as
    the build made it.
    """
    return _long_home(built_once(folder, "oracle_bank", _build_long_bank))


def _long_home(root: Path) -> Home:
    return Home(root / "home", root / "extracts", root / "card.key")


def _build_long_bank(root: Path) -> None:
    home = _long_home(root)
    for start in LONG_STARTS:
        words = ("--customers", "200", "--days", "3", "--dirt", "light")
        deliver_sample(home, start, *words)
    land(home, *LONG_DAYS)
    home.must("build", "--date", LONG_AS_OF.isoformat())
    assert candidate_of(home).is_file()
