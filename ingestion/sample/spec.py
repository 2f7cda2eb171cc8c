"""What is asked of the sample bank, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Dirt = Literal["none", "light", "heavy"]
BANK_TIMEZONE = ZoneInfo("Asia/Shanghai")
BLOCK_CUSTOMERS = 50_000


@dataclass(frozen=True)
class SampleSpec:
    """A bank: how many people, which days, which seed, how dirty its extracts are."""

    customers: int = 2000
    days: int = 3
    start: date = date(2026, 3, 1)
    seed: int = 7
    dirt: Dirt = "light"

    def __post_init__(self) -> None:
        """Refuse a bank without people or days.

        Raises:
            ValueError: `customers` is below 50 or `days` below 1.
        """
        if self.customers < 50 or self.days < 1:
            raise ValueError(
                "a sample bank needs at least 50 customers and 1 day, found "
                f"{self.customers} customers and {self.days} days"
            )

    @property
    def business_dates(self) -> tuple[date, ...]:
        """The days that the extracts are about, in order."""
        return tuple(self.start + timedelta(days=n) for n in range(self.days))

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """People in each block; blocks are generated apart from one another."""
        full, rest = divmod(self.customers, BLOCK_CUSTOMERS)
        return (BLOCK_CUSTOMERS,) * full + ((rest,) if rest else ())


@dataclass(frozen=True)
class SampleSummary:
    """What was written: people, rows by feed, and what dirt did to them."""

    customers: int
    core_customers: int
    accounts: int
    business_dates: tuple[date, ...]
    rows: Mapping[str, int]
    event_rows: int
    bytes: int
    damaged_rows: int
    duplicate_rows: int
    late_files: int
    corrected_files: int
