"""Looks through all that is kept, and says what is wrong and what to do about it."""

from __future__ import annotations

import fcntl
import json
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion.contract import Feed, contract_paths, load_contract
from ingestion.errors import PassbookError
from warehouse.bank import Bank
from warehouse.contract_lint import lint_contracts
from warehouse.editions import DATABASE

# A night holds the edition before, the candidate, and what queries spill.
_EDITIONS_OF_SPACE = 3
_USE_ANOTHER = "Run: passbook {0} use none, or passbook {0} train"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what, and what mends it."""

    subject: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Examined:
    """What a look through came to."""

    findings: tuple[Finding, ...]
    editions: int
    partitions: int
    outcomes: int

    def line(self) -> str:
        """Return what was looked at, as a line for people."""
        looked = (
            f"{self.editions} editions, {self.partitions:,} partitions and "
            f"{self.outcomes:,} outcomes"
        )
        if not self.findings:
            return f"looked through {looked}: all is well"
        return f"looked through {looked}: {len(self.findings)} problems"


def examine(bank: Bank) -> Examined:
    """Look through settings, contracts, lake, ledger, editions and what is left over.

    Nothing is changed. Every file that was published or landed is read whole.
    """
    findings = [
        *_settings(bank),
        *_lake(bank),
        *_ledger(bank),
        *_editions(bank),
        *_leftovers(bank),
    ]
    return Examined(
        tuple(findings),
        editions=len(bank.editions.all()),
        partitions=sum(1 for _ in (bank.settings.home / "lake").rglob("part.parquet")),
        outcomes=sum(1 for _ in bank.ledger.paths()),
    )


def _settings(bank: Bank) -> Iterator[Finding]:
    for contract, problem in lint_contracts(bank):
        yield Finding(
            f"contract {contract}", problem, "Edit it: passbook contract lint"
        )
    key = bank.settings.key_file
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield Finding("key file", f"{key} can be read by others", f"chmod 600 {key}")
    if not key.exists() and bank.lake.root.exists():
        yield Finding(
            "key file",
            f"{key} is gone: the same cards would get other tokens",
            "Restore it from the backup before the next night.",
        )
    try:
        _ = bank.identity_rules
    except PassbookError as error:
        yield Finding("linkage model", error.line(), _USE_ANOTHER.format("identity"))
    try:
        _ = bank.attrition_model
    except PassbookError as error:
        yield Finding("forecast", error.line(), _USE_ANOTHER.format("attrition"))


def _feeds(bank: Bank) -> dict[str, Feed]:
    """Return every feed of the contracts that can be read, by its id."""
    found: dict[str, Feed] = {}
    for path in contract_paths(bank.settings.contracts):
        with suppress(PassbookError):
            contract = load_contract(path)
            found |= {feed.id: feed for feed in contract.feeds}
    return found


def _lake(bank: Bank) -> Iterator[Finding]:
    feeds = _feeds(bank)
    for path in sorted((bank.lake.root / "manifests").glob("*/*/*.json")):
        channel, name = path.parts[-3:-1]
        feed = feeds.get(f"{channel}.{name}")
        if feed is None:
            yield Finding(
                f"{channel}.{name}",
                "is landed, but no contract that can be read names it",
                "Bring its contract back, or remove its folder from the lake.",
            )
            continue
        try:
            standing = json.loads(path.read_text(encoding="utf-8"))
            day = date.fromisoformat(standing["business_date"])
            damages = bank.lake.damages(feed, standing)
        except (ValueError, KeyError, TypeError) as error:
            yield Finding(
                f"{feed.id} {path.stem}",
                f"{path} cannot be read: {error}",
                f"Remove it and run: passbook land {channel} --date DATE",
            )
            continue
        for partition, damage in damages.items():
            yield Finding(
                f"{feed.id} {partition}",
                damage,
                f"Run: passbook land {channel} --date {day}, then passbook check "
                f"{channel} --date {day}, then the night.",
            )


def _ledger(bank: Bank) -> Iterator[Finding]:
    for path in bank.ledger.paths():
        fault = bank.ledger.fault(path)
        if fault:
            yield Finding(
                "ledger", f"{path} cannot be read: {fault}", f"Remove it: rm {path}"
            )


def _editions(bank: Bank) -> Iterator[Finding]:
    link = bank.editions.current_link
    if link.is_symlink() and not link.resolve().is_dir():
        yield Finding(
            "current",
            f"{link} points at {link.readlink()}, which is gone",
            "Run: passbook editions, then passbook rollback EDITION --reason TEXT",
        )
        return
    current = bank.editions.current()
    for edition in bank.editions.all():
        damage = bank.editions.damage(edition)
        if damage and current and edition.id == current.id:
            remedy = "Run: passbook rollback EDITION --reason TEXT, then the night."
        else:
            remedy = f"Remove it: rm -r {bank.editions.folder(edition.id)}"
        if damage:
            yield Finding(edition.id, damage, remedy)
        log = bank.editions.folder(edition.id) / f"{DATABASE}.wal"
        if log.exists():
            yield Finding(
                edition.id,
                f"{log} says that somebody opened the edition for writing",
                f"Remove it once nobody has the edition open: rm {log}",
            )
    if current:
        free = shutil.disk_usage(bank.settings.home).free
        due = _EDITIONS_OF_SPACE * current.bytes
        if free < due:
            yield Finding(
                "disk",
                f"{free / 1e9:.1f} GB are free, a night may take {due / 1e9:.1f} GB",
                "Free some, or lower PASSBOOK_KEEP_EDITIONS.",
            )


def _leftovers(bank: Bank) -> Iterator[Finding]:
    """Tell of what killed processes left; a build or a landing under way is none."""
    lock = bank.settings.home / "locks" / "writer.lock"
    left = sorted(bank.editions.candidates.glob("*"))
    if left and lock.exists() and not _is_held(lock):
        yield Finding(
            "candidate",
            f"{left[0]} was left by a build that did not end",
            "Nothing: the next build throws it away.",
        )


def _is_held(lock: Path) -> bool:
    with lock.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
