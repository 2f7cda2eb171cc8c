"""A range of dates: what landing it would change, and landing it with one edition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from ingestion.contract import Feed
from ingestion.errors import PassbookError, joined
from ingestion.extract import arrived_digests
from warehouse.bank import Bank
from warehouse.editions import Edition
from warehouse.night import Say, bring_forward, land_and_check
from warehouse.stations import check_of


@dataclass(frozen=True)
class PlannedLanding:
    """What landing a feed for a date would do; `seconds` as it took before, if it did.

    `state`: `new`, `corrected` (other files than those that stand), `unchecked` (landed
    by nobody who judged it), `unchanged`, or `missing` (nothing complete is there).
    """

    business_date: date
    feed: str
    state: str
    seconds: float


CHANGES = frozenset({"new", "corrected", "unchecked"})


def plan(bank: Bank, days: list[date]) -> Iterator[PlannedLanding]:
    """Yield what a backfill of some dates would do, without doing any of it."""
    for day in days:
        for contract in bank.contracts.values():
            for feed in contract.feeds:
                if day == days[0] or feed.delivery.cadence == "daily":
                    yield _planned(bank, feed, day)


def _planned(bank: Bank, feed: Feed, day: date) -> PlannedLanding:
    digests = arrived_digests(feed, bank.settings.extracts, day)
    standing = bank.lake.standing(feed, day)
    if digests is None:
        state = "missing"
    elif standing is None:
        state = "new"
    elif list(digests) != list(standing.get("digests", ())):
        state = "corrected"
    elif check_of(bank, feed, standing) is None:
        state = "unchecked"
    else:
        state = "unchanged"
    seconds = _usual_seconds(bank, feed) if state in CHANGES else 0.0
    return PlannedLanding(day, feed.id, state, seconds)


def _usual_seconds(bank: Bank, feed: Feed) -> float:
    """Return how long landing and checking a feed took last; 0 if it never was."""
    last = 0.0
    for step in ("land", "check"):
        paths = sorted((bank.ledger.root / step / feed.id).glob("*.json"))
        outcome = bank.ledger.read(step, feed.id, paths[-1].stem) if paths else None
        last += outcome.seconds if outcome else 0.0
    return round(last, 3)


def plan_lines(bank: Bank, planned: list[PlannedLanding]) -> list[str]:
    """Return a plan in words: what would land, from when on it counts, how long."""
    changes = [p for p in planned if p.state in CHANGES]
    missing = [p for p in planned if p.state == "missing"]
    same = len(planned) - len(changes) - len(missing)
    lines = [
        f"{len(changes):,} would be landed, {same:,} stand as they are, "
        f"{len(missing):,} have not arrived"
    ]
    if not changes:
        return lines
    first = min(p.business_date for p in changes)
    seconds = sum(p.seconds for p in changes)
    built = _last_build_seconds(bank)
    told = f"about {_duration(seconds)} to land"
    if built:
        told += f" and {_duration(built)} to build, as the last time"
    lines.append(f"figures from {first:%Y-%m} on may change; {told}")
    return lines


def _last_build_seconds(bank: Bank) -> float:
    paths = sorted((bank.ledger.root / "build" / "bank").glob("*.json"))
    outcome = bank.ledger.read("build", "bank", paths[-1].stem) if paths else None
    return outcome.seconds if outcome else 0.0


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def backfill_range(
    bank: Bank, days: list[date], say: Say, step: Callable[[], None] = lambda: None
) -> Edition:
    """Land and check every date in turn, then publish one edition with all of them.

    A date whose channels fail is named and does not keep the other dates back. What is
    landed already is passed over, so that a backfill that was stopped goes on where it
    was. `step` is called after each date and after the edition.

    Raises:
        PassbookError: Dates failed, a line for each failure; what could be published
            is published by then.
    """
    failures: list[PassbookError] = []
    good: list[date] = []
    started = time.monotonic()
    for number, day in enumerate(days, start=1):
        try:
            land_and_check(bank, day, lambda _: None, only_daily=day != days[0])
            good.append(day)
            left = (time.monotonic() - started) / number * (len(days) - number)
            say(
                f"{day}: landed and checked ({number} of {len(days)}, "
                f"about {_duration(left)} of landing left)"
            )
        except PassbookError as error:
            failures.append(error)
            say(str(error))
        step()
    if not good:
        raise joined(failures)
    edition = bring_forward(bank, good[-1], say)
    step()
    if failures:
        raise joined(failures)
    return edition
