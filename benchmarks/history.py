"""What a night costs after a month of history and after a year of it.

    python benchmarks/history.py [--scale small|full] [--json]

A sample bank is landed the product's own way and given a past of so many days, each as
full as the day itself. Then comes the next night, whole: landing, checks, build, gate,
publishing. What copying and fingerprinting the edition's file takes is told apart, for
that grows with the file. The ratio holds the night with the long past against the one
with the short past.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._profile_bank import NIGHT, Past, land, publish_history  # noqa: E402
from benchmarks._report import report  # noqa: E402
from benchmarks._sample_nights import open_bank  # noqa: E402
from warehouse import editions  # noqa: E402
from warehouse.night import run_night  # noqa: E402

# Due at full scale on 2 cores.
DUE_LONG_TO_SHORT = 1.15
CUSTOMERS = {"full": 100_000, "small": 150}
DAYS = {"full": (30, 360), "small": (2,)}


def timed(function: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """Return the function, whose seconds are added to a list each time."""

    def wrapped(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            into.append(time.perf_counter() - started)

    return wrapped


def night(root: Path) -> dict[str, Any]:
    """Run the night after the past; return its seconds, by step."""
    bank = open_bank(root)
    file_seconds: list[float] = []
    started = time.perf_counter()
    with (
        patch.object(editions, "copy_file", timed(editions.copy_file, file_seconds)),
        patch.object(editions, "sha256_of", timed(editions.sha256_of, file_seconds)),
    ):
        run_night(bank, NIGHT, lambda line: print(line, file=sys.stderr))
    total = time.perf_counter() - started
    day = NIGHT.isoformat()
    steps = {step: bank.ledger.read(step, "bank", day) for step in ("build", "gate")}
    return {
        "seconds": total - sum(file_seconds),
        "file_seconds": sum(file_seconds),
        "gate_seconds": steps["gate"].seconds,
        "build_seconds": steps["build"].seconds,
        "bytes": bank.editions.published_database(None).stat().st_size,
    }


def child(what: str, folder: Path, scale: str, days: int) -> dict[str, Any]:
    """Run one part in a process of its own; return what it says."""
    words = ["--scale", scale, "--child", what, str(folder), str(days)]
    done = subprocess.run(
        [sys.executable, __file__, *words],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def run_child(what: str, folder: Path, scale: str, days: int) -> dict[str, Any]:
    """Do one part; return its figures."""
    if what == "past":
        land(folder, CUSTOMERS[scale], landed_days=1)
        _, count = publish_history(folder, Past(1, days - 1, kept_of_ten=10))
        return {"interactions": count}
    return night(folder)


def measure(scale: str, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the figures of both pasts, and the ratio of their nights."""
    figures: dict[str, float] = {"customers": CUSTOMERS[scale]}
    seconds = []
    for days in DAYS[scale]:
        root = folder / f"after_{days}_days"
        past = child("past", root, scale, days)
        after = child("night", root, scale, days)
        seconds.append(after["seconds"])
        figures |= {
            f"interactions_of_{days}_days": past["interactions"],
            f"night_seconds_after_{days}_days": round(after["seconds"], 1),
            f"of_which_build_after_{days}_days": round(after["build_seconds"], 1),
            f"of_which_gate_after_{days}_days": round(after["gate_seconds"], 1),
            f"file_seconds_after_{days}_days": round(after["file_seconds"], 1),
            f"edition_gib_after_{days}_days": round(after["bytes"] / 2**30, 2),
        }
    return figures, {"long_to_short": seconds[-1] / seconds[0]}


def main() -> int:
    """Measure, print the table and, if asked, one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=sorted(CUSTOMERS), default="full")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "FOLDER", "DAYS"))
    options = parser.parse_args()
    if options.child:
        what, at, days = options.child
        print(json.dumps(run_child(what, Path(at), options.scale, int(days))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures, ratios = measure(options.scale, Path(folder))
    missed = ratios["long_to_short"] > DUE_LONG_TO_SHORT and options.scale == "full"
    report(
        "history",
        f"History, {figures['customers']:,} customers",
        figures,
        ratios,
        [f"long_to_short <= {DUE_LONG_TO_SHORT}"] if missed else [],
        as_json=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
