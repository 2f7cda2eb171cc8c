"""What a night costs after a month of history and after a year of it.

    python benchmarks/history.py [--scale small|full] [--json]

A sample bank is landed the product's own way and given a past of so many days, each as
full as the day itself. Then comes the next night, whole: landing, checks, build, gate,
publishing. What copying and fingerprinting the edition's file takes is told apart, for
that grows with the file. The ratio holds the night with the long past against the one
with the short past.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._profile_bank import NIGHT, Past, land, publish_history  # noqa: E402
from benchmarks._runs import Found, in_a_child, run  # noqa: E402
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


def night(root: str) -> dict[str, Any]:
    """Run the night after the past; return its seconds, by step."""
    bank = open_bank(Path(root))
    file_seconds: list[float] = []
    # What wrote the past is not to be finished on the night's time.
    os.sync()
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


def past(root: str, customers: str, days: str) -> dict[str, Any]:
    """Publish a bank with a past of so many days; return its interactions."""
    land(Path(root), int(customers), landed_days=1)
    _, count = publish_history(Path(root), Past(1, int(days) - 1, kept_of_ten=10))
    return {"interactions": count}


def measure(scale: str, folder: Path) -> Found:
    """Return the figures of both pasts, and the ratio of their nights."""
    figures: dict[str, float] = {"customers": CUSTOMERS[scale]}
    seconds = []
    for days in DAYS[scale]:
        root = folder / f"after_{days}_days"
        before = in_a_child("past", root, CUSTOMERS[scale], days)
        after = in_a_child("night", root)
        seconds.append(after["seconds"])
        figures |= {
            f"interactions_of_{days}_days": before["interactions"],
            f"night_seconds_after_{days}_days": round(after["seconds"], 1),
            f"of_which_build_after_{days}_days": round(after["build_seconds"], 1),
            f"of_which_gate_after_{days}_days": round(after["gate_seconds"], 1),
            f"file_seconds_after_{days}_days": round(after["file_seconds"], 1),
            f"edition_gib_after_{days}_days": round(after["bytes"] / 2**30, 2),
        }
    ratio = seconds[-1] / seconds[0]
    title = f"History, {CUSTOMERS[scale]:,} customers"
    return Found(title, figures, {"long_to_short": ratio})


def shortfalls(found: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    missed = found["long_to_short"] > DUE_LONG_TO_SHORT
    return [f"long_to_short <= {DUE_LONG_TO_SHORT}"] if missed else []


if __name__ == "__main__":
    parts = {"past": past, "night": night}
    sys.exit(run("history", __doc__, CUSTOMERS, measure, shortfalls, parts))
