"""Banks that faults are done to, by the product's own commands, and what becomes of them.

Each fault is real: processes are killed, files are damaged, disks are full. What is left
is held against a bank to which nothing happened.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks._sample_nights import open_bank
from ingestion.artefacts import sha256_of
from ingestion.errors import PassbookError
from ingestion.sample import SampleSpec, write_sample_bank
from tests.integration.bank_runs import Home
from warehouse.bank import Bank
from warehouse.settings import load_settings
from warehouse.stations import check_channel, land_channel

FIRST = date(2026, 3, 30)


def deliver_bank(folder: Path, customers: int, days: int) -> tuple[Path, list[date]]:
    """Write a sample bank's extracts; return their folder and the business dates."""
    extracts = folder / "extracts"
    spec = SampleSpec(customers=customers, days=days, start=FIRST, seed=5, dirt="light")
    shipped = open_bank(folder / "unused").shipped
    write_sample_bank(spec, shipped, extracts, folder / "truth", folder / "late")
    return extracts, [FIRST + timedelta(days=n) for n in range(days)]


def is_whole(home: Home) -> bool:
    """Whether `current` is an edition that answers, or there is none yet."""
    current = home.database.parent
    if not current.exists():
        return not current.is_symlink()
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute(
            "select count(*) from mart.customers, ops.build"
        ).fetchall()
    return bool(rows[0][0])


# Kills


def kill_at_random(
    home: Home, day: date, seconds: float, chance: random.Random
) -> str | None:
    """Kill a night at a random time within some seconds; say what it was at.

    None is one that ended before.
    """
    process = home.start("night", "--date", day.isoformat())
    try:
        process.wait(timeout=chance.uniform(0.2, seconds))
    except subprocess.TimeoutExpired:
        where = _step(home)
        process.kill()
        process.wait()
        return where
    return None


def _step(home: Home) -> str:
    """Return what a night is at, by what it has written."""
    candidates = home.root / "candidates"
    if any(candidates.glob("*/quality")):
        return "gate"
    if any(candidates.glob("*/bank.duckdb*")):
        return "build"
    if any((home.root / "lake" / ".incoming").glob("*")):
        return "land"
    return "start or check"


# Landings in any order


@dataclass
class Sequence:
    """Landings of a bank in a random order: late, missing, doubled, truncated, corrected.

    What each came to is counted.
    """

    home: Home
    source: Path
    days: list[date]
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, night_seconds: float) -> None:
        """Land everything at last, with nights and kills in between."""
        for channel, day, kind in self._events():
            self._deliver(channel, day, kind)
            self._land(channel, day)
            self.counts[kind] += 1
            if self.chance.random() < 0.1:
                self._disturbed_night(night_seconds)
        done = self.home.night(self.days[-1], "--skip-landing")
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _events(self) -> Iterator[tuple[str, date, str]]:
        channels = sorted(p.name for p in self.source.iterdir() if p.is_dir())
        events: list[tuple[float, str, date, str]] = []
        for channel in channels:
            for day in self.days:
                at = self.chance.random()
                events.append((at, channel, day, "whole"))
                if self.chance.random() < 0.4:
                    kind = self.chance.choice(["missing", "truncated", "halved"])
                    events.append((at * self.chance.random(), channel, day, kind))
                if self.chance.random() < 0.3:
                    later = at + (1 - at) * self.chance.random()
                    events.append((later, channel, day, "whole"))
        for _, channel, day, kind in sorted(events):
            yield channel, day, kind

    def _deliver(self, channel: str, day: date, kind: str) -> None:
        target = self.home.extracts / channel / day.isoformat()
        shutil.rmtree(target, ignore_errors=True)
        source = self.source / channel / day.isoformat()
        if kind == "missing" or not source.is_dir():
            return
        shutil.copytree(source, target)
        if kind == "whole":
            return
        files = sorted(p for p in target.iterdir() if ".ctl." not in p.name)
        file = self.chance.choice(files)
        content = file.read_bytes()
        lines = content.splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: 1 + len(lines) // 2]))
        if kind == "halved":
            _vouch_again(target, file)

    def _land(self, channel: str, day: date) -> None:
        bank = Bank(load_settings(self.home.environment))
        for step in (land_channel, check_channel):
            try:
                step(bank, channel, day)
            except PassbookError:
                self.counts["refused"] += 1

    def _disturbed_night(self, seconds: float) -> None:
        day = self.chance.choice(self.days)
        if self.chance.random() < 0.5:
            where = kill_at_random(self.home, day, seconds, self.chance)
            self.counts["killed" if where else "night"] += 1
        else:
            done = self.home.night(day, "--skip-landing")
            self.counts["refused night" if done.returncode else "night"] += 1
        if not is_whole(self.home):
            raise RuntimeError("current is not whole")


def _vouch_again(folder: Path, file: Path) -> None:
    """Write a control file for a changed file, as a sender would who lost rows."""
    for control in folder.glob("*.ctl.json"):
        said = json.loads(control.read_text(encoding="utf-8"))
        for entry in said["files"]:
            if entry["name"] == file.name:
                entry |= {"sha256": sha256_of(file), "bytes": file.stat().st_size}
                control.write_text(json.dumps(said), encoding="utf-8")


def timed_night(home: Home, day: date) -> float:
    """Run a night to its end; return its seconds."""
    started = time.perf_counter()
    done = home.night(day)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - started
