"""Currencies of the sample bank, and what it values foreign ones at."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ingestion.sample.calendar_day import Day
from ingestion.sample.columns import days, decimals, picked

CURRENCIES = ("CNY", "USD", "EUR")
OWN = 0
# About what one unit costs in the bank's own currency.
EXCHANGE_RATIOS = np.array([1.0, 7.2, 7.8])
_SWING, _SWING_DAYS = 0.02, 40


def exchange_table(day: Day) -> pa.Table:
    """One row per foreign currency; none at weekends, when no rate is fixed."""
    first = len(CURRENCIES) if day.is_weekend else OWN + 1
    foreign = np.arange(first, len(CURRENCIES))
    swing = _SWING * np.sin(2 * np.pi * day.number / _SWING_DAYS + foreign)
    ratio = np.rint(EXCHANGE_RATIOS[foreign] * (1 + swing) * 1e6)
    return pa.table(
        {
            "currency_code": picked(CURRENCIES, foreign),
            "rate_date": days(np.full(len(foreign), day.number)),
            "exchange_ratio": decimals(ratio.astype(np.int64), 18, 6),
        }
    )
