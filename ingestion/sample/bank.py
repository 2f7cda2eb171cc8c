"""Writes a sample bank: block by block, day by day, the control files last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from ingestion.contract import Contract, Feed
from ingestion.sample.arrivals import Arrival, arrivals
from ingestion.sample.block import Block, make_block
from ingestion.sample.calendar_day import Day
from ingestion.sample.campaigns import make_campaigns
from ingestion.sample.chance import stream
from ingestion.sample.day import (
    BlockState,
    Tables,
    balance_tables,
    bank_tables,
    event_tables,
    opening_state,
    snapshot_tables,
    total_tables,
)
from ingestion.sample.delivery import Delivered, FeedFile, Piece, Place, make_piece
from ingestion.sample.dirt import LEVELS, Streams
from ingestion.sample.institution import make_institution
from ingestion.sample.spec import SampleSpec, SampleSummary
from ingestion.sample.truth import write_flaws, write_summary, write_truth

Progress = Callable[[str, int], None]
_WORKERS = 2
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Pieces = list[tuple[Arrival, Piece]]


@dataclass
class SampleBank:
    """A bank whose days are written one after the other."""

    spec: SampleSpec
    contracts: Mapping[str, Contract]
    extracts: Path
    late: Path
    blocks: list[Block]
    states: list[BlockState]

    def write_events(self, day: Day) -> list[Delivered]:
        """Write the event feeds of the next day and bring all blocks to its end."""
        return self._write(day, self._events)

    def write_balances(self, day: Day) -> list[Delivered]:
        """Write the balances at the end of the day written last, and their totals."""
        written = self._write(
            day, lambda n, d: balance_tables(self.blocks[n], d, self.states[n])
        )
        return written + self._write(
            day, lambda _, d: total_tables(self.blocks, d, self.states), range(1)
        )

    def write_snapshots(self, day: Day) -> list[Delivered]:
        """Write the registers as they stand at the end of a day."""
        written = self._write(day, lambda n, d: snapshot_tables(self.blocks[n], d))
        return written + self._write(
            day, lambda _, d: bank_tables(self.blocks[0], d), range(1)
        )

    def _events(self, number: int, day: Day) -> Tables:
        tables, self.states[number] = event_tables(
            self.blocks[number], day, self.states[number]
        )
        return tables

    def _write(
        self,
        day: Day,
        tables: Callable[[int, Day], Tables],
        numbers: range | None = None,
    ) -> list[Delivered]:
        files: dict[Arrival, FeedFile] = {}
        numbers = numbers or range(len(self.blocks))

        def pieces(number: int) -> Pieces:
            return [
                made
                for (channel, name), table in tables(number, day).items()
                if (feed := self._feed(channel, name)) is not None
                for made in self._pieces(feed, table, day, Place(number, len(numbers)))
            ]

        for made in in_order(pieces, numbers):
            for arrival, piece in made:
                if arrival not in files:
                    files[arrival] = FeedFile(
                        arrival.feed, arrival.folder, day.date, arrival.sequence
                    )
                files[arrival].write(piece)
        return [file.close() for file in files.values()]

    def _feed(self, channel: str, name: str) -> Feed | None:
        """Return the feed, or none where the contracts at hand do not name it."""
        contract = self.contracts.get(channel)
        if contract is None:
            return None
        return next((f for f in contract.feeds if f.name == name), None)

    def _pieces(self, feed: Feed, table: pa.Table, day: Day, place: Place) -> Pieces:
        level = LEVELS[self.spec.dirt]
        pieces = []
        for arrival in arrivals(self.spec, feed, day, self.extracts, self.late):
            rows = (
                arrival.incomplete(table, place.block) if arrival.is_flawed else table
            )
            streams = self._streams(feed, day, place.block, arrival.sequence)
            pieces.append((arrival, make_piece(level, feed, rows, place, streams)))
        return pieces

    def _streams(self, feed: Feed, day: Day, block: int, sequence: int) -> Streams:
        """Return randomness by purpose; a register has the same dirt on every day."""
        when = 0 if feed.delivery.content == "snapshot" else day.number

        def of(purpose: str) -> np.random.Generator:
            return stream(
                self.spec.seed, f"dirt {feed.id} {purpose}", when, block, sequence
            )

        return of


def in_order(
    make: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[_Result]:
    """Yield the results of a function on two threads, in order, few at a time."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting: deque[Future[_Result]] = deque()
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def open_bank(
    spec: SampleSpec, contracts: Mapping[str, Contract], extracts: Path, late: Path
) -> SampleBank:
    """Return a bank on the eve of its first day; nothing is written yet."""
    institution = make_institution(spec)
    campaigns = make_campaigns(spec, institution, Day(spec.start).number)
    blocks = list(
        in_order(
            lambda number: make_block(spec, institution, campaigns, number),
            range(len(spec.block_sizes)),
        )
    )
    states = [opening_state(block) for block in blocks]
    return SampleBank(spec, contracts, extracts, late, blocks, states)


def write_sample_bank(
    spec: SampleSpec,
    contracts: Mapping[str, Contract],
    extracts: Path,
    truth: Path,
    late: Path,
    progress: Progress | None = None,
) -> SampleSummary:
    """Write the extracts of a bank over some days, and the truth about it.

    The same spec and contracts give the same bytes. Feeds that the contracts do not
    name are left out. `progress` hears of each day's parts with their rows.
    """
    bank = open_bank(spec, contracts, extracts, late)
    delivered: list[Delivered] = []
    event_rows = 0
    for business_date in spec.business_dates:
        day = Day(business_date)
        for label, write in (
            ("events", bank.write_events),
            ("balances", bank.write_balances),
            ("registers", bank.write_snapshots),
        ):
            written = write(day)
            rows = sum(d.rows for d in written)
            event_rows += rows if label == "events" else 0
            delivered += written
            if progress:
                progress(f"{business_date} {label}", rows)
    return _write_truth(bank, truth, delivered, event_rows)


def _write_truth(
    bank: SampleBank, truth: Path, delivered: list[Delivered], event_rows: int
) -> SampleSummary:
    write_truth(truth, bank.blocks)
    write_flaws(truth / "rejected_rows.csv", (f for d in delivered for f in d.damaged))
    write_flaws(
        truth / "duplicate_rows.csv", (f for d in delivered for f in d.repeated)
    )
    summary = _summary(bank, delivered, event_rows)
    write_summary(truth / "summary.json", summary, bank.blocks[0])
    return summary


def _summary(
    bank: SampleBank, delivered: list[Delivered], event_rows: int
) -> SampleSummary:
    rows: dict[str, int] = {}
    for file in delivered:
        rows[file.feed.id] = rows.get(file.feed.id, 0) + file.rows
    return SampleSummary(
        customers=bank.spec.customers,
        core_customers=sum(block.registry.count for block in bank.blocks),
        accounts=sum(block.accounts.count for block in bank.blocks),
        business_dates=bank.spec.business_dates,
        rows=dict(sorted(rows.items())),
        event_rows=event_rows,
        bytes=sum(file.bytes for file in delivered),
        damaged_rows=sum(len(file.damaged) for file in delivered),
        duplicate_rows=sum(len(file.repeated) for file in delivered),
        late_files=sum(bank.late in file.path.parents for file in delivered),
        corrected_files=sum(file.is_correction for file in delivered),
    )
