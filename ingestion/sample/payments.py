"""Payments of the online bank, and what people do at cash machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.accounts import (
    IS_CURRENT,
    IS_SAVINGS,
    account_id,
    card_text,
)
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
    digits,
    either,
    event_ids,
    joined,
    moments,
    money,
    only,
    picked,
    repeated,
)
from ingestion.sample.exchange import CURRENCIES, OWN
from ingestion.sample.logins import login_id
from ingestion.sample.settlement import Moves, Settled, balances, stacked

PAYMENT_RATE = 0.6
ATM_RATE = 0.24
_PAYMENTS = ("transfer_out", "transfer_in", "bill_payment", "rent")
_OUT, _IN, _BILL, _RENT = range(4)
_PAYMENT_MEDIANS = np.array([350.0, 420.0, 110.0, 3200.0])
_ONLINE_HOURS = Odds.of(
    [2, 1, 1, 1, 1, 1, 3, 5, 7, 9, 9, 8, 8, 7, 7, 7, 7, 7, 8, 9, 10, 9, 6, 3]
)
_OTHER_BANKS = ("ICBC", "ABOC", "CCBC", "BKCH", "CMBC", "PSBC")
_MEMOS = (
    "生活费",
    "还款",
    "货款",
    "房租",
    "学费",
    "red packet",
    "Thanks, see you soon",
    "dinner",
    "水电费",
    "AA制, 聚餐",
    '备注"急"',
)
_ATM_ACTIVITIES = (
    "card_withdrawal",
    "cash_deposit",
    "balance_inquiry",
    "transfer_out",
    "pin_change",
    "cash_withdrawal",
)
_ATM_SIGNS = np.array([-1, 1, 0, -1, 0, -1])
_ATM_OUTCOMES = ("approved", "declined_funds", "declined_pin", "failed_terminal")
_ATM_ODDS = Odds.of([66, 14, 13, 4, 1, 2])
_ATM_HOURS = Odds.of(
    [1, 1, 0, 0, 0, 1, 3, 6, 8, 9, 10, 10, 9, 7, 7, 8, 9, 10, 9, 7, 5, 4, 3, 2]
)


@dataclass(frozen=True)
class Payments:
    """Moves with the kind of payment."""

    moves: Moves
    activity: Ints


def make_payments(block: Block, day: Day, funds: Ints) -> Payments:
    """Return payments ordered or received on a day, before settlement."""
    rng = block.rng("payments", day)
    logins, people = block.logins, block.people
    mine = np.flatnonzero((logins.record >= 0) & (logins.status == 0))
    who = logins.record[
        mine[occurrences(rng, PAYMENT_RATE * block.activity(day)[logins.person[mine]])]
    ]
    activity = Odds.of([38, 34, 28]).draw(rng, len(who))
    tenants = _tenants(block, day)
    who = np.concatenate((who, tenants))
    activity = np.concatenate((activity, np.full(len(tenants), _RENT)))
    taste = (people.wealth[who] / 60_000) ** 0.35
    usual = Moves(
        account=who,
        second=seconds_of_day(rng, _ONLINE_HOURS, len(who)),
        amount=cents(rng, _PAYMENT_MEDIANS[activity] * taste, 0.9, len(who)),
        sign=np.where(activity == _IN, 1, -1),
    )
    openings = stacked([_first_deposits(block, day), _earnings(block, day)])
    outflows = _outflows(block, day, funds)
    sizes = [openings.count, outflows.count]
    kinds = np.concatenate((activity, np.repeat([_IN, _OUT], sizes)))
    return Payments(stacked([usual, openings, outflows]), kinds)


def _tenants(block: Block, day: Day) -> Ints:
    """Return records of those who pay rent online: on the 1st of a month."""
    if day.of_month != 1:
        return np.empty(0, np.int64)
    record = block.logins.record[block.logins.record >= 0]
    return record[block.people.number[record] * 13 % 100 < 22]


def _earnings(block: Block, day: Day) -> Moves:
    """Return what people under 60 without an employer earn or are sent each month."""
    people = block.people
    own = np.arange(people.customers)
    young = day.number - people.birth[own] <= 60 * 365.25
    due = people.number[own] * 13 % 28 + 1 == day.of_month
    record = own[young & due & (people.employer[own] < 0)]
    second = 10 * 3600 + people.number[record] % 30_000
    amount = block.income[record] * 3 // 4
    return Moves(record, second, amount, np.ones(len(record), np.int64))


def _first_deposits(block: Block, day: Day) -> Moves:
    """Return money that comes in to accounts opened on the day by a campaign."""
    accounts = block.accounts
    new = np.flatnonzero(accounts.opened == day.number)
    rng = block.rng("first deposits", day)
    amount = rng.integers(5, 200, len(new)) * 100_000
    second = rng.integers(19 * 3600, 23 * 3600, len(new))
    return Moves(new, second, amount, np.ones(len(new), np.int64))


def _outflows(block: Block, day: Day, funds: Ints) -> Moves:
    """Return what people who are leaving the bank take away: 30 % of an account."""
    accounts = block.accounts
    leaving = np.zeros(block.people.count, bool)
    leaving[block.drift.withdraws(day)] = True
    leaving &= block.logins.of_person >= 0
    by_account = leaving[block.registry.person[accounts.record]]
    movable = (IS_CURRENT | IS_SAVINGS)[accounts.product] & (accounts.closed < 0)
    which = np.flatnonzero(by_account & movable & (funds > 100_000))
    amount = funds[which] * 3 // 10
    return Moves(which, np.full(len(which), 36_000), amount, np.full(len(which), -1))


def payment_table(
    block: Block, day: Day, payments: Payments, settled: Settled
) -> pa.Table:
    """One row per payment that was made."""
    rng = block.rng("payment details", day)
    made = np.flatnonzero(settled.made)
    account, activity = payments.moves.account[made], payments.activity[made]
    person = block.registry.person[block.accounts.record[account]]
    after = balances(block.accounts, account, settled.funds_after[made])
    count = len(made)
    return pa.table(
        {
            "payment_id": joined("Y", event_ids(day.number, block.number, count)),
            "login_id": only(login_id(block.people, person), activity != _IN),
            "account_id": account_id(block.accounts.number[account]),
            "occurred_at": moments(day.number, payments.moves.second[made]),
            "activity_code": picked(_PAYMENTS, activity),
            "amount": money(payments.moves.amount[made]),
            "currency_code": picked(CURRENCIES, block.accounts.currency[account]),
            "counterparty_account": joined(
                "8", digits(rng.integers(0, 10**11, count), 11)
            ),
            "counterparty_bank_code": picked(
                _OTHER_BANKS, rng.integers(0, len(_OTHER_BANKS), count)
            ),
            "balance_after_amount": money(after),
            "memo": _memos(block, rng, account),
        }
    )


def _memos(block: Block, rng: np.random.Generator, account: Ints) -> pa.Array:
    """Return what payers wrote: often nothing, now and then their card number."""
    count = len(account)
    memo = picked(_MEMOS, rng.integers(0, len(_MEMOS), count), chosen(rng, count, 0.4))
    card = block.cards.of_account[account]
    tells = (card >= 0) & chosen(rng, count, 0.004)
    return either(tells, joined("转入卡 ", card_text(block.cards.number[card])), memo)


@dataclass(frozen=True)
class CashOperations:
    """What was done at machines; `sign` is 0 where the switch declined."""

    moves: Moves
    activity: Ints
    outcome: Ints
    card: Ints


def make_cash_operations(block: Block, day: Day) -> CashOperations:
    """Return operations at cash machines on a day, before settlement."""
    rng = block.rng("cash", day)
    cards = block.cards
    debit = np.flatnonzero(~cards.is_credit & (cards.status == 0))
    card = debit[occurrences(rng, ATM_RATE * block.activity(day)[cards.person[debit]])]
    count = len(card)
    activity = _ATM_ODDS.draw(rng, count)
    outcome = np.array([0, 2, 3])[Odds.of([960, 27, 13]).draw(rng, count)]
    sign = np.where(outcome == 0, _ATM_SIGNS[activity], 0)
    amount = np.minimum(1 + rng.geometric(0.25, count), 50) * 10_000
    moves = Moves(
        account=cards.account[card],
        second=seconds_of_day(rng, _ATM_HOURS, count),
        amount=np.where(_ATM_SIGNS[activity] == 0, 0, amount),
        sign=sign,
    )
    return CashOperations(moves, activity, outcome, card)


def cash_table(
    block: Block, day: Day, cash: CashOperations, settled: Settled
) -> pa.Table:
    """One row per operation; those that the account did not cover are declined."""
    rng = block.rng("cash details", day)
    bank, moves, count = block.bank, cash.moves, cash.moves.count
    near = block.people.number[block.cards.person[cash.card]] * 31
    machine = (near + rng.integers(0, 3, count)) % len(bank.terminals)
    moved = settled.made & (cash.outcome == 0)
    without_card = cash.activity == _ATM_ACTIVITIES.index("cash_withdrawal")
    return pa.table(
        {
            "transaction_id": event_ids(day.number, block.number, count),
            "terminal_id": picked(bank.terminals, machine),
            "occurred_at": moments(day.number, moves.second),
            "card_token": only(card_text(block.cards.number[cash.card]), ~without_card),
            "account_id": account_id(block.accounts.number[moves.account]),
            "activity_code": picked(_ATM_ACTIVITIES, cash.activity),
            "amount": money(np.where(moved, moves.amount, 0)),
            "currency_code": repeated(CURRENCIES[OWN], count),
            "outcome_code": picked(
                _ATM_OUTCOMES, np.where(settled.made, cash.outcome, 1)
            ),
            "location_name": picked(bank.terminal_places, machine),
        }
    )
