"""What becomes of a bank to which a bad night happens: nothing lost, nothing half.

    python benchmarks/faults.py [--scale small|full] [--only FAULT ...] [--json]

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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from benchmarks._faults import (  # noqa: E402
    Sequence,
    deliver_bank,
    is_whole,
    kill_at_random,
    timed_night,
)
from benchmarks._report import report  # noqa: E402
from tests.damage import flip_a_bit  # noqa: E402
from tests.integration.bank_runs import Home, differing_tables  # noqa: E402
from tests.integration.readers import answer, start_reader  # noqa: E402

# Due: all of them survived.
KILLS = {"full": 200, "small": 1}
KILLS_A_NIGHT = {"full": 5, "small": 1}
# Nights that are killed beside each other, each in a home of its own, and about how much
# longer than alone they take.
LANES = 2
SLOWED = 1.2
SEQUENCES = {"full": 30, "small": 1}
READ_NIGHTS = 20
MEMORY = "300MB"
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


Fault = Callable[[Bank], Iterator[Survived]]


def make_bank(folder: Path, customers: int) -> Bank:
    """Run two nights of a sample bank in peace; keep the bank as it was between them."""
    extracts, days = deliver_bank(folder, customers, 3)
    home = Home(folder / "before", extracts, folder / "card.key")
    timed_night(home, days[0])
    peace = home.copied(folder / "whole")
    return Bank(folder, days, home, peace, timed_night(peace, days[1]))


def recovered(bank: Bank, home: Home) -> list[str]:
    """Run the night to its end; return what differs from the bank left in peace."""
    done = home.night(bank.days[1])
    if done.returncode:
        return [done.stderr.strip()]
    return lost(bank.whole, home)


def lost(peace: Home, home: Home) -> list[str]:
    """Return the tables in which two homes differ, as the one loss that they are."""
    differing = differing_tables(peace, home)
    return [", ".join(differing)] if differing else []


def refusal(done: subprocess.CompletedProcess[str], code: int, said: str) -> list[str]:
    """Return the loss that a night is which did not refuse with a clear line."""
    clear = done.returncode == code and said in done.stderr
    if clear and "Traceback" not in done.stderr:
        return []
    return [f"not refused: {done.returncode} {done.stderr.strip()[-400:]}"]


def whole(home: Home) -> list[str]:
    """Return the loss that a current edition is which does not answer."""
    return [] if is_whole(home) else ["current was not whole"]


def going_on(what: str, done: int, of: int, losses: list[str]) -> None:
    """Say how far a long fault has come: at the full scale it takes hours."""
    print(f"{what}: {done} of {of}, lost {len(losses)}", file=sys.stderr, flush=True)


def kills(bank: Bank, scale: str) -> Iterator[Survived]:
    """Kill nights at random times, several one after the other, then let one end."""
    groups = KILLS[scale] // KILLS_A_NIGHT[scale]
    losses: list[str] = []
    steps = Counter[str]()
    with ThreadPoolExecutor(LANES) as lanes:
        killed = partial(killed_several, bank, KILLS_A_NIGHT[scale])
        for group_steps, group_losses in lanes.map(killed, range(groups)):
            steps += group_steps
            losses += group_losses
            going_on("killed", steps.total(), KILLS[scale], losses)
    yield Survived(f"kill -9 (at {_counted(steps)})", steps.total(), tuple(losses))


def killed_several(bank: Bank, times: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Kill a bank's nights until so many were killed; say what they were at, and lost."""
    chance = random.Random(seed)
    steps = Counter[str]()
    losses: list[str] = []
    seconds = bank.night_seconds * SLOWED
    while steps.total() < times:
        home = bank.before.copied(bank.folder / f"killed{seed}")
        while steps.total() < times:
            where = kill_at_random(home, bank.days[1], seconds, chance)
            losses += whole(home)
            if where is None:
                # No kill, and another night has nothing left to do: too late a time.
                seconds *= 0.95
                break
            steps[where] += 1
        losses += recovered(bank, home)
        shutil.rmtree(home.root)
    return steps, losses


def sequences(bank: Bank, scale: str) -> Iterator[Survived]:
    """Land the bank in random orders, with nights and kills in between."""
    peace = replace(bank.before, root=bank.folder / "peace")
    span = ("--from", bank.days[0].isoformat(), "--to", bank.days[-1].isoformat())
    peace.must("backfill", *span)
    losses: list[str] = []
    counts = Counter[str]()
    for seed in range(SEQUENCES[scale]):
        folder = bank.folder / f"sequence{seed}"
        home = replace(peace, root=folder / "home", extracts=folder / "extracts")
        made = Sequence(home, peace.extracts, bank.days, random.Random(seed))
        made.run(bank.night_seconds)
        counts += made.counts
        losses += [f"seed {seed}: {loss}" for loss in lost(peace, home)]
        shutil.rmtree(folder)
        going_on("sequences", seed + 1, SEQUENCES[scale], losses)
    fault = f"landings in random order ({_counted(counts)})"
    yield Survived(fault, SEQUENCES[scale], tuple(losses))


def _counted(of: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(of.items()))


def damaged_edition(bank: Bank) -> Iterator[Survived]:
    """Damage the current edition; put it right again."""
    home = bank.before.copied(bank.folder / "edition")
    edition = home.database.resolve()
    good = edition.read_bytes()
    flip_a_bit(edition)
    losses = refusal(home.night(bank.days[1]), 5, "the current edition is damaged")
    edition.write_bytes(good)
    losses += recovered(bank, home)
    yield Survived("damaged edition", 1, tuple(losses))


def corrupt_contract(bank: Bank) -> Iterator[Survived]:
    """Cut a contract in half."""
    contracts = bank.folder / "contracts"
    shutil.copytree(ROOT / "ingestion" / "contracts", contracts)
    atm = contracts / "atm.odcs.yaml"
    good = atm.read_text(encoding="utf-8")
    atm.write_text(good[: len(good) // 2], encoding="utf-8")
    home = bank.before.copied(bank.folder / "corrupt_contract")
    corrupt = replace(home, variables=(("PASSBOOK_CONTRACTS", str(contracts)),))
    losses = refusal(corrupt.night(bank.days[1]), 2, "atm.odcs.yaml")
    losses += recovered(bank, home)
    yield Survived("corrupt contract", 1, tuple(losses))


def damaged_partitions(bank: Bank) -> Iterator[Survived]:
    """Damage a partition that is landed again, and one that nobody asks for."""
    first, second = bank.days[:2]
    home = bank.before.copied(bank.folder / "partition")
    home.must("land", "core_banking", "--date", second.isoformat())
    raw = home.root / "lake" / "raw"
    flip_a_bit(next((raw / "core_banking" / "products").rglob("*.parquet")))
    losses = recovered(bank, home)
    yield Survived("damaged Parquet, landed again", 1, tuple(losses))
    flip_a_bit(next((raw / "atm").rglob(f"*{first}/*.parquet")))
    found = home.run("doctor", "--json")
    told = found.returncode == 1 and f"atm.transactions {first}" in found.stdout
    losses = [] if told else [found.stdout]
    yield Survived("damaged Parquet, told by the doctor", 1, tuple(losses))


def memory(bank: Bank) -> Iterator[Survived]:
    """Have little memory."""
    home = bank.before.copied(bank.folder / "memory")
    small = replace(home, variables=(("PASSBOOK_MEMORY", MEMORY),))
    said = small.night(bank.days[1]).stderr.strip()
    losses = [said] if said else recovered(bank, home)
    yield Survived(f"{MEMORY} of memory: it ends", 1, tuple(losses))


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
        home = bank.before.copied(disk / "home")
        losses: list[str] = []
        for remounted in ("ro", f"rw,size={megabytes + 4000}m"):
            done = home.night(bank.days[1])
            if done.returncode == 0 or "Traceback" in done.stderr:
                losses.append(f"not refused: {done.returncode} {done.stderr[-400:]}")
            losses += whole(home)
            options = f"remount,{remounted}"
            subprocess.run(["mount", "-o", options, str(disk)], check=True)
        losses += recovered(bank, home)
        yield Survived("disk full, then read-only", 2, tuple(losses))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def jumping_clock(bank: Bank) -> Iterator[Survived]:
    """Let the wall clock jump in the middle of a night; nothing without a C compiler."""
    library = bank.folder / "jumping_clock.so"
    source = Path(__file__).with_name("_jumping_clock.c")
    compiler = shutil.which("cc")
    if compiler is None:
        return
    compile_it = [compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]
    subprocess.run(compile_it, check=True)
    after = bank.whole.copied(bank.folder / "after_the_whole")
    timed_night(after, bank.days[2])
    losses: list[str] = []
    jumps = {"a_day_back": -86_400, "a_week_on": 604_800}
    for name, seconds in jumps.items():
        home = bank.before.copied(bank.folder / f"clock_{name}")
        variables = (
            ("LD_PRELOAD", str(library)),
            ("CLOCK_JUMP", str(seconds)),
            ("CLOCK_AFTER", str(int(bank.night_seconds / 2))),
        )
        losses += recovered(bank, replace(home, variables=variables))
        # What was written at another time is built on by the night that follows.
        timed_night(home, bank.days[2])
        losses += lost(after, home)
    fault = "the clock jumps a day back, or a week on, in the middle of a night"
    yield Survived(fault, len(jumps), tuple(losses))


def held_open(bank: Bank) -> Iterator[Survived]:
    """Have somebody hold the current edition open, as a reader and as a writer would."""
    home = bank.before.copied(bank.folder / "held_by_a_reader")
    with duckdb.connect(str(home.database), read_only=True) as reader:
        losses = recovered(bank, home)
        reader.execute("select count(*) from mart.customers")
    yield Survived("a reader holds the edition open", 1, tuple(losses))
    home = bank.before.copied(bank.folder / "held_by_a_writer")
    with duckdb.connect(str(home.database)):
        losses = refusal(home.night(bank.days[1]), 75, "open for writing")
    losses += recovered(bank, home)
    yield Survived("a writer holds the edition open", 1, tuple(losses))


def at_once(bank: Bank) -> Iterator[Survived]:
    """Start two nights at the same time."""
    home = bank.before.copied(bank.folder / "twice")
    words = ("night", "--date", bank.days[1].isoformat())
    both = [home.start(*words) for _ in range(2)]
    losses = [f"exit code {process.wait()}" for process in both if process.wait()]
    losses += recovered(bank, home)
    yield Survived("two nights at once", 1, tuple(losses))


def analyst(bank: Bank) -> Iterator[Survived]:
    """Have an analyst ask all through many nights; each answer is of one edition."""
    folder = bank.folder / "read"
    extracts, days = deliver_bank(folder, CUSTOMERS["full"], READ_NIGHTS + 1)
    home = Home(folder / "home", extracts, folder / "card.key")
    timed_night(home, days[0])
    due = [answer(home)]
    reader = start_reader(home, folder / "answers")
    refused = 0
    for day in days[1:]:
        # A holiday without a call is refused, and is a night like the others.
        refused += home.night(day).returncode != 0
        due.append(answer(home))
    due = [a for n, a in enumerate(due) if a not in due[:n]]
    answers, error = reader.stop()
    losses = [error] if error else []
    losses += [f"of no edition: {a}" for a in answers if a not in due]
    seen = [due.index(a) for a in answers if a in due]
    if seen != sorted(seen) or len(set(seen)) < len(due):
        losses.append("an edition was not seen, or again after a later one")
    what = (
        f"an analyst asks {len(answers):,} times in {READ_NIGHTS} nights, "
        f"of which {refused} refused"
    )
    yield Survived(what, READ_NIGHTS, tuple(losses))


LONG = ("kills", "sequences")
REST: tuple[Fault, ...] = (
    *(damaged_edition, corrupt_contract, damaged_partitions, memory, full_disk),
    *(at_once, held_open, jumping_clock, analyst),
)
FAULTS = (*(fault.__name__ for fault in REST), *LONG)
# The small scale is for CI, whose other tests do the rest.
DONE_AT = {"full": FAULTS, "small": LONG}


def faults(scale: str) -> dict[str, Fault]:
    """Return what can be done to a bank, by name."""
    long = (partial(kills, scale=scale), partial(sequences, scale=scale))
    return dict(zip(FAULTS, (*REST, *long), strict=True))


def measure(scale: str, names: Iterable[str], folder: Path) -> list[Survived]:
    """Do the faults of these names; print a line for each as it ends."""
    bank = make_bank(folder, CUSTOMERS[scale])
    done: list[Survived] = []
    for survived in chain.from_iterable(faults(scale)[name](bank) for name in names):
        losses = "; ".join(survived.losses) or "nothing"
        kept = survived.times - len(survived.losses)
        print(f"{survived.fault}: {kept} of {survived.times} survived, lost {losses}")
        sys.stdout.flush()
        done.append(survived)
    return done


def main() -> int:
    """Measure, print the table and, if asked, one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=sorted(KILLS), default="full")
    # The long ones take an hour each and more.
    parser.add_argument("--only", nargs="+", metavar="FAULT", choices=FAULTS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.only or DONE_AT[options.scale]
    with tempfile.TemporaryDirectory() as folder:
        done = measure(options.scale, names, Path(folder))
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
