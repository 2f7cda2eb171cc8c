"""What becomes of a bank to which a bad night happens: nothing lost, nothing half.

    python benchmarks/faults.py [--scale small|full] [--json]

Each fault is done to a sample bank for real, the night is run again, and the edition is
held against that of a bank to which nothing happened: every table of mart, intermediate,
policy and ops, customer keys up to renaming. The table has a line a fault: how often it
was done, how often the bank survived it, what was lost. The ratio is the nights that
were killed against those that recovered.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from benchmarks._faults import (  # noqa: E402
    COMMAND,
    Home,
    Sequence,
    deliver_bank,
    differing_tables,
    is_whole,
    kill_at_random,
    timed_night,
)
from benchmarks._report import report  # noqa: E402

# Due: all of them survived.
KILLS = {"full": 200, "small": 2}
KILLS_A_NIGHT = {"full": 5, "small": 2}
SEQUENCES = {"full": 30, "small": 1}
CUSTOMERS = {"full": 80, "small": 50}


@dataclass(frozen=True)
class Survived:
    """How often a fault was done, and what was lost, a line each time."""

    fault: str
    times: int
    losses: tuple[str, ...]


@dataclass(frozen=True)
class Bank:
    """A home with one night behind it, and one to which the next happened in peace."""

    folder: Path
    days: list[date]
    before: Home
    whole: Home
    night_seconds: float


def make_bank(folder: Path, customers: int) -> Bank:
    """Run two nights of a sample bank in peace; keep the bank as it was between them."""
    extracts, days = deliver_bank(folder, customers, 3)
    home = Home(folder / "before", extracts)
    timed_night(home, days[0])
    whole = home.copy(folder / "whole")
    return Bank(folder, days, home, whole, timed_night(whole, days[1]))


def recovered(bank: Bank, home: Home, day: date | None = None) -> str:
    """Run the night to its end; return what differs from the bank left in peace."""
    done = home.night(day or bank.days[1])
    if done.returncode:
        return done.stderr.strip()
    return ", ".join(differing_tables(bank.whole.edition, home.edition))


def kills(bank: Bank, scale: str) -> Iterator[Survived]:
    """Kill nights at random times, several one after the other, then let one end."""
    chance = random.Random(1)
    left, losses, steps = KILLS[scale], [], Counter[str]()
    number = 0
    while left > 0:
        number += 1
        home = bank.before.copy(bank.folder / f"killed{number}")
        for _ in range(min(left, KILLS_A_NIGHT[scale])):
            steps[kill_at_random(home, bank.days[1], bank.night_seconds, chance)] += 1
            left -= 1
            if not is_whole(home):
                losses.append("current was not whole")
        lost = recovered(bank, home)
        losses += [lost] if lost else []
        shutil.rmtree(home.root)
    at = ", ".join(f"{count} at {step}" for step, count in sorted(steps.items()))
    yield Survived(f"kill -9 ({at})", KILLS[scale], tuple(losses))


def sequences(bank: Bank, scale: str) -> Iterator[Survived]:
    """Land the bank in random orders, with nights and kills in between."""
    source = bank.before.extracts
    peace = Home(bank.folder / "peace", source)
    span = ("--from", bank.days[0].isoformat(), "--to", bank.days[-1].isoformat())
    done = peace.run("backfill", *span)
    if done.returncode:
        raise RuntimeError(done.stderr)
    losses, counts = [], Counter[str]()
    for seed in range(SEQUENCES[scale]):
        folder = bank.folder / f"sequence{seed}"
        home = Home(folder / "home", folder / "extracts")
        folder.mkdir()
        for name in ("card.key",):
            shutil.copy(bank.folder / name, folder / name)
        made = Sequence(home, source, bank.days, random.Random(seed))
        made.run(bank.night_seconds)
        counts += made.counts
        lost = ", ".join(differing_tables(peace.edition, home.edition))
        losses += [f"seed {seed}: {lost}"] if lost else []
        shutil.rmtree(folder)
    done_to = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    yield Survived(
        f"landings in random order ({done_to})", SEQUENCES[scale], tuple(losses)
    )


def damage(path: Path) -> None:
    """Turn over one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def refused_then_mended(
    bank: Bank,
    name: str,
    spoil: Callable[[Home], None],
    said: str,
    mend: Callable[[Home], None],
) -> Survived:
    """Do a fault, have the night refuse with a clear line, mend it, run it again."""
    home = bank.before.copy(bank.folder / name.replace(" ", "_"))
    spoil(home)
    done = home.night(bank.days[1])
    losses = []
    if done.returncode == 0 or said not in done.stderr or "Traceback" in done.stderr:
        losses.append(f"not refused: {done.returncode} {done.stderr.strip()[-300:]}")
    if name != "damaged edition" and not is_whole(home):
        losses.append("current was not whole")
    mend(home)
    lost = recovered(bank, home)
    losses += [lost] if lost else []
    shutil.rmtree(home.root)
    return Survived(name, 1, tuple(losses))


def files_and_settings(bank: Bank) -> Iterator[Survived]:
    """Damage what nights stand on, one thing at a time."""
    first, second = bank.days[:2]

    def partition(home: Home) -> Path:
        # A snapshot is read by every night: the latest one, which is not landed anew.
        return next((home.root / "lake/raw/core_banking/products").rglob("*.parquet"))

    yield refused_then_mended(
        bank,
        "damaged edition",
        lambda h: damage(h.edition),
        "the current edition is damaged",
        lambda h: shutil.copy(bank.before.edition, h.edition),
    )
    contracts = bank.folder / "contracts"
    shutil.copytree(ROOT / "ingestion" / "contracts", contracts)
    atm = contracts / "atm.odcs.yaml"
    good = atm.read_text(encoding="utf-8")
    atm.write_text(good[: len(good) // 2], encoding="utf-8")
    home = bank.before.copy(bank.folder / "corrupt_contract")
    done = home.run(
        "night", "--date", second.isoformat(), PASSBOOK_CONTRACTS=str(contracts)
    )
    losses = []
    if done.returncode != 2 or "atm.odcs.yaml" not in done.stderr:
        losses.append(f"not refused: {done.returncode} {done.stderr[-300:]}")
    lost = recovered(bank, home)
    yield Survived("corrupt contract", 1, tuple(losses + ([lost] if lost else [])))
    home = bank.before.copy(bank.folder / "damaged_partition")
    home.run("land", "core_banking", "--date", second.isoformat())
    home.run("check", "core_banking", "--date", second.isoformat())
    damage(partition(home))
    lost = recovered(bank, home)
    yield Survived("damaged Parquet, landed again", 1, (lost,) if lost else ())
    damage(next((home.root / "lake/raw/atm").rglob(f"*{first}/*.parquet")))
    found = home.run("doctor")
    told = found.returncode == 1 and f"atm.transactions {first}" in " ".join(
        found.stdout.split()
    )
    yield Survived(
        "damaged Parquet, told by the doctor", 1, () if told else (found.stdout,)
    )


def memory(bank: Bank) -> Iterator[Survived]:
    """Have little memory."""
    home = bank.before.copy(bank.folder / "memory")
    done = home.run(
        "night", "--date", bank.days[1].isoformat(), PASSBOOK_MEMORY="200MB"
    )
    lost = done.stderr.strip() or recovered(bank, home)
    yield Survived("200 MB of memory: it spills and ends", 1, (lost,) if lost else ())


def full_disk(bank: Bank) -> Iterator[Survived]:
    """Have too small a disk, and then no right to write; nothing where none can mount."""
    disk = bank.folder / "disk"
    disk.mkdir()
    used = sum(p.stat().st_size for p in bank.before.root.rglob("*") if p.is_file())
    megabytes = used // 2**20 + 12
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        return
    try:
        small = Home(disk / "home", bank.before.extracts)
        shutil.copytree(bank.before.root, small.root, symlinks=True)
        done = small.night(bank.days[1])
        losses = []
        if done.returncode == 0 or "Traceback" in done.stderr:
            losses.append(f"not refused: {done.returncode} {done.stderr[-400:]}")
        if not is_whole(small):
            losses.append("current was not whole")
        subprocess.run(
            ["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True
        )
        denied = small.night(bank.days[1])
        if denied.returncode == 0 or "Traceback" in denied.stderr:
            losses.append(f"read-only not refused: {denied.stderr[-400:]}")
        if not is_whole(small):
            losses.append("current was not whole on a read-only disk")
        larger = f"remount,rw,size={megabytes + 4000}m"
        subprocess.run(["mount", "-o", larger, str(disk)], check=True)
        lost = recovered(bank, small)
        yield Survived(
            "disk full, then read-only", 2, tuple(losses + ([lost] if lost else []))
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def at_once(bank: Bank) -> Iterator[Survived]:
    """Start two nights at the same time."""
    home = bank.before.copy(bank.folder / "twice")
    words = [COMMAND, "night", "--date", bank.days[1].isoformat()]
    both = [
        subprocess.Popen(
            words,
            env=home.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]
    losses = []
    for process in both:
        said, _ = process.communicate()
        if process.returncode:
            losses.append(said.decode()[-300:])
    lost = recovered(bank, home)
    yield Survived("two nights at once", 1, tuple(losses + ([lost] if lost else [])))


def measure(scale: str, folder: Path) -> list[Survived]:
    """Do every fault; print a line for each as it ends."""
    bank = make_bank(folder, CUSTOMERS[scale])
    done: list[Survived] = []
    # The small scale is for CI, whose other tests do the rest.
    rest = (files_and_settings, memory, at_once) if scale == "full" else ()
    for survived in (
        *full_disk(bank),
        *kills(bank, scale),
        *sequences(bank, scale),
        *(survived for fault in rest for survived in fault(bank)),
    ):
        lost = "; ".join(survived.losses) or "nothing"
        kept = survived.times - len(survived.losses)
        print(f"{survived.fault}: {kept} of {survived.times} survived, lost {lost}")
        sys.stdout.flush()
        done.append(survived)
    return done


def main() -> int:
    """Measure, print the table and, if asked, one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=sorted(KILLS), default="full")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = measure(options.scale, Path(folder))
    times = sum(s.times for s in done)
    kept = times - sum(len(s.losses) for s in done)
    report(
        "faults",
        "Faults",
        {"faults": times, "survived": kept},
        {"survived_to_done": kept / times},
        [f"{s.fault}: {loss}" for s in done for loss in s.losses],
        as_json=options.json,
    )
    return 1 if kept < times else 0


if __name__ == "__main__":
    sys.exit(main())
