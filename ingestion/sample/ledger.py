"""What the general ledger of the sample bank says of a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import Ints
from ingestion.sample.columns import money
from ingestion.sample.exchange import CURRENCIES, OWN
from ingestion.sample.institution import PRODUCTS
from ingestion.sample.settlement import balances

_KINDS = tuple(dict.fromkeys(p.kind for p in PRODUCTS))
_KIND_OF = np.array([_KINDS.index(p.kind) for p in PRODUCTS])
_DAYS_OF_YEAR = 365
_Line = tuple[str, str | None, str]


def ledger_table(
    blocks: Sequence[Block], funds: Sequence[Ints], fees: int, day: Day
) -> pa.Table:
    """One row per kind of product and currency, and line; and one for fees.

    Funds are those at the end of the day, block by block, and fees its cents.
    """
    totals: Counter[_Line] = Counter()
    for block, left in zip(blocks, funds, strict=True):
        totals.update(_block_totals(block, left, day))
    totals["fee_income", None, CURRENCIES[OWN]] = fees
    lines = sorted(totals, key=str)
    return pa.table(
        {
            "ledger_account_id": [
                "-".join(part for part in line if part) for line in lines
            ],
            "ledger_line_code": [line for line, _, _ in lines],
            "product_kind_code": pa.array([kind for _, kind, _ in lines], pa.string()),
            "currency_code": [currency for _, _, currency in lines],
            "amount": money(np.array([totals[line] for line in lines], np.int64)),
        }
    )


def _block_totals(block: Block, funds: Ints, day: Day) -> Counter[_Line]:
    """Return balances and interest of a day in cents."""
    accounts = block.accounts
    which = accounts.open_on(day.number)
    amount = balances(accounts, which, funds[which])
    interest = amount * (accounts.rate[which] / 1e6) / _DAYS_OF_YEAR
    place = _KIND_OF[accounts.product[which]] * len(CURRENCIES)
    place += accounts.currency[which]
    totals: Counter[_Line] = Counter()
    for n in np.unique(place).tolist():
        kind, currency = divmod(n, len(CURRENCIES))
        here = place == n
        name = (_KINDS[kind], CURRENCIES[currency])
        totals["balance", *name] = int(amount[here].sum())
        totals["interest", *name] = round(float(interest[here].sum()))
    return totals
