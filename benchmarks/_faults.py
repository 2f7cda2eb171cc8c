"""Banks that faults are done to, by the product's own commands, and what becomes of them.

Each fault is real: processes are killed, files are damaged, disks are full. What is left
is held against a bank to which nothing happened.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks._sample_nights import open_bank
from ingestion.artefacts import sha256_of
from ingestion.sample import SampleSpec, write_sample_bank
from warehouse.stations import check_channel, land_channel

COMMAND = Path(sys.executable).with_name("passbook")
FIRST = date(2026, 3, 30)
# What a build says of itself and not of the bank.
_OF_THE_BUILD = frozenset(
    {
        *("outcomes", "build", "changed_partitions", "restated_from", "restatements"),
        *("account_fingerprints", "customer_fingerprints", "placement_fingerprints"),
    }
)
_COMPARED = ("mart", "intermediate", "ops", "policy")


@dataclass(frozen=True)
class Home:
    """A PASSBOOK_HOME, and the extracts that it reads."""

    root: Path
    extracts: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which its commands run."""
        return {
            **os.environ,
            "PASSBOOK_HOME": str(self.root),
            "PASSBOOK_EXTRACTS": str(self.extracts),
            "PASSBOOK_KEY_FILE": str(self.extracts.parent / "card.key"),
        }

    @property
    def edition(self) -> Path:
        """The file of the current edition."""
        return (self.root / "editions" / "current").resolve() / "bank.duckdb"

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [COMMAND, *words],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def night(self, day: date, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the night of a date."""
        return self.run("night", "--date", day.isoformat(), *words)

    def copy(self, root: Path) -> Home:
        """Return a copy of this home, which reads the same extracts."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root, symlinks=True)
        return Home(root, self.extracts)


def deliver_bank(folder: Path, customers: int, days: int) -> tuple[Path, list[date]]:
    """Write a sample bank's extracts; return their folder and the business dates."""
    extracts = folder / "extracts"
    spec = SampleSpec(customers=customers, days=days, start=FIRST, seed=5, dirt="light")
    shipped = open_bank(folder / "unused").shipped
    write_sample_bank(spec, shipped, extracts, folder / "truth", folder / "late")
    return extracts, [FIRST + timedelta(days=n) for n in range(days)]


def is_whole(home: Home) -> bool:
    """Whether `current` is an edition that answers, or there is none yet."""
    if not (home.root / "editions" / "current").exists():
        return not (home.root / "editions" / "current").is_symlink()
    with duckdb.connect(str(home.edition), read_only=True) as connection:
        rows = connection.execute(
            "select count(*) from mart.customers, ops.build"
        ).fetchall()
    return bool(rows[0][0])


def differing_tables(one: Path, other: Path) -> list[str]:
    """Return the tables in which two editions differ, customer keys up to renaming."""
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        names = dict(
            connection.execute(
                "select other.customer_key, one.customer_key "
                "from one.identity.customer_identity as one "
                "join other.identity.customer_identity as other using (record_id) "
                "where one.customer_key is not null"
            ).fetchall()
        )
        differing = []
        for schema, table in _tables(connection):
            here = _rows(connection, f"one.{schema}.{table}", {})
            there = _rows(connection, f"other.{schema}.{table}", names)
            if here != there:
                differing.append(f"{schema}.{table}")
    return differing


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    rows = connection.execute(
        "select distinct schema_name, table_name from duckdb_tables() "
        "where database_name in ('one', 'other') order by all"
    ).fetchall()
    return [
        (schema, table)
        for schema, table in rows
        if schema in _COMPARED and table not in _OF_THE_BUILD
    ]


def _rows(
    connection: duckdb.DuckDBPyConnection, table: str, names: dict[str, str]
) -> Counter[tuple[Any, ...]]:
    rows = connection.execute(f"from {table}").fetchall()
    return Counter(tuple(_named(value, names) for value in row) for row in rows)


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    return tuple(value) if isinstance(value, list) else value


# Kills


def kill_at_random(home: Home, day: date, seconds: float, chance: random.Random) -> str:
    """Kill a night at a random time within some seconds; say what it was at, or `end`."""
    process = subprocess.Popen(
        [COMMAND, "night", "--date", day.isoformat()],
        env=home.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=chance.uniform(0.2, seconds))
    except subprocess.TimeoutExpired:
        where = _step(home)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return where
    return "end"


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
        from ingestion.errors import PassbookError

        bank = open_bank_of(self.home)
        for step in (land_channel, check_channel):
            try:
                step(bank, channel, day)
            except PassbookError:
                self.counts["refused"] += 1

    def _disturbed_night(self, seconds: float) -> None:
        day = self.chance.choice(self.days)
        if self.chance.random() < 0.5:
            self.counts["killed"] += 1
            kill_at_random(self.home, day, seconds, self.chance)
        else:
            done = self.home.night(day, "--skip-landing")
            self.counts["refused night" if done.returncode else "night"] += 1
        if not is_whole(self.home):
            raise RuntimeError("current is not whole")


def open_bank_of(home: Home) -> Any:
    """Return the bank of a home in this process."""
    from warehouse.bank import Bank
    from warehouse.settings import load_settings

    return Bank(load_settings(home.environment))


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
