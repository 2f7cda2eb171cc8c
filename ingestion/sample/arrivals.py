"""When the files of a feed arrive, and how often: in time, late, or corrected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from ingestion.contract import Feed
from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import chosen, stream
from ingestion.sample.dirt import LEVELS
from ingestion.sample.spec import SampleSpec

_LATE_RATIO, _CORRECTED_RATIO = 0.12, 0.06
_MISSING_ROWS_RATIO = 0.02


@dataclass(frozen=True)
class Arrival:
    """One file to be written. A flawed one lacks rows; a correction follows it."""

    feed_id: str
    folder: Path
    sequence: int
    is_flawed: bool
    seed: int
    day: int
    feed: Feed

    def __hash__(self) -> int:
        """Hash by what tells files apart."""
        return hash((self.feed_id, self.folder, self.sequence))

    def incomplete(self, table: pa.Table, block: int) -> pa.Table:
        """Return the rows that the flawed file has."""
        rng = stream(self.seed, f"flawed {self.feed_id}", self.day, block)
        return table.filter(pa.array(~chosen(rng, table.num_rows, _MISSING_ROWS_RATIO)))


def arrivals(
    spec: SampleSpec, feed: Feed, day: Day, extracts: Path, late: Path
) -> list[Arrival]:
    """Return the files of a feed for a day, in order of arrival.

    Only feeds that a night can do without come late. Under heavy dirt the first
    optional feed of events is late on the second day (or the only one), and the first
    required feed of events is corrected on the first.
    """
    folder = Path(feed.channel) / day.date.isoformat()
    on_time = extracts / folder
    if not LEVELS[spec.dirt].arrives_late:
        return [_arrival(spec, feed, day, on_time, 1, is_flawed=False)]
    rng = stream(spec.seed, f"arrival {feed.id}", day.number)
    draws = rng.random(3)
    index = (day.date - spec.start).days
    if _is_late(spec, feed, index, float(draws[0])):
        arrives = day.date + timedelta(days=1 + int(draws[1] * 3))
        return [
            _arrival(
                spec, feed, day, late / arrives.isoformat() / folder, 1, is_flawed=False
            )
        ]
    if _is_corrected(feed, index, float(draws[2])):
        return [
            _arrival(spec, feed, day, on_time, 1, is_flawed=True),
            _arrival(spec, feed, day, on_time, 2, is_flawed=False),
        ]
    return [_arrival(spec, feed, day, on_time, 1, is_flawed=False)]


def _arrival(
    spec: SampleSpec,
    feed: Feed,
    day: Day,
    folder: Path,
    sequence: int,
    *,
    is_flawed: bool,
) -> Arrival:
    return Arrival(feed.id, folder, sequence, is_flawed, spec.seed, day.number, feed)


def _is_late(spec: SampleSpec, feed: Feed, index: int, draw: float) -> bool:
    if feed.delivery.required:
        return False
    surely = feed.delivery.content == "events" and index == min(1, spec.days - 1)
    return surely or draw < _LATE_RATIO


def _is_corrected(feed: Feed, index: int, draw: float) -> bool:
    surely = feed.delivery.content == "events" and bool(feed.control.sums) and not index
    return surely or draw < _CORRECTED_RATIO
