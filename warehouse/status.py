"""How a night went, on one screen: every feed, every step, what is late, what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from warehouse.bank import Bank
from warehouse.ledger import Outcome
from warehouse.stations import check_of

# What a night does once for the whole bank, in order.
STEPS = ("build", "gate", "publish")
FAILED = frozenset({"refused", "stop", "failed"})


@dataclass(frozen=True)
class FeedStatus:
    """How one feed of a night stands; `check` is None where nothing was checked.

    `unusual` says what is unlike the feed's history, nothing where all is as ever.
    """

    channel: str
    feed: str
    state: str
    check: str | None
    rows_in: int
    landed: int
    rejected: int
    seconds: float
    message: str
    unusual: str


@dataclass(frozen=True)
class NightStatus:
    """How a night stands.

    `without` are the feeds that the current edition lacks, `late` those of the night
    and of the days before that may still come.
    """

    business_date: str | None
    verdict: str
    current: str | None
    current_as_of: str | None
    without: tuple[str, ...]
    feeds: tuple[FeedStatus, ...]
    steps: tuple[dict[str, Any], ...]
    late: tuple[str, ...]
    restated: str
    messages: tuple[str, ...]
    seconds: float


def night_status(bank: Bank, day: date | None = None) -> NightStatus:
    """Return how the night of a date stands, of the latest date where none is given."""
    business_date = day.isoformat() if day else _latest(bank)
    current = bank.editions.current()
    feeds = _feeds(bank, business_date) if business_date else ()
    asked = (bank.ledger.read(s, "bank", business_date or "") for s in STEPS)
    steps = [o for o in asked if o]
    restated = [str(o.details.get("restated", "")) for o in steps if o.step == "build"]
    return NightStatus(
        business_date,
        _verdict(feeds, steps, current.as_of if current else None, business_date),
        current.id if current else None,
        current.as_of if current else None,
        current.missing if current else (),
        feeds,
        tuple(
            {"step": o.step, "verdict": o.verdict, "seconds": o.seconds} for o in steps
        ),
        tuple(_late(bank, date.fromisoformat(business_date))) if business_date else (),
        "".join(restated),
        tuple(o.message for o in steps if o.message and o.step == "gate"),
        round(sum(f.seconds for f in feeds) + sum(o.seconds for o in steps), 1),
    )


def _latest(bank: Bank) -> str | None:
    """Return the latest date of any outcome; a file over many dates has none."""
    dates = (o.business_date for o in bank.ledger.all())
    return max((d for d in dates if d[:1].isdigit()), default=None)


def _feeds(bank: Bank, business_date: str) -> tuple[FeedStatus, ...]:
    day = date.fromisoformat(business_date)
    found = []
    for contract in bank.contracts.values():
        for feed in contract.feeds:
            landed = bank.ledger.read("land", feed.id, business_date)
            standing = bank.lake.standing(feed, day)
            if landed is None and standing is None:
                continue
            checked = check_of(bank, feed, standing) if standing else None
            watched = bank.ledger.read("monitor", feed.id, business_date)
            said = [o.message for o in (landed, checked) if o and o.message]
            seconds = sum(o.seconds for o in (landed, checked) if o)
            found.append(
                FeedStatus(
                    feed.channel,
                    feed.name,
                    landed.verdict if landed else "landed",
                    checked.verdict if checked else None,
                    landed.rows_in if landed else 0,
                    landed.rows_out if landed else 0,
                    landed.rejected if landed else 0,
                    round(seconds, 2),
                    "; ".join(said),
                    watched.message if watched else "",
                )
            )
    return tuple(found)


def _late(bank: Bank, business_date: date) -> list[str]:
    """Return `feed date` of what a night asked for, that may still come and has not."""
    late = []
    for contract in bank.contracts.values():
        for feed in contract.feeds:
            if feed.delivery.cadence != "daily":
                continue
            for back in range(feed.delivery.late_days + 1):
                day = business_date - timedelta(days=back)
                asked = bank.ledger.read("land", feed.id, day.isoformat())
                if asked and asked.verdict in {"missing", "refused"}:
                    late.append(f"{feed.id} {day}")
    return late


def _verdict(
    feeds: tuple[FeedStatus, ...],
    steps: list[Outcome],
    current_as_of: str | None,
    business_date: str | None,
) -> str:
    """Return what the night came to, in words."""
    if business_date is None:
        return "no night has run yet"
    failed = [o for o in steps if o.verdict in FAILED]
    if failed:
        return f"{failed[-1].step} failed: the edition before stays"
    if any(o.step == "publish" for o in steps):
        warned = any(
            f.check == "warn" or f.unusual or f.state not in {"landed", "unchanged"}
            for f in feeds
        )
        return "published" + (", with warnings" if warned else "")
    if current_as_of and current_as_of >= business_date:
        return f"taken into the edition as of {current_as_of}"
    if any(f.state == "refused" or f.check == "stop" for f in feeds):
        return "stopped before the build: the edition before stays"
    return "not published yet"


def screen(status: NightStatus) -> list[dict[str, Any]]:
    """Return a night as the rows of a table, one a channel."""
    rows = []
    for channel in dict.fromkeys(f.channel for f in status.feeds):
        mine = [f for f in status.feeds if f.channel == channel]
        states = Counter("landed" if f.state == "unchanged" else f.state for f in mine)
        checks = Counter(f.check for f in mine if f.check)
        rows.append(
            {
                "channel": channel,
                "feeds": _counted(states),
                "checks": _counted(checks),
                "rows": f"{sum(f.rows_in for f in mine):,}",
                "landed": f"{sum(f.landed for f in mine):,}",
                "rejected": f"{sum(f.rejected for f in mine):,}",
                "seconds": round(sum(f.seconds for f in mine), 1),
            }
        )
    return rows


def _counted(of: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(of.items()))
