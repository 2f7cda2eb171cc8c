"""Sessions of the online bank."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import Odds, chosen, occurrences, seconds_of_day
from ingestion.sample.columns import event_ids, joined, moments, picked, truths, whole
from ingestion.sample.logins import login_id

SESSION_RATE = 1.15
_DEVICES = ("ios", "android", "web")
_PAGES = (
    "home",
    "accounts",
    "transfer",
    "payments",
    "wealth",
    "cards",
    "loans",
    "settings",
    "help",
    "logout",
)
_PAGE_ODDS = Odds.of([14, 22, 16, 10, 9, 8, 3, 2, 2, 14])
_MOBILE_HOURS = Odds.of(
    [3, 1, 1, 1, 1, 2, 4, 8, 9, 8, 8, 8, 10, 9, 7, 7, 7, 8, 9, 10, 11, 11, 9, 6]
)
_DESK_HOURS = Odds.of(
    [1, 0, 0, 0, 0, 1, 2, 4, 10, 14, 13, 11, 8, 10, 13, 12, 10, 8, 5, 5, 6, 5, 3, 2]
)


def session_table(block: Block, day: Day) -> pa.Table:
    """One row per session of a day, failed logins included."""
    rng = block.rng("sessions", day)
    logins = block.logins
    rate = SESSION_RATE * (0.9 if day.is_weekend else 1.03)
    usable = np.flatnonzero(logins.status != 2)
    which = usable[occurrences(rng, rate * block.activity(day)[logins.person[usable]])]
    count = len(which)
    device = np.where(
        chosen(rng, count, 0.88), logins.device[which], rng.integers(0, 3, count)
    )
    second = np.where(
        device == _DEVICES.index("web"),
        seconds_of_day(rng, _DESK_HOURS, count),
        seconds_of_day(rng, _MOBILE_HOURS, count),
    )
    failed = chosen(rng, count, 0.03) | (logins.status[which] == 1)
    pages = np.where(failed, 1, rng.geometric(0.16, count))
    length = 8 + pages * rng.integers(4, 40, count)
    page = np.where(failed, 0, _PAGE_ODDS.draw(rng, count))
    return pa.table(
        {
            "session_id": joined("W", event_ids(day.number, block.number, count)),
            "login_id": login_id(block.people, logins.person[which]),
            "started_at": moments(day.number, second),
            "ended_at": moments(day.number, second + length),
            "device_code": picked(_DEVICES, device),
            "page_view_count": whole(pages),
            "last_page_code": picked(_PAGES, page, ~failed),
            "is_login_failed": truths(failed),
        }
    )
