"""How fast the sample bank writes a day, against pandas writing the same rows as CSV.

    python benchmarks/sample_bank.py [--scale small|full] [--json]

Each round writes the next day of a bank (generation, settlement, encoding and control
files included), then has pandas write the event rows of one block of that day as CSV
from frames that are ready in memory. A day before the first round warms up both.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._runs import Found, run  # noqa: E402
from ingestion.contract import load_contracts  # noqa: E402
from ingestion.sample.bank import SampleBank, open_bank  # noqa: E402
from ingestion.sample.calendar_day import Day  # noqa: E402
from ingestion.sample.columns import plain  # noqa: E402
from ingestion.sample.day import event_tables  # noqa: E402
from ingestion.sample.delivery import Delivered  # noqa: E402
from ingestion.sample.spec import SampleSpec  # noqa: E402

# Due at full scale on 2 cores: a million customers with 2.5 million events a day.
DUE_EVENT_ROWS_PER_SECOND = 300_000
DUE_EVENTS_PER_DAY = 2_400_000
DUE_PEAK_GIB = 2.0
CUSTOMERS = {"full": 1_000_000, "small": 2_000}
ROUNDS = {"full": 3, "small": 1}


@dataclass
class Rates:
    """Rows a second of each round, by what was written."""

    events: list[float] = field(default_factory=list)
    balances: list[float] = field(default_factory=list)
    registers: list[float] = field(default_factory=list)
    pandas_csv: list[float] = field(default_factory=list)
    event_rows: list[int] = field(default_factory=list)


def rate_of(write: Callable[[Day], list[Delivered]], day: Day) -> tuple[float, int]:
    """Return rows a second and rows of one part of a day."""
    started = time.perf_counter()
    rows = sum(file.rows for file in write(day))
    return rows / (time.perf_counter() - started), rows


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of plain columns."""
    columns = [plain(column.combine_chunks()) for column in table.columns]
    return pa.table(columns, names=table.column_names).to_pandas()


def pandas_rate(bank: SampleBank, day: Day, folder: Path) -> float:
    """Return rows a second of pandas.to_csv on the events of the first block."""
    tables, _ = event_tables(bank.blocks[0], day, bank.states[0])
    frames = [as_frame(table) for table in tables.values()]
    started = time.perf_counter()
    for number, frame in enumerate(frames):
        frame.to_csv(folder / f"{number}.csv", index=False)
    return sum(map(len, frames)) / (time.perf_counter() - started)


def measured(scale: str, folder: Path) -> tuple[Rates, float]:
    """Return the rates of all rounds, and the seconds to set the bank up."""
    spec = SampleSpec(customers=CUSTOMERS[scale], days=ROUNDS[scale] + 1, dirt="none")
    contracts = load_contracts(ROOT / "ingestion" / "contracts")
    started = time.perf_counter()
    bank = open_bank(spec, contracts, folder / "extracts", folder / "late")
    opened = time.perf_counter() - started
    rates = Rates()
    for number, business_date in enumerate(spec.business_dates):
        day = Day(business_date)
        events, rows = rate_of(bank.write_events, day)
        slow = pandas_rate(bank, day, folder)
        balances, _ = rate_of(bank.write_balances, day)
        registers, _ = rate_of(bank.write_snapshots, day)
        if number:
            rates.events.append(events)
            rates.event_rows.append(rows)
            rates.pandas_csv.append(slow)
            rates.balances.append(balances)
            rates.registers.append(registers)
    return rates, opened


def figures_of(rates: Rates, opened: float) -> dict[str, float]:
    """Return the medians that are held against what is due."""
    return {
        "event_rows_per_day": statistics.median(rates.event_rows),
        "event_rows_per_second": round(statistics.median(rates.events)),
        "balance_rows_per_second": round(statistics.median(rates.balances)),
        "register_rows_per_second": round(statistics.median(rates.registers)),
        "pandas_csv_rows_per_second": round(statistics.median(rates.pandas_csv)),
        "open_seconds": round(opened, 2),
        "peak_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
        ),
    }


def shortfalls(figures: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    missed = []
    if figures["event_rows_per_second"] < DUE_EVENT_ROWS_PER_SECOND:
        missed.append(f"event_rows_per_second >= {DUE_EVENT_ROWS_PER_SECOND}")
    if figures["event_rows_per_day"] < DUE_EVENTS_PER_DAY:
        missed.append(f"event_rows_per_day >= {DUE_EVENTS_PER_DAY}")
    if figures["peak_gib"] > DUE_PEAK_GIB:
        missed.append(f"peak_gib <= {DUE_PEAK_GIB}")
    return missed


def measure(scale: str, folder: Path) -> Found:
    """Return the figures, and the ratio to pandas."""
    figures = figures_of(*measured(scale, folder))
    ratio = figures["event_rows_per_second"] / figures["pandas_csv_rows_per_second"]
    title = f"Sample bank, {CUSTOMERS[scale]:,} customers"
    return Found(title, figures, {"events_to_pandas_csv": ratio})


if __name__ == "__main__":
    sys.exit(run("sample_bank", __doc__, CUSTOMERS, measure, shortfalls))
