"""Brings a day's bookings and the balances together, to the cent.

Funds are what can still be spent, in cents: the balance of a deposit, limit minus what
is owed on a card, and minus what is owed on a loan. A booking with sign +1 adds to the
funds of its account, one with -1 takes from them, one with 0 moves no money.

The rule: funds(D) = funds(D-1) + sum of sign x amount over the payments, postings and
cash machine transactions of the account on D that stand in the extracts (for cash
machines: the approved ones), and for a loan also plus its instalment, which is booked
on the current account that pays it. So for deposits
balance(D) = balance(D-1) + credits - debits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.sample.accounts import IS_CREDIT_CARD, IS_LOAN, Accounts
from ingestion.sample.chance import Bools, Ints


@dataclass(frozen=True)
class Moves:
    """Bookings that move money: account, second of the day, cents, and direction."""

    account: Ints
    second: Ints
    amount: Ints
    sign: Ints

    @property
    def count(self) -> int:
        """Bookings."""
        return len(self.account)

    @property
    def delta(self) -> Ints:
        """Change of the account's funds."""
        return self.amount * self.sign


@dataclass(frozen=True)
class Settled:
    """What became of a day's moves: which were made, and the funds after each."""

    made: Bools
    funds_after: Ints
    closing_funds: Ints


def stacked(parts: list[Moves]) -> Moves:
    """Return all moves of several kinds, in order of the parts."""
    return Moves(
        *(
            np.concatenate([getattr(part, name) for part in parts]).astype(np.int64)
            for name in ("account", "second", "amount", "sign")
        )
    )


def settle(accounts: Accounts, funds: Ints, moves: Moves) -> Settled:
    """Book a day's moves in order of time.

    An account that its debits would take below zero has none of them made that day, so
    no deposit is ever negative and no card beyond its limit. Loans are exempt.
    """
    order = np.argsort(moves.account * 86_400 + moves.second, kind="stable")
    account = moves.account[order]
    delta = moves.delta[order]
    short = np.zeros(accounts.count, bool)
    short[account[_running(account, delta, funds) < 0]] = True
    short &= ~IS_LOAN[accounts.product]
    made = ~(short[account] & (delta < 0))
    delta = np.where(made, delta, 0)
    after = np.empty(len(order), np.int64)
    after[order] = _running(account, delta, funds)
    was_made = np.empty(len(order), bool)
    was_made[order] = made
    closing = funds.copy()
    np.add.at(closing, account, delta)
    return Settled(was_made, after, closing)


def _running(account: Ints, delta: Ints, funds: Ints) -> Ints:
    """Return the funds after each move; moves of an account stand together."""
    total = np.cumsum(delta)
    starts = np.flatnonzero(np.concatenate(([True], account[1:] != account[:-1])))
    lengths = np.diff(np.append(starts, len(account)))
    before = np.repeat((total - delta)[starts], lengths) if len(account) else total
    return funds[account] + total - before


def balances(accounts: Accounts, which: Ints, funds: Ints) -> Ints:
    """Return balances of accounts from their funds: what is held, or what is owed."""
    product = accounts.product[which]
    return np.select(
        [IS_LOAN[product], IS_CREDIT_CARD[product]],
        [-funds, accounts.limit[which] - funds],
        funds,
    )
