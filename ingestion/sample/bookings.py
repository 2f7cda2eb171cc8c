"""Bookings that the core system makes: salaries, purchases, fees, instalments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.accounts import IS_SAVINGS, account_id, card_text
from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import (
    Ints,
    Odds,
    cents,
    chosen,
    occurrences,
    seconds_of_day,
)
from ingestion.sample.columns import (
    event_ids,
    joined,
    moments,
    money,
    only,
    picked,
)
from ingestion.sample.exchange import CURRENCIES
from ingestion.sample.institution import PRODUCTS
from ingestion.sample.settlement import Moves, Settled, balances, stacked

_ACTIVITIES = (
    "salary",
    "card_purchase",
    "interest_credit",
    "fee",
    "penalty_interest",
    "loan_payment",
    "pension",
)
(_SALARY, _PURCHASE, _INTEREST, _FEE, _PENALTY, _LOAN_PAYMENT, _PENSION) = range(7)
PURCHASE_RATE = 1.02
_WEALTH_PRODUCT = np.array([p.kind == "wealth" for p in PRODUCTS])

# Category: share on weekdays, share at weekends, median amount.
_CATEGORIES = {
    "groceries": (30, 30, 75),
    "dining": (22, 28, 60),
    "fuel": (6, 6, 280),
    "travel": (4, 6, 520),
    "clothing": (6, 10, 210),
    "health": (6, 4, 140),
    "online": (16, 18, 120),
    "home": (4, 6, 320),
    "entertainment": (6, 10, 95),
}
_CATEGORY_NAMES = tuple(_CATEGORIES)
_CATEGORY_MEDIANS = np.array([c[2] for c in _CATEGORIES.values()], dtype=np.float64)
_WORKDAY_CATEGORIES = Odds.of([c[0] for c in _CATEGORIES.values()])
_WEEKEND_CATEGORIES = Odds.of([c[1] for c in _CATEGORIES.values()])
_SHOP_HOURS = Odds.of(
    [0, 0, 0, 0, 0, 1, 3, 6, 7, 7, 8, 9, 9, 7, 6, 7, 8, 10, 11, 9, 7, 4, 2, 1]
)
_DINING_HOURS = Odds.of(
    [0, 0, 0, 0, 0, 1, 6, 10, 6, 2, 3, 14, 20, 8, 2, 2, 3, 10, 18, 14, 8, 4, 2, 1]
)
_ONLINE_HOURS = Odds.of(
    [5, 3, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 6, 5, 5, 5, 5, 6, 8, 11, 13, 12, 8]
)


@dataclass(frozen=True)
class Bookings:
    """Moves with what each is for; `category` and `card` are -1 for none.

    `loan` names the loan of each instalment, in the order of the instalments.
    """

    moves: Moves
    activity: Ints
    category: Ints
    card: Ints
    loan: Ints


def make_bookings(block: Block, day: Day, funds: Ints) -> Bookings:
    """Return what the core system would book on a day, before settlement."""
    purchases, category, card = _purchases(block, day)
    loans, instalments = _loan_payments(block, day, funds)
    parts = [
        (_PURCHASE, purchases),
        (_SALARY, _salaries(block, day)),
        (_PENSION, _pensions(block, day)),
        (_LOAN_PAYMENT, instalments),
        (_PENALTY, _penalties(block, day)),
        (_INTEREST, _interest(block, day, funds)),
        (_FEE, _fees(block, day)),
    ]
    sizes = [moves.count for _, moves in parts]
    rest = np.full(sum(sizes) - purchases.count, -1, np.int64)
    return Bookings(
        moves=stacked([moves for _, moves in parts]),
        activity=np.repeat([activity for activity, _ in parts], sizes),
        category=np.concatenate((category, rest)),
        card=np.concatenate((card, rest)),
        loan=loans,
    )


def _purchases(block: Block, day: Day) -> tuple[Moves, Ints, Ints]:
    """Return card purchases with category and card, on debit or credit card."""
    rng = block.rng("purchases", day)
    accounts, cards, registry = block.accounts, block.cards, block.registry
    activity = block.activity(day)[registry.person]
    record = occurrences(
        rng, PURCHASE_RATE * (1.15 if day.is_weekend else 1.0) * activity
    )
    credit = accounts.credit_card_of[record]
    on_credit = (credit >= 0) & chosen(rng, len(record), 0.5)
    account = np.where(on_credit, credit, record)
    card = cards.of_account[account]
    usable = (card >= 0) & (cards.status[card] == 0)
    record, account, card = record[usable], account[usable], card[usable]
    odds = _WEEKEND_CATEGORIES if day.is_weekend else _WORKDAY_CATEGORIES
    category = odds.draw(rng, len(record))
    taste = (block.people.wealth[registry.person] / 60_000) ** 0.2
    amount = cents(rng, _CATEGORY_MEDIANS[category] * taste[record], 0.8, len(record))
    second = _purchase_seconds(rng, category)
    moves = Moves(account, second, amount, np.full(len(record), -1))
    return moves, category, card


def _purchase_seconds(rng: np.random.Generator, category: Ints) -> Ints:
    count = len(category)
    names = np.array(_CATEGORY_NAMES)
    dining = np.isin(names, ("dining", "entertainment"))[category]
    online = np.isin(names, ("online", "travel"))[category]
    hour = np.where(
        online, _ONLINE_HOURS.draw(rng, count), _SHOP_HOURS.draw(rng, count)
    )
    hour = np.where(dining, _DINING_HOURS.draw(rng, count), hour)
    return hour * 3600 + rng.integers(0, 3600, count)


def _employed_records(block: Block) -> Ints:
    """Return the record under which each customer's money comes in: the first."""
    return np.arange(block.people.customers)


def _salaries(block: Block, day: Day) -> Moves:
    """Return salaries: each employer pays all its people on one day of the month."""
    own = _employed_records(block)
    employer = block.people.employer[own]
    record = own[(employer >= 0) & (employer * 11 % 28 + 1 == day.of_month)]
    second = 9 * 3600 + block.people.employer[record] % 60 * 60
    return _credits(record, second, block.income[record])


def _pensions(block: Block, day: Day) -> Moves:
    """Return pensions of people over 60 without an employer, over 20 days."""
    own = _employed_records(block)
    people = block.people
    old = day.number - people.birth[own] > 60 * 365.25
    due = people.number[own] * 7 % 20 + 1 == day.of_month
    record = own[old & due & (people.employer[own] < 0)]
    return _credits(record, np.full(len(record), 8 * 3600), block.income[record] // 2)


def _credits(account: Ints, second: Ints, amount: Ints) -> Moves:
    return Moves(account, second, amount, np.ones(len(account), np.int64))


def _debits(account: Ints, second: Ints, amount: Ints) -> Moves:
    return Moves(account, second, amount, np.full(len(account), -1))


def _due_loans(block: Block, day: Day, state: int) -> Ints:
    """Return the loans of a state whose instalment is due on a day."""
    accounts = block.accounts
    due = accounts.number % 28 + 1 == day.of_month
    return np.flatnonzero(due & (accounts.loan_state == state))


def _loan_payments(block: Block, day: Day, funds: Ints) -> tuple[Ints, Moves]:
    """Return loans and instalments, booked on the current account that pays."""
    loans = _due_loans(block, day, 0)
    amount = np.minimum(block.accounts.instalment[loans], -funds[loans])
    loans, amount = loans[amount > 0], amount[amount > 0]
    payers, second = block.accounts.record[loans], np.full(len(loans), 22 * 3600)
    return loans, _debits(payers, second, amount)


def _penalties(block: Block, day: Day) -> Moves:
    """Return penalty interest on overdue loans, added to what is owed."""
    loans = _due_loans(block, day, 1)
    amount = np.maximum(block.accounts.instalment[loans] // 20, 1)
    return _debits(loans, np.full(len(loans), 23 * 3600), amount)


def _interest(block: Block, day: Day, funds: Ints) -> Moves:
    """Return interest: savings each quarter, wealth products each 30 days."""
    accounts = block.accounts
    pays = _WEALTH_PRODUCT[accounts.product] & (
        (day.number - accounts.opened) % 30 == 0
    )
    parts = 12
    if day.ends_interest_quarter:
        pays, parts = pays | IS_SAVINGS[accounts.product], 4
    pays &= (accounts.opened < day.number) & (accounts.closed < 0)
    which = np.flatnonzero(pays)
    amount = funds[which] * accounts.rate[which] // (1_000_000 * parts)
    earned = amount > 0
    return _credits(which[earned], np.full(int(earned.sum()), 60), amount[earned])


def _fees(block: Block, day: Day) -> Moves:
    rng = block.rng("fees", day)
    record = np.flatnonzero(chosen(rng, block.registry.count, 0.006))
    amount = Odds.of([60, 25, 15]).draw(rng, len(record))
    return _debits(
        record,
        seconds_of_day(rng, _SHOP_HOURS, len(record)),
        np.array([200, 500, 1500])[amount],
    )


def booking_table(
    block: Block, day: Day, bookings: Bookings, settled: Settled
) -> pa.Table:
    """One row per booking that was made."""
    made = np.flatnonzero(settled.made)
    account = bookings.moves.account[made]
    category, card = bookings.category[made], bookings.card[made]
    after = balances(block.accounts, account, settled.funds_after[made])
    return pa.table(
        {
            "posting_id": joined("P", event_ids(day.number, block.number, len(made))),
            "account_id": account_id(block.accounts.number[account]),
            "booked_at": moments(day.number, bookings.moves.second[made]),
            "activity_code": picked(_ACTIVITIES, bookings.activity[made]),
            "category_code": picked(_CATEGORY_NAMES, category, category >= 0),
            "amount": money(bookings.moves.amount[made]),
            "currency_code": picked(CURRENCIES, block.accounts.currency[account]),
            "balance_after_amount": money(after),
            "card_token": only(card_text(block.cards.number[card]), card >= 0),
        }
    )


def fees_taken(bookings: Bookings, settled: Settled) -> int:
    """Return the cents that fees and penalty interest brought the bank."""
    earns = np.isin(bookings.activity, (_FEE, _PENALTY)) & settled.made
    return int(bookings.moves.amount[earns].sum())


def repaid_by_loan(bookings: Bookings, settled: Settled) -> tuple[Ints, Ints]:
    """Return loans and the cents by which instalments that were made lower them."""
    of_day = bookings.activity == _LOAN_PAYMENT
    made = settled.made[of_day]
    return bookings.loan[made], bookings.moves.amount[of_day][made]
