"""Accounts, who holds them, and the cards issued for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.campaigns import Campaign, Contacts
from ingestion.sample.chance import Bools, Floats, Ints, Odds, chosen, stream
from ingestion.sample.columns import (
    days,
    decimals,
    digits,
    either,
    joined,
    money,
    picked,
    whole,
)
from ingestion.sample.exchange import CURRENCIES, EXCHANGE_RATIOS, OWN
from ingestion.sample.institution import PRODUCTS, Institution
from ingestion.sample.people import People
from ingestion.sample.registry import Registry, core_customer_id
from ingestion.sample.spec import BLOCK_CUSTOMERS, SampleSpec

_BY_KIND = {
    kind: [n for n, p in enumerate(PRODUCTS) if p.kind == kind]
    for kind in dict.fromkeys(p.kind for p in PRODUCTS)
}
LOAN_STATES = ("performing", "overdue", "defaulted", "repaid")
ROLES = ("owner", "joint_owner", "proxy")
OWNER, JOINT_OWNER, PROXY = range(3)
_DEBIT, _CREDIT = 0, 1


def _is_kind(*kinds: str) -> Bools:
    return np.array([p.kind in kinds for p in PRODUCTS])


IS_LOAN = _is_kind("mortgage", "consumer_loan")
IS_CREDIT_CARD = _is_kind("credit_card")
IS_CURRENT = _is_kind("current_account")
IS_SAVINGS = _is_kind("savings")
_MAY_BE_FOREIGN = _is_kind("time_deposit", "wealth")


@dataclass(frozen=True)
class Accounts:
    """Accounts of a block: the current account of record r is account r.

    Money is in cents, days count from 1970, -1 is none. `limit` is the limit of a card
    and the principal of a loan. `opening_funds` is what could be spent before the first
    day (see `settlement`). `currency` is a place in `CURRENCIES`. `paid_from` is the
    current account a loan is paid from.
    """

    block: int
    record: Ints
    product: Ints
    currency: Ints
    opened: Ints
    closed: Ints
    rate: Ints
    limit: Ints
    months: Ints
    loan_state: Ints
    overdue_days: Ints
    instalment: Ints
    opening_funds: Ints
    credit_card_of: Ints

    @property
    def count(self) -> int:
        """All accounts, those opened later in the sample included."""
        return len(self.record)

    @property
    def number(self) -> Ints:
        """Numbers that no account of another block has."""
        return np.arange(self.count, dtype=np.int64) + self.block * 5 * BLOCK_CUSTOMERS

    @property
    def is_loan(self) -> Bools:
        """Mortgages and consumer loans."""
        return IS_LOAN[self.product]

    def open_on(self, day: int) -> Ints:
        """Return the accounts that are open at the end of a day."""
        open_then = (self.closed < 0) | (self.closed > day)
        return np.flatnonzero((self.opened <= day) & open_then)


@dataclass(frozen=True)
class Holders:
    """Who may use which account; the first `accounts.count` are the owners."""

    account: Ints
    record: Ints
    role: Ints
    number: Ints


@dataclass(frozen=True)
class Cards:
    """Cards: number as an integer, holder as a place in `Holders`."""

    holder: Ints
    account: Ints
    person: Ints
    number: Ints
    is_credit: Bools
    issued: Ints
    status: Ints
    of_account: Ints


def make_accounts(
    spec: SampleSpec,
    people: People,
    registry: Registry,
    contacts: Contacts,
    campaigns: tuple[Campaign, ...],
    today: int,
) -> Accounts:
    """Return the accounts of a block, campaign openings included."""
    rng = stream(spec.seed, "accounts", people.block)
    held, product = _holdings(rng, registry, people.wealth[registry.person])
    opened = _openings(rng, registry.since[held], product, today)
    openings = _campaign_openings(contacts, campaigns)
    record, product, opened = (
        np.concatenate(parts)
        for parts in zip((held, product, opened), openings, strict=True)
    )
    count, wealth = len(record), people.wealth[registry.person[record]]
    months = _months(rng, product, opened, today)
    limit = _limits(rng, product, wealth)
    state = np.where(IS_LOAN[product], Odds.of([950, 35, 15]).draw(rng, count), -1)
    overdue = rng.integers(1, 88, count) + 90 * (state == 2)
    base = np.array([p.rate_millionths for p in PRODUCTS])[product]
    closes = IS_SAVINGS[product] & chosen(rng, count, 0.01)
    currency = _currencies(spec, people.block, product)
    funds = _opening_funds(rng, product, wealth, limit, opened >= today)
    return Accounts(
        block=people.block,
        record=record,
        product=product,
        currency=currency,
        opened=opened,
        closed=np.where(closes, np.minimum(opened + 30, today - 1), -1),
        rate=base + rng.integers(-4, 5, count) * (base // 50),
        limit=limit,
        months=months,
        loan_state=state,
        overdue_days=np.where(state >= 1, overdue, 0),
        instalment=_instalments(limit, base, months, IS_LOAN[product]),
        opening_funds=np.rint(funds / EXCHANGE_RATIOS[currency]).astype(np.int64),
        credit_card_of=_credit_card_of(registry, record, product),
    )


def _currencies(spec: SampleSpec, block: int, product: Ints) -> Ints:
    """Return currencies as places in `CURRENCIES`: some savings are kept abroad."""
    drawn = Odds.of([92, 6, 2]).draw(
        stream(spec.seed, "currencies", block), len(product)
    )
    return np.where(_MAY_BE_FOREIGN[product], drawn, OWN)


def _campaign_openings(
    contacts: Contacts, campaigns: tuple[Campaign, ...]
) -> tuple[Ints, Ints, Ints]:
    """Return record, product and day of the accounts that campaigns brought."""
    which = np.flatnonzero(contacts.opened_day >= 0)
    offered = np.array([c.product for c in campaigns])[contacts.campaign[which]]
    return contacts.record[which], offered, contacts.opened_day[which]


def _credit_card_of(registry: Registry, record: Ints, product: Ints) -> Ints:
    """Return each record's credit card account, -1 for none."""
    cards = np.flatnonzero(IS_CREDIT_CARD[product])
    card_of = np.full(registry.count, -1, np.int64)
    card_of[record[cards]] = cards
    return card_of


def _holdings(
    rng: np.random.Generator, registry: Registry, wealth: Floats
) -> tuple[Ints, Ints]:
    """Return record and product of what people hold before the first day."""
    everyone = np.arange(registry.count)
    rich = np.clip(np.log10(wealth / 30_000), 0, 3)
    shares: dict[str, Floats | float] = {
        "savings": 0.6,
        "time_deposit": 0.18 + 0.12 * rich,
        "wealth": 0.1 + 0.2 * rich,
        "mortgage": 0.12,
        "consumer_loan": 0.1,
        "credit_card": 0.3,
    }
    records, products = (
        [everyone],
        [np.full(len(everyone), _BY_KIND["current_account"][0])],
    )
    for kind, share in shares.items():
        who = np.flatnonzero(rng.random(registry.count) < share)
        records.append(who)
        products.append(
            np.array(_BY_KIND[kind])[rng.integers(0, len(_BY_KIND[kind]), len(who))]
        )
    return (
        np.concatenate(records).astype(np.int64),
        np.concatenate(products).astype(np.int64),
    )


def _openings(rng: np.random.Generator, since: Ints, product: Ints, today: int) -> Ints:
    """Return opening days: the current account at once, others up to yesterday."""
    term = np.array(
        [{"TD12": 360, "TD36": 1080}.get(p.product_id, 1 << 20) for p in PRODUCTS]
    )[product]
    first = np.maximum(since, today - term)
    later = first + (rng.random(len(since)) * (today - first)).astype(np.int64)
    return np.where(IS_CURRENT[product], since, later)


def _months(rng: np.random.Generator, product: Ints, opened: Ints, today: int) -> Ints:
    """Return terms in months, 0 for none; no loan has ended before the first day."""
    kind = np.array([p.kind for p in PRODUCTS])[product]
    years = rng.integers(10, 31, len(product))
    term = np.select(
        [
            kind == "mortgage",
            kind == "consumer_loan",
            np.array([p.product_id == "TD12" for p in PRODUCTS])[product],
            np.array([p.product_id == "TD36" for p in PRODUCTS])[product],
        ],
        [
            years * 12,
            12 * rng.integers(1, 6, len(product)),
            np.full(len(product), 12),
            np.full(len(product), 36),
        ],
        0,
    )
    run = (today - opened) // 30 + 6
    return np.where(IS_LOAN[product], np.minimum(np.maximum(term, run), 480), term)


def _limits(rng: np.random.Generator, product: Ints, wealth: Floats) -> Ints:
    """Return card limits and loan principals in cents, 0 for other products."""
    kind = np.array([p.kind for p in PRODUCTS])[product]
    factor = np.exp(rng.standard_normal(len(product)) * 0.5)
    amount = np.select(
        [kind == "mortgage", kind == "consumer_loan", kind == "credit_card"],
        [
            np.minimum(900_000 * factor * (wealth / 80_000) ** 0.3, 8_000_000),
            np.minimum(60_000 * factor, 500_000),
            np.minimum(25_000 * factor * (wealth / 80_000) ** 0.3, 300_000),
        ],
        0.0,
    )
    thousands: Ints = np.ceil(amount / 1000).astype(np.int64)
    return thousands * 100_000


def _instalments(limit: Ints, rate: Ints, months: Ints, is_loan: Bools) -> Ints:
    """Return the level monthly payment of loans in cents (annuity formula)."""
    monthly = rate / 12e6
    term = np.maximum(months, 1)
    payment = limit * monthly / (1 - (1 + monthly) ** -term.astype(np.float64))
    return np.where(is_loan, np.rint(payment), 0).astype(np.int64)


def _opening_funds(
    rng: np.random.Generator, product: Ints, wealth: Floats, limit: Ints, new: Bools
) -> Ints:
    """Return cents that can be spent before the first day; a loan's are negative."""
    kind = np.array([p.kind for p in PRODUCTS])[product]
    part = rng.random(len(product)) + 0.2
    share = np.select(
        [kind == "current_account", kind == "savings", kind == "time_deposit"],
        [0.1, 0.25, 0.35],
        0.5,
    )
    deposit = np.minimum(wealth * share * part, 2e8) * 100
    deposit += (kind == "current_account") * rng.integers(20_000, 600_000, len(product))
    owed = limit * rng.random(len(product))
    funds = np.select(
        [IS_LOAN[product], IS_CREDIT_CARD[product]],
        [-owed, limit - 0.4 * owed],
        deposit,
    )
    return np.where(new, 0, np.rint(funds)).astype(np.int64)


def make_holders(spec: SampleSpec, people: People, accounts: Accounts) -> Holders:
    """Return owners, joint owners (couples) and proxies (kin)."""
    rng = stream(spec.seed, "holders", people.block)
    own = np.arange(people.customers)
    head = people.head[own]
    couple = own[(own - head == 1) & chosen(rng, len(own), 0.12)]
    kin = own[(own - head >= 1) & chosen(rng, len(own), 0.03)]
    kin = kin[~np.isin(kin, couple)]
    account = np.concatenate((np.arange(accounts.count), head[couple], head[kin]))
    record = np.concatenate((accounts.record, couple, kin))
    role = np.repeat(
        [OWNER, JOINT_OWNER, PROXY], [accounts.count, len(couple), len(kin)]
    )
    number = np.arange(len(account)) + people.block * 8 * BLOCK_CUSTOMERS
    return Holders(account.astype(np.int64), record.astype(np.int64), role, number)


def make_cards(
    spec: SampleSpec,
    registry: Registry,
    accounts: Accounts,
    holders: Holders,
    block: int,
    today: int,
) -> Cards:
    """Return debit and credit cards; `of_account` is an account's first card or -1."""
    rng = stream(spec.seed, "cards", block)
    product = accounts.product[holders.account]
    draws = rng.random(len(holders.account))
    debit = IS_CURRENT[product] & (draws < np.array([0.93, 0.7, 0.3])[holders.role])
    holder = np.flatnonzero(debit | IS_CREDIT_CARD[product])
    account = holders.account[holder]
    is_credit = IS_CREDIT_CARD[product[holder]]
    place = np.arange(1, len(holder) + 1) + block * 4 * BLOCK_CUSTOMERS
    of_account = np.full(accounts.count, -1, np.int64)
    of_account[account[::-1]] = np.arange(len(holder))[::-1]
    opened = accounts.opened[account]
    issued = opened + (rng.random(len(holder)) * np.maximum(today - opened, 0)).astype(
        np.int64
    )
    return Cards(
        holder=holder,
        account=account,
        person=registry.person[holders.record[holder]],
        number=_card_numbers(place, is_credit),
        is_credit=is_credit,
        issued=issued,
        status=Odds.of([96, 2, 2]).draw(rng, len(holder)),
        of_account=of_account,
    )


def _card_numbers(place: Ints, is_credit: Bools) -> Ints:
    """Return invented numbers, 19 digits from 62 or 16 from 4, that pass Luhn."""
    debit = 629_999 * 10**12 + (place * 314_159_265_353 % 10**12)
    credit = 499_999 * 10**9 + place * 271_828_183 % 10**9
    body = np.where(is_credit, credit, debit)
    return body * 10 + luhn_digit(body)


def luhn_digit(body: Ints) -> Ints:
    """Return the digit that makes each number followed by it pass Luhn's check."""
    total, rest = np.zeros(len(body), np.int64), body.copy()
    for place in range(19):
        digit = rest % 10 * (2 if place % 2 == 0 else 1)
        total += digit - 9 * (digit > 9)
        rest //= 10
    return (10 - total % 10) % 10


def card_text(number: Ints) -> pa.Array:
    """Return card numbers as text of 16 or 19 digits."""
    short = number < 10**18
    return either(short, digits(np.where(short, number, 0), 16), digits(number, 19))


def account_id(number: Ints) -> pa.Array:
    """Return twelve-digit account numbers, which begin with 0."""
    return digits((number + 1) * 27_182_818_283 % 100_000_000_000, 12)


def holder_id(number: Ints) -> pa.Array:
    """Return the core system's ids of holdings."""
    return joined("H", digits(number, 9))


def account_table(
    accounts: Accounts, registry: Registry, bank: Institution, day: int
) -> pa.Table:
    """One row per account opened by a day, closed ones included."""
    which = np.flatnonzero(accounts.opened <= day)
    product, state = accounts.product[which], accounts.loan_state[which]
    limit, months = accounts.limit[which], accounts.months[which]
    opened, closed = accounts.opened[which], accounts.closed[which]
    record = accounts.record[which]
    return pa.table(
        {
            "account_id": account_id(accounts.number[which]),
            "product_id": picked([p.product_id for p in PRODUCTS], product),
            "opened_date": days(opened),
            "closed_date": days(closed, closed >= 0),
            "currency_code": picked(CURRENCIES, accounts.currency[which]),
            "interest_rate": decimals(accounts.rate[which], 9, 6),
            "credit_limit_amount": money(limit, limit > 0),
            "maturity_date": days(opened + months * 30, months > 0),
            "loan_state_code": picked(LOAN_STATES, state, state >= 0),
            "branch_id": picked(bank.department_ids, registry.branch[record]),
        }
    )


def holder_table(
    accounts: Accounts, holders: Holders, registry: Registry, day: int
) -> pa.Table:
    """One row per account and core record, of accounts opened by a day."""
    which = np.flatnonzero(accounts.opened[holders.account] <= day)
    return pa.table(
        {
            "account_holder_id": holder_id(holders.number[which]),
            "account_id": account_id(accounts.number[holders.account[which]]),
            "core_customer_id": core_customer_id(
                registry.number[holders.record[which]]
            ),
            "role_code": picked(ROLES, holders.role[which]),
        }
    )


def card_table(cards: Cards, holders: Holders) -> pa.Table:
    """One row per card."""
    return pa.table(
        {
            "card_token": card_text(cards.number),
            "account_holder_id": holder_id(holders.number[cards.holder]),
            "card_type_code": picked(
                ("debit", "credit"), np.where(cards.is_credit, _CREDIT, _DEBIT)
            ),
            "issued_date": days(cards.issued),
            "status_code": picked(("active", "blocked", "expired"), cards.status),
        }
    )


def loan_table(accounts: Accounts) -> pa.Table:
    """One row per loan."""
    which = np.flatnonzero(accounts.is_loan)
    is_mortgage = IS_LOAN[accounts.product[which]] & (
        accounts.product[which] == _BY_KIND["mortgage"][0]
    )
    return pa.table(
        {
            "loan_id": joined("L", digits(accounts.number[which], 9)),
            "account_id": account_id(accounts.number[which]),
            "granted_date": days(accounts.opened[which]),
            "principal_amount": money(accounts.limit[which]),
            "duration_months": whole(accounts.months[which]),
            "monthly_payment_amount": money(accounts.instalment[which]),
            "loan_state_code": picked(LOAN_STATES, accounts.loan_state[which]),
            "purpose_name": either(is_mortgage, "购房", "消费"),
        }
    )


def standing_order_table(
    spec: SampleSpec, accounts: Accounts, registry: Registry
) -> pa.Table:
    """One row per standing order: rent and savings plans of a tenth of people."""
    rng = stream(spec.seed, "standing orders", accounts.block)
    who = np.flatnonzero(chosen(rng, registry.count, 0.1))
    count = len(who)
    banks, purposes = ("ICBC", "ABOC", "CMBC"), ("房租", "储蓄计划", "水电费")
    return pa.table(
        {
            "standing_order_id": joined("S", digits(registry.number[who], 9)),
            "account_id": account_id(accounts.number[who]),
            "counterparty_account": joined(
                "8", digits(rng.integers(0, 10**11, count), 11)
            ),
            "counterparty_bank_code": picked(banks, rng.integers(0, 3, count)),
            "amount": money(rng.integers(2, 80, count) * 10_000),
            "purpose_name": picked(purposes, rng.integers(0, 3, count)),
        }
    )
