"""A business date as the generators need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Day:
    """One business date; `number` counts days since 1970."""

    date: date

    @property
    def number(self) -> int:
        """Days since 1970."""
        return (self.date - EPOCH).days

    @property
    def of_month(self) -> int:
        """Day of the month, from 1."""
        return self.date.day

    @property
    def is_weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.date.weekday() >= 5

    @property
    def ends_interest_quarter(self) -> bool:
        """The 21st of March, June, September and December, when savings earn."""
        return self.date.day == 21 and self.date.month % 3 == 0
