"""What a night costs that brings next to nothing: by the command, and through Airflow.

    python benchmarks/fixed_cost.py [--scale small|full] [--json]

The bank is so small that its rows cost nothing: what is left is what every night costs.
The ratio holds the night through Airflow against the same night by `passbook night`.
What Airflow takes to read the DAG's file is told beyond what it takes to import itself.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._faults import deliver_bank, timed_night  # noqa: E402
from benchmarks._runs import Found, run  # noqa: E402
from tests.integration.bank_runs import Home  # noqa: E402

# Due on 2 cores.
DUE_COMMAND_SECONDS = 25.0
DUE_AIRFLOW_SECONDS = 60.0
DUE_IMPORT_SECONDS = 1.0
CUSTOMERS = 50
# A sample as small as this has holidays without a call, which a night refuses.
NIGHTS = {"full": 2, "small": 0}
IMPORTS = 3
_IMPORT = """
import time
import airflow.sdk
started = time.perf_counter()
import dags.customer_warehouse_nightly
print(time.perf_counter() - started)
"""


def import_seconds(home: Home) -> float:
    """Return what reading the DAG's file takes once Airflow itself is imported."""
    environment = home.environment | {
        "AIRFLOW_HOME": str(home.root / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    seconds = []
    for _ in range(IMPORTS):
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append(float(done.stdout.strip().splitlines()[-1]))
    return statistics.median(seconds)


def airflow_seconds(home: Home, days: list[date]) -> list[float]:
    """Run nights by Airflow's scheduler; return what it says that each took."""
    span = ("--from", days[0].isoformat(), "--to", days[-1].isoformat())
    done = subprocess.run(
        [sys.executable, "-m", "dags.embedded", "nights", *span],
        env=home.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return [float(s) for s in re.findall(r"success in ([0-9.]+) s", done.stdout)]


def measure(scale: str, folder: Path) -> Found:
    """Return the medians, and the ratio of both ways; small, of one night alone."""
    nights = NIGHTS[scale]
    extracts, days = deliver_bank(folder, CUSTOMERS, 1 + 2 * nights)
    home = Home(folder / "home", extracts, folder / "card.key")
    first = timed_night(home, days[0])
    by_command = [timed_night(home, day) for day in days[1 : 1 + nights]] or [first]
    figures: dict[str, float] = {
        "nights_each_way": nights or 1,
        "command_night_seconds": round(statistics.median(by_command), 1),
        "dag_import_seconds": round(import_seconds(home), 2),
    }
    ratios = {}
    if nights:
        by_airflow = statistics.median(airflow_seconds(home, days[1 + nights :]))
        figures["airflow_night_seconds"] = round(by_airflow, 1)
        ratios["airflow_to_command"] = by_airflow / statistics.median(by_command)
    return Found("Fixed cost of a night", figures, ratios)


def shortfalls(figures: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    due = {
        "command_night_seconds": DUE_COMMAND_SECONDS,
        "airflow_night_seconds": DUE_AIRFLOW_SECONDS,
        "dag_import_seconds": DUE_IMPORT_SECONDS,
    }
    return [f"{n} <= {s:.0f}" for n, s in due.items() if figures.get(n, 0) > s]


if __name__ == "__main__":
    sys.exit(run("fixed_cost", __doc__, NIGHTS, measure, shortfalls))
