"""A landing that is unlike its feed's history is told of, and only such a one."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from quality.monitors import LEAST_DAYS, Profile, profile, stability_index, unusual
from tests.conftest import DAY, Channel, column, feed, key

# Mondays of China in spring, none of them a holiday.
MONDAY = date(2026, 6, 1)
COUNTRY = "CN"


def mondays(count: int, seed: int = 1, **said: float) -> dict[date, Profile]:
    """History of Mondays with about 1,000 calls, and of other days with fewer."""
    chance = random.Random(seed)
    found = {}
    for days in range(1, count * 7 + 1):
        day = MONDAY - timedelta(days=days)
        usual = 1000 if day.weekday() == MONDAY.weekday() else 500
        found[day] = Profile(
            round(usual * chance.uniform(0.93, 1.07)),
            newest=chance.uniform(23.2, 23.9),
            nulls={"note": chance.uniform(0.28, 0.32)},
            codes={"reason": {"card": 0.5, "loan": 0.3, "other": 0.2}},
        )
    return found


def usual(rows: int = 1000, **said: object) -> Profile:
    known = {
        "newest": 23.5,
        "nulls": {"note": 0.3},
        "codes": {"reason": {"card": 0.5, "loan": 0.3, "other": 0.2}},
    }
    return Profile(rows, **{**known, **said})  # type: ignore[arg-type]


def test_a_monday_with_half_the_calls_is_found() -> None:
    (line,) = unusual(MONDAY, usual(500), mondays(12), COUNTRY)
    assert line.startswith("500 rows, where the last 8 Mondays had ")
    # A Sunday of 500 is as ever.
    assert unusual(MONDAY - timedelta(days=1), usual(500), mondays(12), COUNTRY) == []


@pytest.mark.parametrize("rows", [900, 1000, 1100])
def test_a_monday_like_any_other_is_not(rows: int) -> None:
    assert unusual(MONDAY, usual(rows), mondays(12), COUNTRY) == []


def test_of_a_thousand_usual_days_hardly_one_is_told_of() -> None:
    chance = random.Random(5)
    told = sum(
        bool(
            unusual(
                MONDAY,
                usual(round(1000 * chance.uniform(0.93, 1.07))),
                mondays(12, seed),
                COUNTRY,
            )
        )
        for seed in range(1000)
    )
    assert told <= 1


def test_a_holiday_is_like_no_other_day() -> None:
    holiday = date(2026, 5, 1)
    history = {holiday - timedelta(weeks=w): usual() for w in range(1, 9)}
    assert unusual(holiday, usual(10), history, COUNTRY) == []
    assert unusual(holiday, usual(10), history, "XX") != []


def test_a_history_too_short_to_judge_by_says_nothing() -> None:
    # Of a country of which no holidays are known, so that each Monday counts.
    assert unusual(MONDAY, usual(1), mondays(LEAST_DAYS - 1), "XX") == []
    assert unusual(MONDAY, usual(1), mondays(LEAST_DAYS), "XX") != []


def test_a_day_that_ends_at_two_is_cut_off() -> None:
    (line,) = unusual(MONDAY, usual(newest=14.0), mondays(12), COUNTRY)
    assert line.startswith("the last row is of 14:00, where the last 8 Mondays went on")


def test_a_column_that_is_empty_more_often_is_told_of() -> None:
    (line,) = unusual(MONDAY, usual(nulls={"note": 0.9}), mondays(12), COUNTRY)
    assert line.startswith("'note' is empty in 90.0% of the rows, in 30.")


def test_codes_that_moved_are_told_of() -> None:
    moved = {"reason": {"card": 0.05, "loan": 0.75, "other": 0.2}}
    (line,) = unusual(MONDAY, usual(codes=moved), mondays(12), COUNTRY)
    assert "'reason' has other codes than on the last 8 Mondays" in line
    assert "instead of" in line


def test_the_index_is_none_of_the_same_and_grows() -> None:
    same = {"a": 0.5, "b": 0.5}
    assert stability_index(same, same) == 0
    # (0.6 - 0.5) ln 1.2 + (0.4 - 0.5) ln 0.8
    assert stability_index(same, {"a": 0.6, "b": 0.4}) == pytest.approx(
        0.04055, abs=1e-5
    )
    assert stability_index(same, {"c": 1.0}) > 5


def test_a_profile_says_what_a_partition_looks_like(channel: Channel) -> None:
    columns = [
        key(),
        column("at", "timestamp", required=True),
        column("reason", codes={"C": "card", "L": "loan"}),
        column("note"),
    ]
    layout = {"format": "csv", "path": "f.csv"}
    contract = channel.agree(feed("f", columns, layout, delivery={"date_column": "at"}))
    channel.deliver(
        b"id,at,reason,note\n"
        b"1,2026-03-01 00:30:00,C,x\n2,2026-03-01 23:15:00,L,\n"
        b"3,2026-03-01 12:00:00,C,\n4,2026-03-01 13:00:00,C,\n"
    )
    channel.land(contract)
    path = channel.lake.partition(contract.feed("f"), DAY)
    found = profile(contract.feed("f"), str(path), DAY, channel.zone)
    assert found == Profile(
        4,
        newest=23.25,
        nulls={"id": 0, "at": 0, "reason": 0, "note": 0.75},
        codes={"reason": {"card": 0.75, "loan": 0.25}},
    )
