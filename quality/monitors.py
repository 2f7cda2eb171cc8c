"""Whether a landing looks like its feed: rows, newest row, codes, what is missing.

Rules say what may not be; a monitor says what is unusual, by the feed's own history.
A day is held against days of its kind: the same weekday, and on holidays nothing is
said, for no two of them are alike.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import duckdb

from ingestion.contract import Feed
from ingestion.identifiers import quoted, text_literal

# Days of its kind that a day is held against, the latest first; fewer than the least
# say nothing.
MOST_DAYS, LEAST_DAYS = 8, 4
# Unusual is what lies this many robust deviations off, and by this share at least.
DEVIATIONS = 5.0
LEAST_SHARE = 0.3
# A population stability index above which shares of codes are told to have moved.
MOVED = 0.25
# Of columns with more values than this, shares are not followed.
_MOST_CODES = 24
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True)
class Profile:
    """What one landing of a feed looks like.

    `newest` is the hour of the day, 0 to 24, of its last row of the day. By column,
    `nulls` has the share that is empty, `codes` the share of each code.
    """

    rows: int
    newest: float | None = None
    nulls: dict[str, float] = field(default_factory=dict)
    codes: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Profile:
        """Return a profile from what `asdict` made of one."""
        return cls(
            said["rows"],
            said.get("newest"),
            dict(said.get("nulls", {})),
            dict(said.get("codes", {})),
        )


def profile(feed: Feed, path: str, business_date: date, timezone: str) -> Profile:
    """Return what a partition looks like; hours are of the bank's time zone.

    Raises:
        duckdb.Error: The file cannot be read.
    """
    names = [c.name for c in feed.columns]
    coded = [c.name for c in feed.columns if c.codes]
    told = [f"count({quoted(name)})" for name in names]
    newest = _newest(feed, business_date, timezone)
    relation = f"read_parquet({text_literal(path)})"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set threads = 1")
        row = connection.execute(
            f"select {', '.join(['count(*)', newest, *told])} from {relation}"
        ).fetchall()[0]
        codes = {name: _shares(connection, relation, name) for name in coded}
    rows = int(row[0])
    nulls = dict(zip(names, row[2:], strict=True))
    return Profile(
        rows,
        None if row[1] is None else round(float(row[1]), 2),
        {n: round(1 - count / rows, 4) for n, count in nulls.items()} if rows else {},
        {n: shares for n, shares in codes.items() if 0 < len(shares) <= _MOST_CODES},
    )


def _newest(feed: Feed, business_date: date, timezone: str) -> str:
    """Return SQL for the hour of the last row of a date; the lake's times are UTC."""
    column = feed.delivery.date_column or ""
    kinds = {c.name: c.sql_type.upper() for c in feed.columns}
    if not kinds.get(column, "").startswith("TIMESTAMP"):
        return "null"
    local = (
        f"timezone({text_literal(timezone)}, "
        f"timezone('UTC', {quoted(column)}::timestamp))"
    )
    began = f"timestamp '{business_date}'"
    return f"max(date_diff('second', {began}, {local})) / 3600.0"


def _shares(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str
) -> dict[str, float]:
    rows = connection.execute(
        f"select {quoted(column)}, count(*) from {relation} "
        f"where {quoted(column)} is not null group by 1 order by 2 desc, 1"
    ).fetchall()
    whole = sum(count for _, count in rows)
    return {str(code): round(count / whole, 4) for code, count in rows}


def unusual(
    business_date: date,
    found: Profile,
    history: Mapping[date, Profile],
    country: str,
) -> list[str]:
    """Return what is unusual about a landing, a line each, without personal values.

    `history` are the feed's other landings; of those after the date none counts.
    """
    if is_holiday(business_date, country):
        return []
    alike = [
        history[day]
        for day in sorted(history, reverse=True)
        if day < business_date
        and day.weekday() == business_date.weekday()
        and not is_holiday(day, country)
    ][:MOST_DAYS]
    if len(alike) < LEAST_DAYS:
        return []
    kind = f"the last {len(alike)} {business_date:%A}s"
    return [
        *_volume(found, alike, kind),
        *_freshness(found, alike, kind),
        *_distribution(found, alike, kind),
    ]


@cache
def _holidays(country: str) -> Any:
    import holidays

    supported = country in holidays.list_supported_countries(include_aliases=True)
    return holidays.country_holidays(country) if supported else {}


def is_holiday(day: date, country: str) -> bool:
    """Whether a day is a public holiday of a country; of one not known none is."""
    return day in _holidays(country)


def _volume(found: Profile, alike: Sequence[Profile], kind: str) -> Iterator[str]:
    usual = [float(p.rows) for p in alike]
    # Counts vary by their root even where nothing is behind it.
    if _is_off(found.rows, usual, math.sqrt(statistics.median(usual))):
        median = statistics.median(usual)
        yield (
            f"{found.rows:,} rows, where {kind} had {median:,.0f} "
            f"({_range(usual, ',.0f')})"
        )


def _freshness(found: Profile, alike: Sequence[Profile], kind: str) -> Iterator[str]:
    usual = [p.newest for p in alike if p.newest is not None]
    if found.newest is None or len(usual) < LEAST_DAYS or not found.rows:
        return
    median = statistics.median(usual)
    spread = statistics.median(abs(u - median) for u in usual) * _MAD_TO_DEVIATION
    behind = median - found.newest
    if behind > max(DEVIATIONS * spread, 2.0):
        yield (
            f"the last row is of {_hour(found.newest)}, "
            f"where {kind} went on to {_hour(median)}"
        )


def _distribution(found: Profile, alike: Sequence[Profile], kind: str) -> Iterator[str]:
    for column, share in found.nulls.items():
        usual = [p.nulls[column] for p in alike if column in p.nulls]
        if len(usual) >= LEAST_DAYS and found.rows:
            noise = math.sqrt(max(statistics.median(usual), 0.001) / found.rows)
            median = statistics.median(usual)
            moved = abs(share - median)
            if moved > 0.1 and _is_off(share, usual, noise, least_share=0.0):
                yield (
                    f"{column!r} is empty in {share:.1%} of the rows, "
                    f"in {median:.1%} on {kind}"
                )
    for column, shares in found.codes.items():
        before = [p.codes[column] for p in alike if column in p.codes]
        if len(before) < LEAST_DAYS or found.rows < 100:
            continue
        mean = {
            code: sum(b.get(code, 0.0) for b in before) / len(before)
            for code in {*shares, *(c for b in before for c in b)}
        }
        index = stability_index(mean, shares)
        if index > MOVED:
            code = max(mean, key=lambda c: abs(shares.get(c, 0.0) - mean[c]))
            yield (
                f"{column!r} has other codes than on {kind} (index {index:.2f}): "
                f"{code} {shares.get(code, 0.0):.1%} instead of {mean[code]:.1%}"
            )


def stability_index(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return the population stability index of two distributions, 0 where equal.

    Source: Siddiqi, Credit Risk Scorecards (2006); 0.1 is little, 0.25 a shift.
    """
    floor = 0.0005
    total = 0.0
    for code in {*before, *after}:
        was = max(before.get(code, 0.0), floor)
        now = max(after.get(code, 0.0), floor)
        total += (now - was) * math.log(now / was)
    return total


def _is_off(
    value: float,
    usual: Sequence[float],
    noise: float,
    least_share: float = LEAST_SHARE,
) -> bool:
    """Whether a value lies far from the usual ones, by their median and deviation."""
    median = statistics.median(usual)
    spread = statistics.median(abs(u - median) for u in usual) * _MAD_TO_DEVIATION
    off = abs(value - median)
    return off > DEVIATIONS * max(spread, noise) and off > least_share * abs(median)


def _range(usual: Sequence[float], form: str) -> str:
    return f"{min(usual):{form}} to {max(usual):{form}}"


def _hour(hours: float) -> str:
    return f"{int(hours):02}:{int(hours % 1 * 60):02}"
