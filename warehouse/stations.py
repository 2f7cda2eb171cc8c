"""Land and check one channel for one business date, and say so in the ledger."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from ingestion.contract import Feed
from ingestion.errors import CheckStopped, LandingRefused, MissingExtract
from ingestion.extract import is_complete
from ingestion.landing import Landed, land
from quality.landed import CheckedFeed, check_feed
from warehouse.bank import Bank
from warehouse.ledger import Outcome


def land_channel(bank: Bank, channel: str, business_date: date) -> list[Outcome]:
    """Land every feed of a channel; a refused feed does not keep the others back.

    Returns one outcome a feed.

    Raises:
        LandingRefused: A feed that the night cannot do without was refused. All other
            feeds of the channel are landed by then.
    """
    contract = bank.contract(channel)
    outcomes: list[Outcome] = []
    refused: list[LandingRefused] = []
    for feed in contract.feeds:
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
        raise _all_of(refused)
    return outcomes


def _all_of(errors: list[LandingRefused]) -> LandingRefused:
    """Return the one error, or one that has a line for each."""
    if len(errors) == 1:
        return errors[0]
    combined = LandingRefused("", "")
    combined.args = ("\n".join(error.line() for error in errors),)
    return combined


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

    Returns one outcome a feed that is landed for the date.

    Raises:
        CheckStopped: A rule of severity error failed; the edition will do without the
            partition until it is landed again.
    """
    outcomes: list[Outcome] = []
    stopped: list[CheckedFeed] = []
    for feed in bank.contract(channel).feeds:
        standing = _standing(bank, feed, business_date)
        if standing is None:
            continue
        checked = check_feed(
            feed, bank.lake, standing, bank.settings.home / "quality"
        )
        outcomes.append(
            bank.ledger.write(
                Outcome(
                    "check",
                    feed.id,
                    standing["business_date"]
                    if feed.delivery.cadence != "history"
                    else "history",
                    checked.verdict,
                    message=checked.message,
                    rows_in=checked.rows,
                    seconds=checked.seconds,
                    fingerprint=standing["fingerprint"],
                    code_version=bank.code_version,
                    details={"rules": checked.rules, "failed": checked.failed},
                )
            )
        )
        if checked.verdict == "stop" and feed.delivery.required:
            stopped.append(checked)
    if stopped:
        raise CheckStopped(
            f"{channel} {business_date}",
            "; ".join(c.message for c in stopped),
            remedy="The edition does without these rows. See the Data Docs under "
            "quality/, have the channel correct the extract and land the day again.",
        )
    return outcomes


def _standing(bank: Bank, feed: Feed, business_date: date) -> dict[str, object] | None:
    return bank.lake.standing(feed, feed.delivery.effective_date or business_date)


def missing_feeds(bank: Bank, channel: str, business_date: date) -> list[Feed]:
    """Return the feeds of a channel that have not completely arrived."""
    return [
        feed
        for feed in bank.contract(channel).feeds
        if not is_complete(feed, bank.settings.extracts, business_date)
    ]
