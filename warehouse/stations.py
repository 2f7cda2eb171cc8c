"""Land and check one channel for one business date, and say so in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from ingestion.contract import Feed
from ingestion.errors import CheckStopped, LandingRefused, MissingExtract, joined
from ingestion.extract import arrived_digests, is_complete
from ingestion.landing import Landed, land
from quality.landed import check_feed
from quality.monitors import MOST_DAYS, Profile, profile, unusual
from warehouse.bank import Bank
from warehouse.ledger import Outcome


def land_channel(
    bank: Bank, channel: str, business_date: date, *, only_daily: bool = False
) -> list[Outcome]:
    """Land every feed of a channel; a refused feed does not keep the others back.

    What came late or was corrected of the days before, as far as the contract allows
    for it, is landed with it. Returns one outcome a feed and date. With `only_daily`,
    files that are the same on any date are passed over, and so are days before: a range
    of dates needs the former once, and names the latter.

    Raises:
        LandingRefused: A feed that the night cannot do without was refused for its own
            date. All other feeds of the channel are landed by then.
    """
    outcomes: list[Outcome] = []
    refused: list[LandingRefused] = []
    for feed in bank.contract(channel).feeds:
        if only_daily and feed.delivery.cadence != "daily":
            continue
        late = () if only_daily else late_dates(bank, feed, business_date)
        for day in (*late, business_date):
            outcome, error = _landed(bank, feed, day)
            outcomes.append(outcome)
            if error and day == business_date and feed.delivery.required:
                refused.append(error)
    if refused:
        raise joined(refused)
    return outcomes


def late_dates(bank: Bank, feed: Feed, business_date: date) -> Iterator[date]:
    """Yield the dates before a night's of which a feed brought something after all.

    They lie within what its contract allows for, a night asked for them, and what has
    arrived since is not what stands.
    """
    for day in _dates_before(feed, business_date):
        if bank.ledger.read("land", feed.id, day.isoformat()) is None:
            continue  # No night asked for it: it is for a backfill.
        digests = arrived_digests(feed, bank.settings.extracts, day)
        standing = bank.lake.standing(feed, day) or {}
        if digests is not None and list(digests) != list(standing.get("digests", ())):
            yield day


def _dates_before(feed: Feed, business_date: date) -> Iterator[date]:
    """Yield the dates of which a night takes in what came late, oldest first."""
    if feed.delivery.cadence == "daily":
        for back in range(feed.delivery.late_days, 0, -1):
            yield business_date - timedelta(days=back)


def _landed(
    bank: Bank, feed: Feed, business_date: date
) -> tuple[Outcome, LandingRefused | None]:
    """Land one feed for a date and write it down; return why where it was refused."""
    refusal: LandingRefused | None = None
    try:
        landed = land(
            bank.contract(feed.channel),
            feed,
            bank.settings.extracts,
            bank.lake,
            business_date,
            bank.keys,
            bank.settings.timezone,
        )
        outcome = _landed_outcome(bank, landed, business_date)
    except LandingRefused as error:
        refusal = error
        verdict = "missing" if isinstance(error, MissingExtract) else "refused"
        outcome = Outcome(
            "land",
            feed.id,
            business_date.isoformat(),
            verdict,
            message=error.line(),
            code_version=bank.code_version,
            details={"required": feed.delivery.required},
        )
    written = bank.ledger.write(outcome)
    if written.verdict in {"landed", "refused"}:
        # Its library takes a third of a second, and most commands land nothing.
        from warehouse.lineage import tell_landing

        tell_landing(bank, feed, written)
    return written, refusal


def _landed_outcome(bank: Bank, landed: Landed, business_date: date) -> Outcome:
    message = "; ".join(landed.warnings)
    if landed.verdict == "unchanged":
        message = "the same extract is landed already; nothing was done"
    return Outcome(
        "land",
        f"{landed.channel}.{landed.feed}",
        business_date.isoformat(),
        landed.verdict,
        message=message,
        rows_in=landed.records_in,
        rows_out=landed.landed,
        rejected=landed.rejected,
        seconds=landed.seconds,
        fingerprint=landed.fingerprint,
        code_version=bank.code_version,
        details={
            k: v
            for k, v in asdict(landed).items()
            if k in {"files", "superseded", "sequence", "sums", "reasons", "filtered"}
        },
    )


def check_channel(bank: Bank, channel: str, business_date: date) -> list[Outcome]:
    """Check every landed feed of a channel against its contract's rules.

    Returns one outcome a feed that is landed for the date, and one for each landing of
    the days before that came late and was not checked yet. A landing that was checked
    by this code already is not checked again: its outcome stands. Where a landing looks
    unlike its feed's history, a warning follows.

    Raises:
        CheckStopped: A rule of severity error failed for the date; the edition will do
            without the partition until it is landed again.
    """
    outcomes: list[Outcome] = []
    stopped: list[Outcome] = []
    for feed in bank.contract(channel).feeds:
        for day in _dates_before(feed, business_date):
            standing = bank.lake.standing(feed, day)
            if standing and check_of(bank, feed, standing) is None:
                outcomes.append(_checked(bank, feed, standing))
                outcomes += _monitored(bank, feed, standing)
        standing = bank.lake.standing(feed, business_date)
        if standing is None:
            continue
        outcome = _check_by_this_code(bank, feed, standing)
        outcome = outcome or _checked(bank, feed, standing)
        outcomes.append(outcome)
        outcomes += _monitored(bank, feed, standing)
        if outcome.verdict == "stop" and feed.delivery.required:
            stopped.append(outcome)
    if stopped:
        raise CheckStopped(
            f"{channel} {business_date}",
            "; ".join(c.message for c in stopped),
            remedy="The edition does without these rows. See the Data Docs under "
            "quality/, have the channel correct the extract and land the day again.",
        )
    return outcomes


def check_of(bank: Bank, feed: Feed, standing: dict[str, Any]) -> Outcome | None:
    """Return the latest check of just this landing, None where it was not checked."""
    key = bank.lake.landing_key(feed, date.fromisoformat(standing["business_date"]))
    outcome = bank.ledger.read("check", feed.id, key)
    if outcome is None or outcome.fingerprint != standing["fingerprint"]:
        return None
    return outcome


def _check_by_this_code(
    bank: Bank, feed: Feed, standing: dict[str, Any]
) -> Outcome | None:
    outcome = check_of(bank, feed, standing)
    return outcome if outcome and outcome.code_version == bank.code_version else None


def _checked(bank: Bank, feed: Feed, standing: dict[str, Any]) -> Outcome:
    checked = check_feed(feed, bank.lake, standing, bank.settings.home / "quality")
    return bank.ledger.write(
        Outcome(
            "check",
            feed.id,
            bank.lake.landing_key(feed, date.fromisoformat(standing["business_date"])),
            checked.verdict,
            message=checked.message,
            rows_in=checked.rows,
            seconds=checked.seconds,
            fingerprint=standing["fingerprint"],
            code_version=bank.code_version,
            details={"rules": checked.rules, "failed": checked.failed},
        )
    )


def _monitored(bank: Bank, feed: Feed, standing: dict[str, Any]) -> list[Outcome]:
    """Hold a landing of a day against the feed's history; return a warning, if any.

    What it looks like stands in the ledger, where the next ones find it.
    """
    if feed.delivery.cadence != "daily":
        return []
    day = date.fromisoformat(standing["business_date"])
    earlier = bank.ledger.read("monitor", feed.id, day.isoformat())
    if earlier and earlier.fingerprint == standing["fingerprint"]:
        return []
    path = str(bank.lake.partition(feed, day))
    found = profile(feed, path, day, bank.settings.timezone)
    history = _profiles(bank, feed, day)
    lines = unusual(day, found, history, bank.settings.country)
    outcome = bank.ledger.write(
        Outcome(
            "monitor",
            feed.id,
            day.isoformat(),
            "warn" if lines else "pass",
            message="; ".join(lines),
            rows_in=found.rows,
            fingerprint=standing["fingerprint"],
            code_version=bank.code_version,
            details=asdict(found),
        )
    )
    return [outcome] if lines else []


def _profiles(bank: Bank, feed: Feed, before: date) -> dict[date, Profile]:
    """Return what landings of the weeks before a date looked like."""
    found = {}
    for weeks in range(1, 2 * MOST_DAYS + 1):
        day = before - timedelta(weeks=weeks)
        outcome = bank.ledger.read("monitor", feed.id, day.isoformat())
        if outcome:
            found[day] = Profile.of(outcome.details)
    return found


def missing_feeds(bank: Bank, channel: str, business_date: date) -> list[Feed]:
    """Return the feeds of a channel that have not completely arrived."""
    return [
        feed
        for feed in bank.contract(channel).feeds
        if not is_complete(feed, bank.settings.extracts, business_date)
    ]


def landings_of(bank: Bank, channel: str, business_date: date) -> list[dict[str, Any]]:
    """Return what is landed of each feed for a date, and the landings it replaced."""
    shown = ("sequence", "records_in", "landed", "rejected")
    rows: list[dict[str, Any]] = []
    for feed in bank.contract(channel).feeds:
        standing = bank.lake.standing(feed, business_date)
        earlier = bank.lake.superseded(feed, business_date)
        states = [("superseded", m) for m in earlier]
        states += [("stands", standing)] if standing else []
        for state, manifest in states:
            rows.append(
                {
                    "feed": feed.name,
                    "state": state,
                    "files": ", ".join(manifest["files"]),
                    **{name: manifest[name] for name in shown},
                    "sums": ", ".join(f"{k} {v}" for k, v in manifest["sums"].items()),
                    "fingerprint": manifest["fingerprint"][:12],
                    "superseded_controls": ", ".join(manifest["superseded"]),
                }
            )
    return rows
