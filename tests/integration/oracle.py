"""A second opinion on the marts: plain Python and pandas over the lake.

Written from the descriptions of the marts and from the bank's definitions, not from
the models' SQL. It takes from the edition only who is who and the normal forms of
identifiers, which are the identity step's to answer for. Money is added up in
fractions, so that a figure of the edition is right when it is a rounding of the exact
one to the cent.
"""

from __future__ import annotations

import csv
import functools
import json
import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from ingestion.contract import Contract, load_contracts
from tests.integration.bank_runs import PROJECT, Home, built_once
from warehouse.bank import SHIPPED_CONTRACTS, Bank
from warehouse.night import land_and_check
from warehouse.settings import load_settings

Row = dict[str, Any]
Table = list[Row]
NOBODY = ""
ZERO = Fraction(0)
SEEDS = PROJECT / "dbt_project" / "seeds"


REPEAT_DAYS = 7


def exact(value: Decimal | Fraction | str | int | None) -> Fraction:
    return ZERO if value is None else Fraction(value)


def is_rounding_of(found: Decimal, true: Fraction) -> bool:
    """Whether an amount is the exact one to the cent; a tie may go either way."""
    return abs(Fraction(found) - true) <= Fraction(5, 1000) + Fraction(1, 10**9)


def month_of(day: date) -> date:
    return day.replace(day=1)


# What a customer's contribution is made of, tax apart.
PARTS = (
    "deposit_interest_amount",
    "loan_interest_amount",
    "fee_amount",
    "cost_to_serve_amount",
    "expected_loss_amount",
    "capital_charge_amount",
)


def months_later(month: date, count: int) -> date:
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


@functools.cache
def seed(name: str) -> Table:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def in_force(rows: Iterable[Row], day: date) -> Table:
    text = day.isoformat()
    return [r for r in rows if r["valid_from"] <= text < r["valid_to"]]


@dataclass(frozen=True)
class Lake:
    """The landed rows; of a key that stands twice in a partition the last line."""

    root: Path
    as_of: date

    def days(self, channel: str, feed: str, key: str) -> dict[date, Table]:
        found = {}
        nothing = _columns_of(channel, feed)
        folder = self.root / "raw" / channel / feed
        for path in sorted(folder.glob("business_date=*/*.parquet")):
            day = date.fromisoformat(path.parent.name.partition("=")[2])
            rows = pq.ParquetFile(path).read().to_pylist()
            rows.sort(key=lambda r: (r["source_line"], r["source_file"]))
            latest = {r[key]: {**nothing, **r, "business_date": day} for r in rows}
            found[day] = list(latest.values())
        return found

    def events(self, channel: str, feed: str, key: str) -> Table:
        days = self.days(channel, feed, key)
        return [r for day in days if day <= self.as_of for r in days[day]]

    def snapshot(self, channel: str, feed: str, key: str) -> Table:
        days = [d for d in self.days(channel, feed, key) if d <= self.as_of]
        return self.days(channel, feed, key)[max(days)] if days else []


@functools.cache
def _shipped() -> Mapping[str, Contract]:
    return load_contracts(SHIPPED_CONTRACTS)


def _columns_of(channel: str, feed: str) -> Row:
    """Return the columns of a feed without values: a bank need not send all of them."""
    feeds = _shipped()[channel].feeds
    return {c.name: None for f in feeds if f.name == feed for c in f.columns}


@dataclass(frozen=True)
class Oracle:
    """What the marts of one edition should say."""

    lake: Lake
    zone: ZoneInfo
    customer_of: Mapping[str, str]
    normal: Mapping[tuple[str, str], str | None]
    own_currency: str = "CNY"

    @classmethod
    def of(
        cls, home: Path, database: Path, as_of: date, zone: str, currency: str = "CNY"
    ) -> Oracle:
        with duckdb.connect(str(database), read_only=True) as connection:
            bridge = connection.execute(
                "select record_id, customer_key from identity.customer_identity"
            ).fetchall()
            normal = connection.execute(
                "select identifier_kind, raw_value, normal_value "
                "from identity.normalised_values"
            ).fetchall()
        return cls(
            Lake(home / "lake", as_of),
            ZoneInfo(zone),
            {record: key or NOBODY for record, key in bridge},
            {(kind, raw): value for kind, raw, value in normal},
            currency,
        )

    @property
    def as_of(self) -> date:
        return self.lake.as_of

    @property
    def this_month(self) -> date:
        return month_of(self.as_of)

    def local(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(self.zone)

    # The timeline

    @functools.cached_property
    def interactions(self) -> pd.DataFrame:
        rows = [
            *self._machine(),
            *self._calls(),
            *self._case_days(),
            *self._mail(),
            *self._campaigns(),
            *self._postings(),
            *self._payments(),
            *self._sessions(),
        ]
        kinds = {r["activity_code"]: r for r in seed("activities")}
        for row in rows:
            row["kind_code"] = kinds[row["activity_code"]]["kind_code"]
            row["direction_code"] = kinds[row["activity_code"]]["direction_code"]
            row["customer_key"] = self.customer_of[row["record_id"]]
            row["cost"] = _price(row)
            row["worth"] = self.worth(row)
        return pd.DataFrame(rows).astype(object).where(lambda f: f.notna(), None)

    def _machine(self) -> Table:
        return [
            _seen(
                r,
                "atm.transactions",
                _first(
                    ("core_banking:card:", r["card_token"]),
                    ("core_banking:account:", r["account_id"]),
                    ("atm:unknown_card", ""),
                ),
                r["activity_code"],
                r["occurred_at"],
                outcome_code=r["outcome_code"],
                amount=r["amount"],
                currency_code=r["currency_code"],
            )
            for r in self.lake.events("atm", "transactions", "transaction_id")
        ]

    def _calls(self) -> Table:
        return [
            _seen(
                r,
                "call_center.calls",
                self._caller(r["core_customer_id"], r["caller_phone"]),
                "call",
                r["started_at"],
                outcome_code=r["outcome_code"],
                category_code=r["subject_code"],
                wait_seconds=r["wait_seconds"],
                duration_seconds=r["talk_seconds"],
                satisfaction_score=r["satisfaction_score"],
            )
            for r in self.lake.events("call_center", "calls", "call_id")
        ]

    def _caller(self, customer: str | None, phone: str | None) -> str:
        return _first(
            ("core_banking:customer:", customer),
            ("phone:", self.normal.get(("phone", phone or ""))),
            ("call_center:unknown_caller", ""),
        )

    @functools.cached_property
    def cases(self) -> Table:
        rows = self.lake.events("call_center", "cases", "case_id")
        for r in rows:
            r["record_id"] = self._caller(r["core_customer_id"], r["contact_phone"])
        return rows

    def _case_days(self) -> Table:
        rows = []
        for r in self.cases:
            is_new = self.local(r["opened_at"]).date() == r["business_date"]
            rows.append(
                _seen(
                    r,
                    "call_center.cases",
                    r["record_id"],
                    "case_opened" if is_new else "case_changed",
                    r["closed_at"] or r["opened_at"],
                    outcome_code=r["status_code"],
                    category_code=r["category_code"],
                )
            )
        return rows

    def _mail(self) -> Table:
        rows = []
        for feed in ("messages", "mailbox"):
            for r in self.lake.events("email", feed, "message_id"):
                is_out = r.get("direction_code") == "outbound"
                address = r["recipient_address" if is_out else "sender_address"]
                normal = self.normal.get(("email", address or ""))
                rows.append(
                    _seen(
                        r,
                        f"email.{feed}",
                        _first(("email:", normal), ("email:unreadable_address", "")),
                        "message_out" if is_out else "message_in",
                        r["sent_at"],
                        category_code=r.get("subject_code"),
                    )
                )
        return rows

    def _campaigns(self) -> Table:
        return [
            _seen(
                r,
                "marketing.contacts",
                f"core_banking:customer:{r['core_customer_id']}",
                "campaign_contact",
                r["contacted_at"],
                outcome_code=r["step_code"],
                category_code=r["campaign_id"],
            )
            for r in self.lake.events("marketing", "contacts", "contact_id")
            if not r["is_control"]
        ]

    def _postings(self) -> Table:
        return [
            _seen(
                r,
                "core_banking.postings",
                _first(
                    ("core_banking:card:", r["card_token"]),
                    ("core_banking:account:", r["account_id"]),
                ),
                r["activity_code"],
                r["booked_at"],
                category_code=r["category_code"],
                amount=r["amount"],
                currency_code=r["currency_code"],
            )
            for r in self.lake.events("core_banking", "postings", "posting_id")
        ]

    def _payments(self) -> Table:
        registers = {
            day: {_order(row) for row in rows}
            for day, rows in self.lake.days(
                "core_banking", "standing_orders", "standing_order_id"
            ).items()
        }
        rows = []
        for r in self.lake.events("online_banking", "payments", "payment_id"):
            standing = [day for day in registers if day <= r["business_date"]]
            orders = registers[max(standing)] if standing else set()
            is_ordered = r["activity_code"] == "transfer_out" and _order(r) in orders
            rows.append(
                _seen(
                    r,
                    "online_banking.payments",
                    _first(
                        ("online_banking:login:", r["login_id"]),
                        ("core_banking:account:", r["account_id"]),
                    ),
                    "standing_order" if is_ordered else r["activity_code"],
                    r["occurred_at"],
                    amount=r["amount"],
                    currency_code=r["currency_code"],
                )
            )
        return rows

    def _sessions(self) -> Table:
        return [
            _seen(
                r,
                "online_banking.sessions",
                f"online_banking:login:{r['login_id']}",
                "failed_login" if r["is_login_failed"] else "session",
                r["started_at"],
                category_code=r["last_page_code"],
                duration_seconds=_seconds(r["started_at"], r["ended_at"]),
            )
            for r in self.lake.events("online_banking", "sessions", "session_id")
        ]

    # Accounts, owners, balances

    @functools.cached_property
    def accounts(self) -> dict[str, Row]:
        products = {
            r["product_id"]: r
            for r in self.lake.snapshot("core_banking", "products", "product_id")
        }
        terms = {
            r["product_kind_code"]: r
            for r in in_force(seed("product_terms"), self.as_of)
        }
        found = {}
        for r in self.lake.snapshot("core_banking", "accounts", "account_id"):
            product = products.get(r["product_id"])
            kind = product["product_kind_code"] if product else r["product_id"]
            level = product["risk_level_code"] if product else None
            if r["opened_date"] <= self.as_of:
                side = terms[kind]["side_code"]
                risk = int(level[1:]) if level else int(terms[kind]["risk_number"])
                found[r["account_id"]] = {
                    **r,
                    "product_kind_code": kind,
                    "side_code": side,
                    "risk_number": risk,
                }
        return found

    @functools.cached_property
    def shares(self) -> dict[str, dict[str, Fraction]]:
        """Each account's owners, alike; whom nobody knows has no part."""
        owners: dict[str, set[str]] = defaultdict(set)
        for r in self.lake.snapshot(
            "core_banking", "account_holders", "account_holder_id"
        ):
            record = f"core_banking:customer:{r['core_customer_id']}"
            key = self.customer_of.get(record, NOBODY)
            if r["role_code"] in {"owner", "joint_owner"} and key:
                owners[r["account_id"]].add(key)
        return {
            account: dict.fromkeys(keys, Fraction(1, len(keys)))
            for account, keys in owners.items()
        }

    @functools.cached_property
    def daily_balances(self) -> dict[str, dict[date, Fraction]]:
        """Each account's balance at the end of every day.

        The first known one also holds for a week before, where the account was open and
        the bank knew balances.
        """
        known: dict[str, dict[date, Fraction]] = defaultdict(dict)
        for r in self.lake.events("core_banking", "balances", "account_id"):
            known[r["account_id"]][r["business_date"]] = exact(r["balance_amount"])
        filled, start = {}, min(d for b in known.values() for d in b)
        for account, balances in known.items():
            closed = self.accounts.get(account, {}).get("closed_date") or date.max
            first = min(balances)
            opened = self.accounts.get(account, {}).get("opened_date") or first
            day = min(first, max(start, first - timedelta(days=7), opened))
            latest, days = balances[first], {}
            while day <= self.as_of and day < closed:
                latest = balances.get(day, latest)
                days[day] = latest
                day += timedelta(days=1)
            filled[account] = days
        return filled

    @functools.cached_property
    def exchange_rates(self) -> dict[str, dict[date, Fraction]]:
        known: dict[str, dict[date, Fraction]] = defaultdict(dict)
        for r in self.lake.events("core_banking", "exchange_rates", "currency_code"):
            known[r["currency_code"]][r["business_date"]] = exact(r["exchange_ratio"])
        return known

    def valued(self, currency: str | None, day: date) -> Fraction:
        """What one unit costs: the last known rate, or else the first one."""
        if currency in {None, self.own_currency}:
            return Fraction(1)
        known = self.exchange_rates[currency or ""]
        return known[max((d for d in known if d <= day), default=min(known))]

    @functools.cached_property
    def daily_rates(self) -> dict[str, dict[date, Decimal]]:
        """The rate that an account paid or was charged, where its balance told it."""
        told: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for r in self.lake.events("core_banking", "balances", "account_id"):
            told[r["account_id"]][r["business_date"]] = r["interest_rate"]
        return told

    # Contribution

    @functools.cached_property
    def contribution(self) -> dict[tuple[str, date], dict[str, Fraction]]:
        """The parts of each customer's month, exactly."""
        found: dict[tuple[str, date], dict[str, Fraction]] = defaultdict(
            lambda: defaultdict(Fraction)
        )
        for account, days in self.daily_balances.items():
            for day, balance in days.items():
                parts = self._day_parts(account, day, balance)
                for key, share in self.shares.get(account, {}).items():
                    for name, value in parts.items():
                        found[key, month_of(day)][name] += value * share
        for loan, day, owed in self._owed_by_terms():
            for key, share in self.shares.get(loan["account_id"], {}).items():
                for name, value in self._loan_parts(loan, day, owed).items():
                    found[key, month_of(day)][name] += value * share
        for row in self.interactions.to_dict("records"):
            if row["customer_key"]:
                parts = found[row["customer_key"], month_of(row["business_date"])]
                parts["cost_to_serve_amount"] += row["cost"]
                if row["activity_code"] in {"fee", "penalty_interest"}:
                    parts["fee_amount"] += row["worth"]
        return dict(found)

    @property
    def contribution_parts(self) -> dict[tuple[str, date], Row]:
        """The same with every part, 0 where a month has none of it."""
        return {
            key: {name: parts.get(name, ZERO) for name in PARTS}
            for key, parts in self.contribution.items()
        }

    def worth(self, row: Row) -> Fraction:
        """The amount of an interaction in the bank's currency."""
        rate = self.valued(row["currency_code"], row["business_date"])
        return exact(row["amount"]) * rate

    def _day_parts(
        self, account: str, day: date, balance: Fraction
    ) -> dict[str, Fraction]:
        """What one day of an account earns and risks, by the terms of its month."""
        if account not in self.accounts:
            return {}
        row = self.accounts[account]
        terms = _terms(row["product_kind_code"], month_of(day))
        ftp = _ftp(row, terms, month_of(day))
        told = self.daily_rates[account]
        last = max((d for d in told if d <= day), default=min(told))
        own = row["interest_rate"] if told[last] is None else told[last]
        rate = exact(terms["default_interest_ratio"] if own is None else own)
        exposure = balance / 365 * self.valued(row["currency_code"], day)
        if terms["side_code"] == "deposit":
            return {"deposit_interest_amount": exposure * (ftp - rate)}
        return _lent(exposure, rate - ftp, terms, row["loan_state_code"], day)

    def _owed_by_terms(self) -> Iterator[tuple[Row, date, Fraction]]:
        """The days of loans whose balance no feed tells: what is owed on each.

        It is paid off in equal parts, one a month, on the account that repays it, from
        the month of the bank's first balance on.
        """
        start = month_of(min(d for days in self.daily_balances.values() for d in days))
        for loan in self.lake.snapshot("core_banking", "loans", "loan_id"):
            account = self.accounts.get(loan["account_id"])
            if account is None or account["side_code"] != "deposit":
                continue
            row = {**loan, "currency_code": account["currency_code"]}
            day = max(start, loan["granted_date"])
            while day <= self.as_of:
                paid = months_between(loan["granted_date"], day)
                left = 1 - Fraction(paid, loan["duration_months"])
                if left > 0:
                    yield row, day, exact(loan["principal_amount"]) * left
                day += timedelta(days=1)

    def _loan_parts(self, loan: Row, day: date, owed: Fraction) -> dict[str, Fraction]:
        terms = _terms("consumer_loan", month_of(day))
        ftp = _money_price(
            loan["currency_code"], loan["duration_months"], month_of(day)
        )
        exposure = owed / 365 * self.valued(loan["currency_code"], day)
        margin = exact(terms["default_interest_ratio"]) - ftp
        return _lent(exposure, margin, terms, loan["loan_state_code"], day)

    # Tiers

    @functools.cached_property
    def customer_keys(self) -> list[str]:
        return sorted(set(self.customer_of.values()) - {NOBODY})

    @functools.cached_property
    def first_months(self) -> dict[str, date]:
        first = dict.fromkeys(self.customer_keys, self.this_month)
        for row in self.interactions.to_dict("records"):
            key, month = row["customer_key"], month_of(row["business_date"])
            if key:
                first[key] = min(first[key], month)
        for account, days in self.daily_balances.items():
            for key in self.shares.get(account, {}):
                first[key] = min(first[key], *map(month_of, days))
        return first

    def holds_in(self, key: str, month: date) -> bool:
        return any(
            account["opened_date"] < months_later(month, 1)
            and (account["closed_date"] or date.max) > month
            for account in self._accounts_of(key)
        )

    def _accounts_of(self, key: str) -> Table:
        return [self.accounts[a] for a in self._owned[key] if a in self.accounts]

    @functools.cached_property
    def _owned(self) -> dict[str, list[str]]:
        owned: dict[str, list[str]] = defaultdict(list)
        for account, shares in self.shares.items():
            for key in shares:
                owned[key].append(account)
        return owned

    def tiers(
        self, contribution: Mapping[tuple[str, date], Decimal]
    ) -> dict[str, list[tuple[date, date, str]]]:
        """Each customer's periods, by amounts that are rounded already."""
        judged: dict[str, list[tuple[date, str]]] = defaultdict(list)
        misses: dict[str, int] = {}
        negatives: dict[str, int] = defaultdict(int)
        month = min(self.first_months.values())
        while month <= self.this_month:
            premium = self._leaders(month, contribution)
            (policy,) = in_force(seed("tier_policy"), month)
            for key in (k for k in self.customer_keys if self.first_months[k] <= month):
                holds = self.holds_in(key, month)
                is_loss = holds and contribution.get((key, month), Decimal()) < 0
                negatives[key] = negatives[key] + 1 if is_loss else 0
                if key in premium:
                    misses[key] = 0
                elif key in misses:
                    misses[key] += 1
                is_premium = misses.get(key, 999) < int(policy["consecutive_misses"])
                is_costly = negatives[key] >= int(policy["consecutive_negatives"])
                judged[key].append((month, _tier(holds, is_costly, is_premium)))
            month = months_later(month, 1)
        return {key: self._periods(key, months) for key, months in judged.items()}

    def _leaders(
        self, month: date, contribution: Mapping[tuple[str, date], Decimal]
    ) -> set[str]:
        """The top of the curve; of those who earn the same, all or none."""
        (policy,) = in_force(seed("tier_policy"), month)
        earned = self._earned(month, contribution)
        amounts = sorted(earned.values(), reverse=True)
        count = math.ceil(len(amounts) * Fraction(policy["premium_rank_ratio"]))
        return {
            key
            for key, amount in earned.items()
            if amount > 0 and amounts.index(amount) < count
        }

    def _earned(
        self, month: date, contribution: Mapping[tuple[str, date], Decimal]
    ) -> dict[str, Decimal]:
        """What each customer with holdings contributed in the ranked months."""
        (policy,) = in_force(seed("tier_policy"), month)
        first = months_later(month, 1 - int(policy["trailing_months"]))
        trailing: dict[str, Decimal] = defaultdict(Decimal)
        for (key, earned), amount in contribution.items():
            if first <= earned <= month:
                trailing[key] += amount
        return {
            key: trailing[key]
            for key in self.customer_keys
            if self.first_months[key] <= month and self.holds_in(key, month)
        }

    @property
    def months(self) -> list[date]:
        first = min(self.first_months.values())
        count = (self.this_month.year - first.year) * 12
        count += self.this_month.month - first.month + 1
        return [months_later(first, number) for number in range(count)]

    def curve(
        self, contribution: Mapping[tuple[str, date], Decimal]
    ) -> dict[tuple[date, int], tuple[int, int, Decimal, Decimal]]:
        """The whale curve: what the top of each hundredth adds up to, and all."""
        found = {}
        for month in self.months:
            amounts = sorted(self._earned(month, contribution).values(), reverse=True)
            for percent in range(1, 101) if amounts else ():
                top = math.ceil(Fraction(len(amounts) * percent, 100))
                found[month, percent] = (
                    *(top, len(amounts)),
                    *(sum(amounts[:top], Decimal()), sum(amounts, Decimal())),
                )
        return found

    def migration(
        self, tiers: Mapping[str, list[tuple[date, date, str]]]
    ) -> Counter[tuple[date, str, str]]:
        """How many customers had which tier at the end of a month, and of the last."""
        found: Counter[tuple[date, str, str]] = Counter()
        for month in self.months:
            end = min(months_later(month, 1) - timedelta(days=1), self.as_of)
            for periods in tiers.values():
                now = _tier_on(periods, end)
                if now:
                    before = _tier_on(periods, month - timedelta(days=1))
                    found[month, before or "unknown", now] += 1
        return found

    def _periods(
        self, key: str, months: list[tuple[date, str]]
    ) -> list[tuple[date, date, str]]:
        starts = [(months[0][0], months[0][1])]
        starts += [(months_later(m, 1), tier) for m, tier in months]
        starts = [(day, tier) for day, tier in starts if day <= self.as_of]
        if self.basics.get(key, {}).get("restriction_code"):
            starts[-1] = (starts[-1][0], "restricted")
        changes = [
            start
            for before, start in zip([None, *starts], starts, strict=False)
            if before is None or before[1] != start[1]
        ]
        ends = [day for day, _ in changes[1:]] + [date(9999, 12, 31)]
        return [
            (day, end, tier) for (day, tier), end in zip(changes, ends, strict=True)
        ]

    # Profile

    @functools.cached_property
    def basics(self) -> dict[str, Row]:
        records: dict[str, Table] = defaultdict(list)
        for r in self.lake.snapshot("core_banking", "customers", "core_customer_id"):
            records[
                self.customer_of[f"core_banking:customer:{r['core_customer_id']}"]
            ].append(r)
        return {key: self._survivor(rows) for key, rows in records.items() if key}

    def _survivor(self, rows: Table) -> Row:
        first = min(
            rows, key=lambda r: (r["since_date"] or date.max, r["core_customer_id"])
        )
        asked = [r for r in rows if r["risk_level_code"]]
        asked.sort(key=lambda r: r["risk_level_code"])
        asked.sort(key=lambda r: r["risk_assessed_date"] or date.min, reverse=True)
        names = {r["full_name"] for r in rows} - {None}
        births = {r["birth_date"] for r in rows} - {None}
        since = [r["since_date"] for r in rows if r["since_date"]]
        told = {fact: self._told(rows, fact) for fact in _FACTS}
        born = told["birth_date"][:1]
        return {
            **{
                column: next(iter(told[fact] if first_wins else told[fact][::-1]), None)
                for fact, (column, first_wins) in _FACTS.items()
            },
            **{
                f"{fact}_conflict_count": max(len(set(told[fact])) - 1, 0)
                for fact in ("mobile_phone", "email_address", "postal_address")
            },
            "age_years": _age(born[0] if born else None, self.as_of),
            "is_call_allowed": all(
                r["is_marketing_allowed"] and r["is_call_allowed"] for r in rows
            ),
            "is_email_allowed": all(
                r["is_marketing_allowed"] and r["is_email_allowed"] for r in rows
            ),
            "since_date": min(since, default=None),
            "source_record_id": f"core_banking:customer:{first['core_customer_id']}",
            "core_record_count": len(rows),
            "name_conflict_count": max(len(names) - 1, 0),
            "birth_date_conflict_count": max(len(births) - 1, 0),
            "is_marketing_allowed": all(r["is_marketing_allowed"] for r in rows),
            "restriction_code": min(
                (r["restriction_code"] for r in rows if r["restriction_code"]),
                default=None,
            ),
            "declared_risk_level_code": asked[0]["risk_level_code"] if asked else None,
            **_assessment(
                asked[0]["risk_assessed_date"] if asked else None, self.as_of
            ),
            "is_special_care": (_age(born[0] if born else None, self.as_of) or 0) >= 65,
        }

    def _told(self, rows: Table, fact: str) -> list[Any]:
        """What a customer's core records say of a fact, the one opened first first."""
        ordered = sorted(
            rows, key=lambda r: (r["since_date"] or date.max, r["core_customer_id"])
        )
        kind = {"mobile_phone": "phone", "email_address": "email"}.get(fact)
        values = [
            self.normal.get((kind, r[fact] or "")) if kind else r[fact] for r in ordered
        ]
        return [v for v in values if v is not None]

    @functools.cached_property
    def records_of(self) -> dict[str, list[str]]:
        """The records of each customer, in order of name."""
        found: dict[str, list[str]] = defaultdict(list)
        for record, owner in sorted(self.customer_of.items()):
            found[owner].append(record)
        return found

    @functools.cached_property
    def _logins(self) -> dict[str, Row]:
        return {
            f"online_banking:login:{r['login_id']}": r
            for r in self.lake.snapshot("online_banking", "logins", "login_id")
        }

    def reached(self, key: str) -> Row:
        """Number and address by logins, or else by the records of contacts."""
        records, logins = self.records_of.get(key, []), self._logins
        found: Row = {}
        for column, kind in (("mobile_phone", "phone"), ("email_address", "email")):
            by_login = [
                self.normal.get((kind, logins[r][column] or ""))
                for r in records
                if r in logins
            ]
            seen = [
                r.partition(":")[2]
                for r in records
                if r.startswith(f"{kind}:") and (kind == "phone" or "@" in r)
            ]
            known = [v for v in (*by_login, *seen) if v is not None]
            found[column] = known[0] if known else None
        return found

    def profile(self, key: str) -> Row:
        """Return what the profile says of a customer, but for tier and contribution."""
        counts, amounts = self.holdings(key)
        basics = {**self.basics.get(key, _unknown(self.basics))}
        for column, value in self.reached(key).items():
            basics[column] = basics[column] or value
        basics["is_call_allowed"] &= basics["mobile_phone"] is not None
        basics["is_email_allowed"] &= basics["email_address"] is not None
        return {
            "record_count": len(self.records_of[key]),
            **basics,
            **_completeness(basics, is_asked=key in self.basics),
            **counts,
            **amounts,
            **self.activity(key),
            **self.service(key),
            "currency_code": self.own_currency,
        }

    def holdings(self, key: str) -> tuple[Row, dict[str, Fraction]]:
        """What a customer holds: counts and codes, and exact amounts."""
        held = [
            a
            for a in self._accounts_of(key)
            if a["closed_date"] is None or a["closed_date"] > self.as_of
        ]
        amounts = {"deposit": ZERO, "loan": ZERO}
        for account in held:
            days = self.daily_balances.get(account["account_id"], {})
            latest = days[max(days)] if days else ZERO
            latest *= self.valued(account["currency_code"], self.as_of)
            share = self.shares[account["account_id"]][key]
            amounts[account["side_code"]] += latest * share
        kinds = sorted({a["product_kind_code"] for a in held})
        level = self.basics.get(key, {}).get("declared_risk_level_code")
        risk = max((a["risk_number"] for a in held), default=None)
        row = {
            "open_account_count": len(held),
            "product_kind_count": len(kinds),
            "product_kinds": ", ".join(kinds) or None,
            "revealed_risk_number": risk,
            "suitability_gap_number": max(risk - int(level[1:]), 0)
            if risk and level
            else None,
        }
        return row, {f"{side}_balance_amount": v for side, v in amounts.items()}

    @functools.cached_property
    def timelines(self) -> dict[str, Table]:
        found: dict[str, Table] = defaultdict(list)
        for row in self.interactions.to_dict("records"):
            found[row["customer_key"]].append(row)
        return found

    @functools.cached_property
    def first_day(self) -> date:
        """The day of the bank's first interaction."""
        return min(self.interactions["business_date"])

    def last_seen(self, key: str) -> date | None:
        """The day of a customer's last interaction within 120 days, None without."""
        days = [r["business_date"] for r in self.timelines.get(key, [])]
        last = max(days, default=None)
        return last if last and (self.as_of - last).days < 120 else None

    def activity(self, key: str) -> Row:
        rows = self.timelines.get(key, [])
        ages = [(self.as_of - r["business_date"]).days for r in rows]
        recent = [r for r, age in zip(rows, ages, strict=True) if age < 120]
        last = self.last_seen(key)
        last_30 = sum(age < 30 for age in ages)
        before = sum(30 <= age < 120 for age in ages)
        usual, score = self._usual(last_30, before)
        evening = [18 <= self.local(r["occurred_at"]).hour < 24 for r in recent]
        bought = _where(rows, activity_code={"card_purchase"})
        return {
            "interaction_count": len(rows),
            "transaction_count": len(_where(rows, kind_code={"transaction"})),
            "debit_amount": _total(_where(rows, direction_code={"debit"})),
            "credit_amount": _total(_where(rows, direction_code={"credit"})),
            "card_purchase_count": len(bought),
            "card_purchase_amount": _total(bought),
            "cash_withdrawal_count": len(
                _where(rows, activity_code={"card_withdrawal", "cash_withdrawal"})
            ),
            "online_interaction_count": len(_where(rows, channel={"online_banking"})),
            "preferred_channel": _top(rows, "channel", lambda _: Fraction(1)),
            "top_category_code": _top(bought, "category_code", lambda r: r["worth"]),
            "last_interaction_date": last,
            "recency_days": (self.as_of - last).days if last else None,
            "evening_ratio": sum(evening) / len(evening) if evening else None,
            "last_30_days_count": last_30,
            "baseline_30_days_count": float(usual),
            "activity_change_ratio": float(last_30 / usual) if usual else None,
            "activity_change_z": score,
            "activity_change_code": _change(last_30, usual, score),
        }

    def _usual(self, last_30: int, before: int) -> tuple[Fraction, float | None]:
        """What 30 days used to bring, and how far the last 30 are from an even rate."""
        days = min((self.as_of - self.first_day).days - 29, 90)
        if days < 30:
            return ZERO, None
        share = 30 / (30 + days)
        spread = math.sqrt((last_30 + before) * share * (1 - share))
        due = (last_30 + before) * share
        return Fraction(before * 30, days), (last_30 - due) / spread if spread else None

    def is_judged(self, contact: Row) -> bool:
        """Whether an answered contact is of a known subject, its seven days over."""
        return (
            contact["category_code"] is not None
            and contact["outcome_code"] in {None, "answered"}
            and (self.as_of - contact["business_date"]).days >= REPEAT_DAYS
        )

    @functools.cached_property
    def cases_of(self) -> dict[str, Table]:
        """Each customer's cases, as they were last told."""
        found: dict[str, Table] = defaultdict(list)
        for row in {r["case_id"]: r for r in self.cases}.values():
            found[self.customer_of[row["record_id"]]].append(row)
        return found

    def service(self, key: str) -> Row:
        rows = self.timelines.get(key, [])
        calls = _where(rows, activity_code={"call"})
        contacts = _where(rows, activity_code={"call", "message_in"})
        judged = [r for r in contacts if self.is_judged(r)]
        scores = [
            r["satisfaction_score"]
            for r in _where(rows, channel={"call_center", "email"})
            if r["satisfaction_score"] is not None
        ]
        cases = self.cases_of[key]
        solved = [not again(contact, contacts) for contact in judged]
        return {
            "call_count": len(calls),
            "message_count": len(
                _where(rows, activity_code={"message_in", "message_out"})
            ),
            "satisfaction_average": sum(scores) / len(scores) if scores else None,
            "first_contact_resolution_ratio": sum(solved) / len(solved)
            if solved
            else None,
            "case_count": len(cases),
            "open_case_count": sum(r["status_code"] == "open" for r in cases),
        }

    # Segments

    def segments(self, key: str) -> Row:
        """The segment of a customer in each scheme."""
        rows = self._of_last_months(key)
        channels = Counter(r["channel"] for r in rows)
        most = max(channels.values(), default=0)
        top = min((c for c, n in channels.items() if n == most), default="none")
        (terms,) = in_force(seed("segment_terms"), self.as_of)
        is_preferred = most >= len(rows) * Fraction(terms["preferred_channel_ratio"])
        age = self.basics.get(key, {}).get("age_years")
        stages = [
            s["segment_code"]
            for s in seed("life_stages")
            if age is not None
            and _is_between(age, s["from_age_years"], s["to_age_years"])
        ]
        return {
            "rfm": self._rfm(key, rows),
            "life_stage": stages[0] if stages else "unknown",
            "channel_preference": top if is_preferred else "mixed",
            "product_mix": self._mix(key),
        }

    def _of_last_months(self, key: str) -> Table:
        (terms,) = in_force(seed("segment_terms"), self.as_of)
        before = months_later(self.this_month, -int(terms["trailing_months"]))
        return [
            r
            for r in self.timelines.get(key, [])
            if month_of(r["business_date"]) > before
        ]

    def _rfm(self, key: str, rows: Table) -> str:
        bands = in_force(seed("rfm_bands"), self.as_of)

        def score(measure: str, value: Fraction | int | None) -> int:
            fitting = [
                int(b["score"])
                for b in bands
                if b["measure_code"] == measure
                and value is not None
                and _is_between(value, b["from_value"], b["to_value"])
            ]
            return fitting[0] if fitting else 1

        transactions = _where(rows, kind_code={"transaction"})
        spent = exact(_total(_where(rows, direction_code={"debit"})))
        last = self.last_seen(key)
        scores = {
            "recency": score("recency", (self.as_of - last).days if last else None),
            "frequency": score("frequency", max(len(transactions) - 1, 0)),
            "monetary": score("monetary", spent),
        }
        rules = sorted(seed("rfm_segments"), key=lambda r: int(r["priority"]))
        return next(
            str(rule["segment_code"])
            for rule in rules
            if all(
                int(rule[f"least_{name}"]) <= value <= int(rule[f"most_{name}"])
                for name, value in scores.items()
            )
        )

    def _mix(self, key: str) -> str:
        groups = {
            r["product_kind_code"]: r["group_code"] for r in seed("product_terms")
        }
        held = {
            groups[a["product_kind_code"]]
            for a in self._accounts_of(key)
            if a["closed_date"] is None or a["closed_date"] > self.as_of
        }
        return next(
            str(mix["segment_code"])
            for mix in seed("product_mixes")
            if all(
                (mix[f"has_{group}"] == "true") == (group in held)
                for group in ("deposits", "investments", "borrowing")
            )
        )

    def asked(self) -> dict[tuple[str, str], set[str]]:
        """Which customers called or complained about what in the last months."""
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for key in self.customer_keys:
            for r in self._of_last_months(key):
                is_asked = r["activity_code"] in {"call", "case_opened"}
                if is_asked and r["category_code"] is not None:
                    found[r["activity_code"], r["category_code"]].add(key)
        return found

    # Channels and bank

    def channel_days(self) -> dict[tuple[str, date], Row]:
        grouped = self.interactions.groupby(["channel", "business_date"])
        return {key: _channel_day(group) for key, group in grouped}

    def bank_days(self) -> dict[date, Row]:
        days = set(self.interactions["business_date"])
        days |= {d for b in self.daily_balances.values() for d in b}
        return {day: self._bank_day(day) for day in sorted(days)}

    def _bank_day(self, day: date) -> Row:
        rows = self.interactions[self.interactions["business_date"] == day]
        rows = rows.to_dict("records")
        balances = {"deposit": ZERO, "loan": ZERO}
        for account, days in self.daily_balances.items():
            if account in self.accounts and day in days:
                row = self.accounts[account]
                worth = days[day] * self.valued(row["currency_code"], day)
                balances[row["side_code"]] += worth
        told = [r for r in self.cases if r["business_date"] <= day]
        status = {r["case_id"]: r["status_code"] for r in told}
        calls = _where(rows, activity_code={"call"})
        return {
            "active_customer_count": len({r["customer_key"] for r in rows} - {NOBODY}),
            "interaction_count": len(rows),
            "credit_amount": _total(_where(rows, direction_code={"credit"})),
            "debit_amount": _total(_where(rows, direction_code={"debit"})),
            "deposit_balance_amount": balances["deposit"],
            "loan_balance_amount": balances["loan"],
            "cost_to_serve_amount": sum((r["cost"] for r in rows), ZERO),
            "inbound_call_count": len(calls),
            "abandoned_call_count": len(_where(calls, outcome_code={"abandoned"})),
            "case_opened_count": len(_where(rows, activity_code={"case_opened"})),
            "open_case_count": sum(s == "open" for s in status.values()),
        }


# Each fact, the column it is in, and whether the record opened first knows it best.
_FACTS = {
    "full_name": ("full_name", True),
    "sex_code": ("sex_code", True),
    "birth_date": ("birth_date", True),
    "branch_id": ("branch_id", True),
    "mobile_phone": ("mobile_phone", False),
    "email_address": ("email_address", False),
    "postal_address": ("postal_address", False),
    "city_name": ("city_name", False),
}


def _seen(
    row: Row, feed: str, record: str, activity: str, at: datetime, **told: Any
) -> Row:
    channel, _, name = feed.partition(".")
    silent = dict.fromkeys(
        (
            *("outcome_code", "category_code", "amount", "currency_code"),
            *("wait_seconds", "duration_seconds", "satisfaction_score"),
        )
    )
    return {
        "channel": channel,
        "feed": name,
        "business_date": row["business_date"],
        "record_id": record,
        "activity_code": activity,
        "occurred_at": at,
        **silent,
        **told,
    }


def _first(*choices: tuple[str, str | None]) -> str:
    return next(prefix + value for prefix, value in choices if value is not None)


def _order(row: Row) -> tuple[object, ...]:
    return row["account_id"], row["counterparty_account"], row["amount"]


def _seconds(start: datetime, end: datetime | None) -> int | None:
    return int((end - start).total_seconds()) if end else None


@functools.cache
def _unit_costs() -> dict[tuple[str, str], Table]:
    found: dict[tuple[str, str], Table] = defaultdict(list)
    for row in seed("unit_costs"):
        found[row["channel"], row["activity_code"]].append(row)
    return found


def _price(row: Row) -> Fraction:
    prices = _unit_costs().get((row["channel"], row["activity_code"]), [])
    valid = in_force(prices, row["business_date"])
    return exact(valid[0]["unit_cost_amount"]) if valid else ZERO


@functools.cache
def _terms(kind: str, month: date) -> Row:
    (terms,) = (
        r
        for r in in_force(seed("product_terms"), month)
        if r["product_kind_code"] == kind
    )
    return terms


def _ftp(account: Row, terms: Row, month: date) -> Fraction:
    """The price of money of an account's currency and tenor."""
    opened, matures = account["opened_date"], account["maturity_date"]
    tenor = int(terms["ftp_tenor_months"])
    if matures and matures >= opened:
        tenor = round((matures - opened).days / 30.4375)
    return _money_price(account["currency_code"], tenor, month)


@functools.cache
def _money_price(currency: str, tenor: int, month: date) -> Fraction:
    curve = in_force(seed("ftp_curve"), month)
    codes = {r["currency_code"] for r in curve}
    code = currency if currency in codes else ""
    (price,) = (
        r["ftp_ratio"]
        for r in curve
        if r["currency_code"] == code
        and _is_between(tenor, r["from_months"], r["to_months"])
    )
    return exact(price)


def _unknown(basics: Mapping[str, Row]) -> Row:
    """Return the facts of a customer whom the core system does not know."""
    conflicts = ("name", "birth_date", "mobile_phone", "email_address")
    return {
        **dict.fromkeys(next(iter(basics.values()))),
        "core_record_count": 0,
        **{f"{fact}_conflict_count": 0 for fact in (*conflicts, "postal_address")},
        "is_marketing_allowed": False,
        "is_call_allowed": False,
        "is_email_allowed": False,
        "is_special_care": False,
        "is_risk_level_current": False,
    }


def _completeness(basics: Row, *, is_asked: bool) -> Row:
    known = {
        "full_name": basics["full_name"],
        "sex_code": basics["sex_code"],
        "birth_date": basics["birth_date"],
        "mobile_phone": basics["mobile_phone"],
        "email_address": basics["email_address"],
        "postal_address": basics["postal_address"],
        "risk_level_code": basics["declared_risk_level_code"],
        "is_marketing_allowed": is_asked or None,
    }
    missing = [name for name, value in known.items() if value is None]
    return {
        "completeness_ratio": 1 - len(missing) / len(known),
        "missing_facts": ", ".join(missing) or None,
    }


def _lent(
    exposure: Fraction, margin: Fraction, terms: Row, state: str | None, day: date
) -> dict[str, Fraction]:
    """What a day of a loan earns and risks; PD is at least what its state implies."""
    pd_ratio = max(exact(terms["pd_ratio"]), _floor(state, day))
    hurdle = in_force(seed("capital_terms"), month_of(day))[0]["hurdle_ratio"]
    return {
        "loan_interest_amount": exposure * margin,
        "expected_loss_amount": exposure * pd_ratio * exact(terms["lgd_ratio"]),
        "capital_charge_amount": exposure
        * exact(terms["capital_ratio"])
        * exact(hurdle),
    }


@functools.cache
def _floor(state: str | None, day: date) -> Fraction:
    floors = {
        r["loan_state_code"]: exact(r["pd_floor_ratio"])
        for r in in_force(seed("loan_state_terms"), month_of(day))
    }
    return floors.get(state or "performing", ZERO)


def _tier(holds: bool, is_costly: bool, is_premium: bool) -> str:
    if not holds:
        return "potential"
    if is_costly:
        return "restricted"
    return "premium" if is_premium else "ordinary"


def _is_between(value: Fraction | int, low: str, high: str) -> bool:
    return int(low) <= value and (high == "" or value < int(high))


def _assessment(answered: date | None, day: date) -> Row:
    """A questionnaire holds for a year."""
    expires = (
        (pd.Timestamp(answered) + pd.DateOffset(years=1)).date() if answered else None
    )
    return {
        "risk_assessed_date": answered,
        "risk_expires_date": expires,
        "is_risk_level_current": expires is not None and expires > day,
    }


def _tier_on(periods: list[tuple[date, date, str]], day: date) -> str | None:
    return next((tier for start, end, tier in periods if start <= day < end), None)


def _age(born: date | None, day: date) -> int | None:
    if born is None:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _where(rows: Table, **wanted: set[str]) -> Table:
    return [r for r in rows if all(r[k] in values for k, values in wanted.items())]


def _total(rows: Table) -> Fraction:
    return sum((r["worth"] for r in rows), ZERO)


def _top(rows: Table, column: str, weight: Callable[[Row], Fraction]) -> str | None:
    weights: dict[str, Fraction] = defaultdict(Fraction)
    for row in rows:
        if row[column] is not None:
            weights[row[column]] += weight(row)
    return min(weights, key=lambda name: (-weights[name], name), default=None)


def _change(count: int, usual: Fraction, score: float | None) -> str:
    if not usual or score is None:
        return "no_baseline"
    if count > usual * Fraction(3, 2) and score >= 2:
        return "up"
    return "down" if count < usual / 2 and score <= -2 else "steady"


def again(contact: Row, others: Table) -> bool:
    """Whether the customer was in touch on the subject again within seven days."""
    return any(
        other is not contact
        and other["category_code"] == contact["category_code"]
        and timedelta(0)
        <= other["occurred_at"] - contact["occurred_at"]
        <= timedelta(days=REPEAT_DAYS)
        for other in others
    )


def _mean(values: Iterable[Any]) -> float | None:
    known = [float(v) for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _channel_day(group: pd.DataFrame) -> Row:
    rows = group.to_dict("records")
    calls = _where(rows, activity_code={"call"})
    abandoned = len(_where(calls, outcome_code={"abandoned"}))
    durations = [r["duration_seconds"] for r in rows]
    scores = [r["satisfaction_score"] for r in rows]
    return {
        "interaction_count": len(rows),
        "contact_count": len(_where(rows, kind_code={"contact"})),
        "inbound_call_count": len(calls),
        "abandoned_call_count": abandoned,
        "abandonment_ratio": abandoned / len(calls) if calls else None,
        "average_duration_seconds": _mean(d for d in durations if d and d > 0),
        "satisfaction_average": _mean(scores),
        "satisfaction_answer_count": sum(s is not None for s in scores),
        "case_opened_count": len(_where(rows, activity_code={"case_opened"})),
        "declined_count": sum(
            (r["outcome_code"] or "")[:8] == "declined" for r in rows
        ),
        "unattributed_count": sum(not r["customer_key"] for r in rows),
        "cost_to_serve_amount": sum((r["cost"] for r in rows), ZERO),
    }


def differences(found: Row, due: Row) -> dict[str, tuple[Any, Any]]:
    """Return the columns that differ, as found and as due."""
    return {
        name: (found[name], value)
        for name, value in due.items()
        if not _agrees(found[name], value)
    }


def _agrees(found: Any, due: Any) -> bool:
    if isinstance(due, Fraction):
        return is_rounding_of(found, due)
    if isinstance(due, float) and found is not None:
        return abs(float(found) - due) < 1e-9
    return bool(found == due)


def assert_right(found: Mapping[Any, Row], due: Mapping[Any, Row]) -> None:
    """Assert that every row that is due is found, with all of its figures."""
    differing = {
        key: difference
        for key, row in due.items()
        if (difference := differences(found[key], row))
    }
    assert not differing, shown(differing)


def shown(differing: Mapping[Any, Any]) -> str:
    """Return the first few differences as text for a failure's message."""
    few = dict(list(differing.items())[:5])
    return f"{len(differing)} differ, first: {json.dumps(str(few))}"


# The bank that is judged, built once for all tests of a session

DAYS = tuple(date(2026, 3, day) for day in (1, 2, 3))
AS_OF = DAYS[-1]
# More take longer, and are asked for: 5,000 are judged before a release.
CUSTOMERS = os.environ.get("PASSBOOK_ORACLE_CUSTOMERS", "300")


@dataclass(frozen=True)
class StraightBank:
    """Three landed days built in one go, and the candidate as it was before publishing.

    The candidate still has its views on the lake. Its file has the name that these
    views lead to, which is the name that every candidate's has.
    """

    home: Home
    candidate: Path


def land(home: Home, *days: date) -> None:
    """Land and check every channel of some days, as `passbook night` does."""
    bank = Bank(load_settings(home.environment))
    for day in days:
        land_and_check(bank, day, lambda _: None)


def candidate_of(home: Home) -> Path:
    """Return the database of the candidate that a build left."""
    candidate, _ = Bank(load_settings(home.environment)).editions.standing_candidate()
    return candidate.database


def straight_bank(folder: Path) -> StraightBank:
    """Return the bank of a test run, by a session's folder."""
    root = built_once(folder, "oracle", _build_straight_bank)
    return StraightBank(_straight_home(root), root / "candidate" / "bank.duckdb")


def _straight_home(root: Path) -> Home:
    return Home(root / "straight", root / "extracts", root / "card.key")


def _build_straight_bank(root: Path) -> None:
    home = _straight_home(root)
    home.must(
        *("sample", "--customers", CUSTOMERS, "--days", str(len(DAYS))),
        *("--start", DAYS[0].isoformat(), "--dirt", "light", "--seed", "5"),
    )
    land(home, *DAYS)
    home.must("build", "--date", AS_OF.isoformat())
    kept = root / "candidate" / "bank.duckdb"
    kept.parent.mkdir()
    shutil.copyfile(candidate_of(home), kept)
    home.must("publish")


def mart(bank: StraightBank, table: str) -> Table:
    """Return the rows of a mart of the published edition; none is empty."""
    with duckdb.connect(str(bank.home.database), read_only=True) as connection:
        answer = connection.execute(f"from mart.{table}")
        names = [column[0] for column in answer.description]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    assert rows, f"mart.{table} is empty"
    return rows
