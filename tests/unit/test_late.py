"""What comes late or is corrected is taken in by the next night, by itself."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from string import ascii_letters

import pytest

from tests.conftest import DAY, Channel, column, feed, key
from tests.damage import flip_a_bit
from warehouse.backfills import CHANGES, plan, plan_lines
from warehouse.bank import Bank
from warehouse.settings import load_settings
from warehouse.stations import check_channel, check_of, land_channel
from warehouse.status import night_status, screen

NEXT = DAY + timedelta(days=1)
LAYOUT = {"format": "csv", "path": "f.csv"}


@pytest.fixture
def bank(channel: Channel) -> Bank:
    """A bank of one channel whose feed the night can do without."""
    return bank_of(channel, {"required": False, "late_days": 2})


def bank_of(channel: Channel, delivery: dict[str, object]) -> Bank:
    columns = [key(), column("note")]
    channel.agree(feed("f", columns, LAYOUT, delivery=delivery))
    return Bank(
        load_settings(
            {
                "PASSBOOK_HOME": str(channel.root / "home"),
                "PASSBOOK_EXTRACTS": str(channel.root / "extracts"),
                "PASSBOOK_CONTRACTS": str(channel.root / "contracts"),
            }
        )
    )


def deliver(channel: Channel, day: date, ids: str) -> None:
    channel.day = day
    rows = "".join(f"{i},n\n" for i in ids)
    channel.deliver(f"id,note\n{rows}".encode())


def night(bank: Bank, day: date) -> list[tuple[str, str, int]]:
    landed = land_channel(bank, "c", day)
    check_channel(bank, "c", day)
    return [(o.business_date, o.verdict, o.rows_out) for o in landed]


def believed(bank: Bank, day: date) -> bool:
    (one,) = bank.contracts["c"].feeds
    standing = bank.lake.standing(one, day)
    checked = check_of(bank, one, standing) if standing else None
    return checked is not None and checked.verdict == "pass"


def test_a_late_file_is_landed_and_checked_by_the_next_night(
    bank: Bank, channel: Channel
) -> None:
    assert night(bank, DAY) == [("2026-03-01", "missing", 0)]
    assert night_status(bank, DAY).late == ("c.f 2026-03-01",)
    deliver(channel, DAY, "12")
    deliver(channel, NEXT, "345")
    assert night(bank, NEXT) == [
        ("2026-03-01", "landed", 2),
        ("2026-03-02", "landed", 3),
    ]
    assert believed(bank, DAY)
    assert night_status(bank, NEXT).late == ()


def test_a_corrected_file_is_landed_by_the_next_night_and_no_other_is(
    bank: Bank, channel: Channel
) -> None:
    deliver(channel, DAY, "12")
    night(bank, DAY)
    deliver(channel, NEXT, "345")
    assert night(bank, NEXT) == [("2026-03-02", "landed", 3)]
    deliver(channel, DAY, "126")
    later = NEXT + timedelta(days=1)
    assert night(bank, later) == [
        ("2026-03-01", "landed", 3),
        ("2026-03-03", "missing", 0),
    ]
    assert believed(bank, DAY)


def test_what_is_later_than_the_contract_allows_waits_for_a_backfill(
    bank: Bank, channel: Channel
) -> None:
    night(bank, DAY)
    deliver(channel, DAY, "12")
    assert night(bank, DAY + timedelta(days=3)) == [("2026-03-04", "missing", 0)]
    assert night(bank, DAY + timedelta(days=2)) == [
        ("2026-03-01", "landed", 2),
        ("2026-03-03", "missing", 0),
    ]


def test_a_date_that_no_night_asked_for_is_not_late(
    bank: Bank, channel: Channel
) -> None:
    deliver(channel, DAY, "12")
    deliver(channel, NEXT, "345")
    assert night(bank, NEXT) == [("2026-03-02", "landed", 3)]
    assert night_status(bank, NEXT).late == ()


def test_a_late_file_that_cannot_be_believed_does_not_stop_the_night(
    channel: Channel,
) -> None:
    bank = bank_of(channel, {"required": True})
    deliver(channel, DAY, "12")
    night(bank, DAY)
    channel.deliver(b"other,columns\n1,2\n")
    deliver(channel, NEXT, "345")
    assert night(bank, NEXT) == [
        ("2026-03-01", "refused", 0),
        ("2026-03-02", "landed", 3),
    ]


def test_a_plan_says_what_a_backfill_would_land_and_lands_nothing(
    bank: Bank, channel: Channel
) -> None:
    deliver(channel, DAY, "12")
    night(bank, DAY)
    deliver(channel, NEXT, "345")
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    before = sorted(p for p in (channel.root / "home").rglob("*"))
    planned = list(plan(bank, days))
    assert [p.state for p in planned] == ["unchanged", "new", "missing"]
    assert plan_lines(bank, planned)[0] == (
        "1 would be landed, 1 stand as they are, 1 have not arrived"
    )
    assert "figures from 2026-03 on may change" in plan_lines(bank, planned)[1]
    assert before == sorted(p for p in (channel.root / "home").rglob("*"))
    deliver(channel, DAY, "9")
    assert next(plan(bank, days)).state == "corrected"
    assert "corrected" in CHANGES


def test_a_night_is_told_by_channel(bank: Bank, channel: Channel) -> None:
    assert night_status(bank).verdict == "no night has run yet"
    deliver(channel, DAY, "12")
    night(bank, DAY)
    status = night_status(bank)
    assert status.business_date == "2026-03-01"
    assert status.verdict == "not published yet"
    (row,) = screen(status)
    assert (row["channel"], row["feeds"], row["checks"]) == ("c", "1 landed", "1 pass")
    assert (row["rows"], row["landed"], row["rejected"]) == ("2", "2", "0")


def test_a_landing_unlike_its_history_is_a_warning_and_on_the_screen(
    bank: Bank, channel: Channel
) -> None:
    # Of these Sundays some are of the Spring Festival, and are not compared with.
    for weeks in range(8, 0, -1):
        day = DAY - timedelta(weeks=weeks)
        deliver(channel, day, ascii_letters[weeks % 2 :])
        night(bank, day)
    deliver(channel, DAY, "1")
    land_channel(bank, "c", DAY)
    told = [o for o in check_channel(bank, "c", DAY) if o.step == "monitor"]
    assert [o.verdict for o in told] == ["warn"]
    (feed_status,) = night_status(bank, DAY).feeds
    assert feed_status.unusual == told[0].message
    assert re.fullmatch(
        r"1 rows, where the last [4-7] Sundays had 5[12] \(51 to 52\)",
        feed_status.unusual,
    )
    # Looked at once; asked again, nothing is new.
    again = check_channel(bank, "c", DAY)
    assert [o.step for o in again] == ["check"]


def test_a_damaged_partition_is_landed_again(bank: Bank, channel: Channel) -> None:
    deliver(channel, DAY, "12")
    night(bank, DAY)
    (one,) = bank.contracts["c"].feeds
    part = bank.lake.partition(one, DAY)
    whole = part.read_bytes()
    flip_a_bit(part)
    standing = bank.lake.standing(one, DAY)
    assert standing is not None
    assert list(bank.lake.damages(one, standing)) == ["2026-03-01"]
    assert night(bank, DAY) == [("2026-03-01", "landed", 2)]
    assert part.read_bytes() == whole
    part.unlink()
    assert night(bank, DAY) == [("2026-03-01", "landed", 2)]
    assert night(bank, DAY) == [("2026-03-01", "unchanged", 2)]


def test_an_outcome_that_cannot_be_read_fails_no_night(
    bank: Bank, channel: Channel
) -> None:
    deliver(channel, DAY, "12")
    night(bank, DAY)
    path = bank.ledger.root / "land" / "c.f" / "2026-03-01.json"
    path.write_text(path.read_text()[:40])
    assert bank.ledger.fault(path)
    assert "land" not in {o.step for o in bank.ledger.all()}
    assert night(bank, NEXT) == [("2026-03-02", "missing", 0)]


def test_a_landing_says_what_its_files_are(bank: Bank, channel: Channel) -> None:
    deliver(channel, DAY, "12")
    night(bank, DAY)
    events = Path(bank.settings.lineage).read_text().splitlines()
    start, end = (json.loads(line) for line in events)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["job"]["name"] == "land.c.f"
    assert end["inputs"][0]["name"].endswith("extracts/c/2026-03-01/f.csv")
    (output,) = end["outputs"]
    assert output["name"].endswith("lake/raw/c/f/business_date=2026-03-01")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    channel.deliver(b"other,columns\n1,2\n")
    night(bank, DAY)
    last = json.loads(Path(bank.settings.lineage).read_text().splitlines()[-1])
    assert last["eventType"] == "FAIL"
    assert "id" in last["run"]["facets"]["errorMessage"]["message"]
