"""Land and check one channel for one business date, and say so in the ledger."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from ingestion.contract import Feed
from ingestion.errors import CheckStopped, LandingRefused, MissingExtract, joined
from ingestion.extract import is_complete
from ingestion.landing import Landed, land
from quality.landed import check_feed
from warehouse.bank import Bank
from warehouse.ledger import Outcome


def land_channel(
    bank: Bank, channel: str, business_date: date, *, only_daily: bool = False
) -> list[Outcome]:
    """Land every feed of a channel; a refused feed does not keep the others back.

    Returns one outcome a feed. With `only_daily`, files that are the same on any date
    are passed over: a range of dates needs them once.

    Raises:
        LandingRefused: A feed that the night cannot do without was refused. All other
            feeds of the channel are landed by then.
    """
    contract = bank.contract(channel)
    outcomes: list[Outcome] = []
    refused: list[LandingRefused] = []
    for feed in contract.feeds:
        if only_daily and feed.delivery.cadence != "daily":
            continue
        try:
            landed = land(
                contract,
                feed,
                bank.settings.extracts,
                bank.lake,
                business_date,
                bank.keys,
                bank.settings.timezone,
            )
            outcome = _landed_outcome(bank, landed, business_date)
        except LandingRefused as error:
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
            if feed.delivery.required:
                refused.append(error)
        outcomes.append(bank.ledger.write(outcome))
    if refused:
        raise joined(refused)
    return outcomes


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

    Returns one outcome a feed that is landed for the date. A landing that was checked
    by this code already is not checked again: its outcome stands.

    Raises:
        CheckStopped: A rule of severity error failed; the edition will do without the
            partition until it is landed again.
    """
    outcomes: list[Outcome] = []
    stopped: list[Outcome] = []
    for feed in bank.contract(channel).feeds:
        standing = bank.lake.standing(feed, business_date)
        if standing is None:
            continue
        outcome = _check_by_this_code(bank, feed, standing)
        outcome = outcome or _checked(bank, feed, standing)
        outcomes.append(outcome)
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
