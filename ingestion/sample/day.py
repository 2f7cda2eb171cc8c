"""One day in the life of a block: its tables, and what it hands on to the next day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.accounts import (
    account_id,
    account_table,
    card_table,
    holder_table,
    loan_table,
    standing_order_table,
)
from ingestion.sample.block import Block
from ingestion.sample.bookings import (
    booking_table,
    fees_taken,
    make_bookings,
    repaid_by_loan,
)
from ingestion.sample.calendar_day import Day
from ingestion.sample.calls import call_table, make_calls
from ingestion.sample.campaigns import campaign_table, contact_table
from ingestion.sample.cases import Cases, case_table, make_cases
from ingestion.sample.chance import Ints
from ingestion.sample.columns import days, decimals, money, whole
from ingestion.sample.exchange import exchange_table
from ingestion.sample.institution import department_table, employee_table, product_table
from ingestion.sample.ledger import ledger_table
from ingestion.sample.logins import login_table
from ingestion.sample.mail import (
    Letters,
    mailbox_table,
    make_branch_letters,
    make_letters,
    message_table,
)
from ingestion.sample.payments import (
    cash_table,
    make_cash_operations,
    make_payments,
    payment_table,
)
from ingestion.sample.registry import customer_table
from ingestion.sample.sessions import session_table
from ingestion.sample.settlement import Settled, balances, settle, stacked

Tables = dict[tuple[str, str], pa.Table]
BALANCES = ("core_banking", "balances")
_LONGEST_CASE_DAYS = 28


@dataclass(frozen=True)
class BlockState:
    """What a block brings from one day to the next."""

    funds: Ints
    fees: int = 0
    cases: tuple[Cases, ...] = ()
    letters: tuple[Letters, ...] = ()
    branch_letters: tuple[Letters, ...] = ()


def opening_state(block: Block) -> BlockState:
    """Return the state of a block on the eve of its first day."""
    return BlockState(block.accounts.opening_funds)


def event_tables(
    block: Block, day: Day, state: BlockState
) -> tuple[Tables, BlockState]:
    """Return a day's events by channel and feed, and the state at its end."""
    tables, funds, fees = _money_tables(block, day, state.funds)
    calls = make_calls(block, day)
    cases = (*state.cases, make_cases(block, day, calls))
    letters = (*state.letters[-1:], make_letters(block, day))
    branch = (*state.branch_letters[-1:], make_branch_letters(block, day))
    tables |= {
        ("online_banking", "sessions"): session_table(block, day),
        ("call_center", "calls"): call_table(block, day, calls),
        ("call_center", "cases"): case_table(block, day, list(cases)),
        ("email", "messages"): message_table(block, day, list(letters)),
        ("email", "mailbox"): mailbox_table(block, day, list(branch)),
        ("marketing", "contacts"): contact_table(
            block.contacts, block.registry, block.bank, block.campaigns, day.number
        ),
    }
    return tables, BlockState(funds, fees, cases[-_LONGEST_CASE_DAYS:], letters, branch)


def _money_tables(block: Block, day: Day, funds: Ints) -> tuple[Tables, Ints, int]:
    """Return bookings, payments and cash operations, the funds after them, and fees."""
    bookings = make_bookings(block, day, funds)
    payments = make_payments(block, day, funds)
    cash = make_cash_operations(block, day)
    parts = [bookings.moves, payments.moves, cash.moves]
    settled = settle(block.accounts, funds, stacked(parts))
    booked, paid, drawn = _shares(settled, [part.count for part in parts])
    loans, amounts = repaid_by_loan(bookings, booked)
    closing = settled.closing_funds
    np.add.at(closing, loans, amounts)
    tables = {
        ("core_banking", "postings"): booking_table(block, day, bookings, booked),
        ("online_banking", "payments"): payment_table(block, day, payments, paid),
        ("atm", "transactions"): cash_table(block, day, cash, drawn),
    }
    return tables, closing, fees_taken(bookings, booked)


def _shares(settled: Settled, sizes: list[int]) -> list[Settled]:
    """Return a settlement cut into the parts that it was stacked from."""
    cuts = np.cumsum(sizes)[:-1]
    made = np.split(settled.made, cuts)
    after = np.split(settled.funds_after, cuts)
    return [
        Settled(m, a, settled.closing_funds) for m, a in zip(made, after, strict=True)
    ]


def balance_tables(block: Block, day: Day, state: BlockState) -> Tables:
    """Return the balances of all open accounts at the end of a day."""
    accounts = block.accounts
    which = accounts.open_on(day.number)
    elapsed = (day.date - block.spec.start).days
    overdue = accounts.overdue_days[which]
    amount = balances(accounts, which, state.funds[which])
    return {
        BALANCES: pa.table(
            {
                "account_id": account_id(accounts.number[which]),
                "balance_date": days(np.full(len(which), day.number)),
                "balance_amount": money(amount),
                "interest_rate": decimals(accounts.rate[which], 9, 6),
                "overdue_days": whole(np.where(overdue > 0, overdue + elapsed, 0)),
            }
        )
    }


def total_tables(blocks: list[Block], day: Day, states: list[BlockState]) -> Tables:
    """Return what the bank's books say of a day as a whole."""
    funds, fees = [s.funds for s in states], sum(s.fees for s in states)
    return {
        ("core_banking", "exchange_rates"): exchange_table(day),
        ("core_banking", "ledger_totals"): ledger_table(blocks, funds, fees, day),
    }


def snapshot_tables(block: Block, day: Day) -> Tables:
    """Return the registers of a block as they stand at the end of a day."""
    spec, people, registry = block.spec, block.people, block.registry
    accounts, holders = block.accounts, block.holders
    core = {
        "customers": customer_table(spec, people, registry, block.bank),
        "accounts": account_table(accounts, registry, block.bank, day.number),
        "account_holders": holder_table(accounts, holders, registry, day.number),
        "cards": card_table(block.cards, holders),
        "standing_orders": standing_order_table(spec, accounts, registry),
        "loans": loan_table(accounts),
    }
    tables: Tables = {("core_banking", name): table for name, table in core.items()}
    tables["online_banking", "logins"] = login_table(
        spec, people, registry, block.logins
    )
    return tables


def bank_tables(block: Block, day: Day) -> Tables:
    """Return the registers of the bank itself, which come once and not by block."""
    return {
        ("core_banking", "products"): product_table(),
        ("core_banking", "departments"): department_table(block.bank),
        ("core_banking", "employees"): employee_table(
            block.spec, block.bank, day.number
        ),
        ("marketing", "campaigns"): campaign_table(
            block.bank, block.campaigns, day.number
        ),
    }
