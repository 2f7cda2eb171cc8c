"""The night: land and check every channel, then build, gate and publish one edition."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date

from identity.resolve import Resolved
from ingestion.contract import Feed
from ingestion.errors import (
    CheckStopped,
    GateStopped,
    LandingRefused,
    PassbookError,
    joined,
)
from quality.candidate import GatedCandidate, gate_candidate
from warehouse import notices
from warehouse.bank import Bank
from warehouse.build import (
    Built,
    believable_partitions,
    build,
    build_failure,
    missing_feeds_of,
    seal,
    unchanged_edition,
)
from warehouse.dbt_runs import DbtRuns
from warehouse.editions import Candidate, Edition
from warehouse.ledger import Outcome
from warehouse.lineage import tell_publishing
from warehouse.restatements import summary
from warehouse.stations import check_channel, check_of, land_channel

Say = Callable[[str], None]


def land_and_check(
    bank: Bank, business_date: date, say: Say, *, only_daily: bool = False
) -> None:
    """Land and check every channel; one that fails does not keep the others back.

    Raises:
        PassbookError: Channels that the night cannot do without failed, a line each.
    """
    failures: list[PassbookError] = []
    for channel in bank.contracts:
        try:
            for outcome in land_channel(
                bank, channel, business_date, only_daily=only_daily
            ):
                say(outcome.line())
        except LandingRefused as error:
            failures.append(error)
            say(str(error))
        try:
            for outcome in check_channel(bank, channel, business_date):
                if outcome.verdict != "pass":
                    say(outcome.line())
        except CheckStopped as error:
            failures.append(error)
            say(str(error))
    if failures:
        raise joined(failures)


def run_night(
    bank: Bank, business_date: date, say: Say, *, skip_landing: bool = False
) -> Edition:
    """Run a whole night, or what follows the landings, and tell how it ended.

    Raises:
        PassbookError: It ended without an edition of its own; the current one stays.
    """
    try:
        if not skip_landing:
            land_and_check(bank, business_date, say)
        edition = bring_forward(bank, business_date, say)
    except PassbookError as error:
        _tell(bank, business_date, notices.failed(business_date, error), say)
        raise
    notice = notices.published(bank, business_date, edition)
    _tell(bank, business_date, notice, say)
    return edition


def _tell(bank: Bank, business_date: date, notice: notices.Notice, say: Say) -> None:
    for fault in notices.tell(bank, business_date, notice):
        say(f"warning: not told: {fault}")


def bring_forward(bank: Bank, business_date: date, say: Say) -> Edition:
    """Build, gate and publish, alone under the writer's lock; return what is current.

    The current edition is the old one until the last instant, whatever happens. Where
    nothing changed since it was built, it stays.

    Raises:
        PassbookError: The lock was held too long, or the build or the gate failed.
    """
    where = f"edition of {business_date}"
    with bank.editions.writing():
        _hold_required(bank, business_date)
        bank.editions.hold_whole()
        standing = unchanged_edition(bank, business_date)
        if standing:
            say(
                f"nothing changed since {standing.id}, as of {standing.as_of}: it stays"
            )
            return standing
        built = _built(bank, business_date, where)
        say(_built_line(built))
        if built.restated:
            say(summary(built.restated))
        judged = _gated(bank, built.candidate, built.as_of, built.runs)
        published = _published(bank, built.candidate, built.as_of, built.missing)
    for warning in judged.messages:
        say(f"warning: {warning}")
    say(f"{published.id} is current, as of {published.as_of}")
    return published


def gate_standing(bank: Bank, say: Say) -> None:
    """Judge the candidate that a build left in place; it stays where it is.

    Raises:
        PassbookError: There is no candidate, or it does not pass the gate.
    """
    with bank.editions.writing():
        candidate, as_of = bank.editions.standing_candidate()
        runs = DbtRuns(bank, candidate.database, as_of)
        judged = _gated(bank, candidate, as_of, runs)
    say(f"{candidate.id}: {judged.verdict}, {judged.rules} rules and all data tests")
    for warning in judged.messages:
        say(f"warning: {warning}")


def publish_standing(bank: Bank, say: Say) -> Edition:
    """Judge the candidate that a build left in place and make it current.

    Raises:
        PassbookError: There is no candidate, or it does not pass the gate.
    """
    with bank.editions.writing():
        candidate, as_of = bank.editions.standing_candidate()
        runs = DbtRuns(bank, candidate.database, as_of)
        for warning in _gated(bank, candidate, as_of, runs).messages:
            say(warning)
        missing = missing_feeds_of(bank, believable_partitions(bank, as_of), as_of)
        return _published(bank, candidate, as_of, missing)


def _hold_required(bank: Bank, business_date: date) -> None:
    """Refuse an edition of a date whose required feeds are not landed and believed.

    Raises:
        LandingRefused: A line for each such feed.
    """
    refused = []
    for contract in bank.contracts.values():
        for feed in contract.feeds:
            if not feed.delivery.required:
                continue
            fault = _not_believed(bank, feed, business_date)
            if fault:
                refused.append(fault)
    if refused:
        raise joined(refused)


def _not_believed(bank: Bank, feed: Feed, business_date: date) -> LandingRefused | None:
    """Return why a feed cannot be loaded for a date, None where it can."""
    where = f"{feed.id} {business_date}"
    remedy = f"Run: passbook night --date {business_date}"
    standing = bank.lake.standing(feed, business_date)
    if standing is None:
        return LandingRefused(where, "is not landed", remedy=remedy)
    checked = check_of(bank, feed, standing)
    if checked is None:
        return LandingRefused(where, "is landed but not checked", remedy=remedy)
    if checked.verdict == "stop":
        what = checked.message.removeprefix(f"{where}: ").rstrip(".")
        return LandingRefused(where, what, remedy=remedy)
    return None


def _built(bank: Bank, business_date: date, where: str) -> Built:
    started = time.monotonic()
    day = business_date.isoformat()
    try:
        built = build(bank, business_date)
    except PassbookError as error:
        _failed(bank, "build", day, "failed", error, started)
        raise
    except Exception as error:
        failure = build_failure(where, error)
        _failed(bank, "build", day, "failed", failure, started)
        raise failure from error
    bank.ledger.write(
        Outcome(
            "build",
            "bank",
            day,
            "built",
            message=_built_line(built),
            seconds=built.seconds,
            code_version=bank.code_version,
            details={
                "candidate": built.candidate.id,
                "changed_partitions": built.changed,
                "restated": summary(built.restated),
                **asdict(built.resolved),
            },
        )
    )
    return built


def _built_line(built: Built) -> str:
    resolved = built.resolved
    return (
        f"{built.candidate.id} built as of {built.as_of} "
        f"from {built.changed:,} changed partitions: "
        f"{resolved.customers:,} customers of {resolved.records:,} records ("
        f"{resolved.born:,} born, {resolved.merged:,} merged, "
        f"{resolved.split:,} split; {resolved.queue:,} pairs to review)"
        + _drift_of(resolved)
    )


def _drift_of(resolved: Resolved) -> str:
    if resolved.drift is None:
        return ""
    if not resolved.drift:
        return "; identity checked in full: nothing differs"
    return (
        f"; WARNING: identity checked in full: {resolved.drift:,} records had another "
        "customer, and what was worked out anew stands"
    )


def _gated(
    bank: Bank, candidate: Candidate, as_of: date, runs: DbtRuns
) -> GatedCandidate:
    """Judge a candidate, say so in the ledger, and return what was found.

    Raises:
        GateStopped: It did not pass.
    """
    started = time.monotonic()
    day = as_of.isoformat()
    try:
        tests = runs.test()
        judged = gate_candidate(
            candidate.database, bank.modelled, candidate.folder / "quality"
        )
        if judged.verdict == "stop":
            raise GateStopped(
                f"edition of {as_of}",
                "; ".join(judged.messages),
                remedy="The current edition stays.",
            )
    except GateStopped as error:
        _failed(bank, "gate", day, "stop", error, started)
        raise
    bank.ledger.write(
        Outcome(
            "gate",
            "bank",
            day,
            judged.verdict,
            message="; ".join(judged.messages),
            seconds=round(time.monotonic() - started, 3),
            code_version=bank.code_version,
            details={
                "data_tests": tests,
                "rules": judged.rules,
                "failed": judged.failed,
            },
        )
    )
    return judged


def _published(
    bank: Bank, candidate: Candidate, as_of: date, missing: tuple[str, ...]
) -> Edition:
    seal(bank, candidate)
    edition = bank.editions.publish(
        candidate,
        as_of.isoformat(),
        missing,
        bank.settings.keep_editions,
        bank.settings.keep_days,
    )
    bank.ledger.write(
        Outcome(
            "publish",
            "bank",
            edition.as_of,
            "published",
            message=f"{edition.id} is current",
            fingerprint=edition.sha256,
            code_version=bank.code_version,
        )
    )
    tell_publishing(bank, edition)
    return edition


def _failed(
    bank: Bank, step: str, day: str, verdict: str, error: Exception, started: float
) -> None:
    bank.ledger.write(
        Outcome(
            step,
            "bank",
            day,
            verdict,
            message=str(error),
            seconds=round(time.monotonic() - started, 3),
            code_version=bank.code_version,
        )
    )
