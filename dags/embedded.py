"""Airflow on this one machine, all of it under PASSBOOK_HOME and on loopback only.

python -m dags.embedded up
python -m dags.embedded nights --from 2026-03-01 --to 2026-03-03
eval "$(python -m dags.embedded environment)"    # then: airflow ...
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from types import FrameType

from dags.components import (
    LOOPBACK,
    AirflowBrokenError,
    AirflowBusyError,
    airflow_environment,
    assert_all_run,
    free_port,
    running,
)
from dags.night_settings import NightSettings, night_settings
from dags.nights import (
    Airflow,
    NotUpError,
    dates_between,
    end_leftovers,
    run_night,
    wait_until_up,
)

EXIT_FAILED_NIGHT = 1
EXIT_NO_AIRFLOW = 2
EXIT_INTERRUPTED = 130
# Scheduled runs would come between the nights that were asked for.
ONLY_WHAT_IS_ASKED = {
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}


def up(of: NightSettings) -> int:
    """Run Airflow until interrupted, then end all of it."""
    port = free_port()
    airflow = Airflow(f"http://{LOOPBACK}:{port}")
    print(f"Airflow starts; it writes to {of.airflow_home} only", flush=True)
    with running(of, port) as components:
        wait_until_up(airflow, lambda: assert_all_run(components))
        print(f"Airflow is up: {airflow.url}  (Ctrl-C ends it)", flush=True)
        while True:
            assert_all_run(components)
            time.sleep(1)


def nights(of: NightSettings, first: date, last: date) -> int:
    """Run the nights of all dates in order; return 0 only if all succeeded."""
    port = free_port()
    airflow = Airflow(f"http://{LOOPBACK}:{port}")
    began = time.monotonic()
    print(f"Airflow starts; it writes to {of.airflow_home} only", flush=True)
    with running(of, port, ONLY_WHAT_IS_ASKED) as components:

        def check() -> None:
            assert_all_run(components)

        wait_until_up(airflow, check)
        end_leftovers(airflow)
        print(f"Airflow is up: {airflow.url} ({time.monotonic() - began:.1f} s)")
        failed = [
            day
            for day in dates_between(first, last)
            if not run_night(airflow, of, day, check)
        ]
    count = (last - first).days + 1
    seconds = time.monotonic() - began
    print(f"{count - len(failed)} of {count} nights succeeded in {seconds:.0f} s")
    return EXIT_FAILED_NIGHT if failed else 0


def environment(of: NightSettings) -> int:
    """Print, for a shell, the environment in which `airflow` sees this Airflow."""
    ours = ("AIRFLOW_", "PASSBOOK_HOME", "PYTHONPATH")
    for name, value in sorted(airflow_environment(of, free_port()).items()):
        if name.startswith(ours):
            print(f"export {name}={shlex.quote(value)}")
    return 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the verb and its options."""
    parser = argparse.ArgumentParser(prog="python -m dags.embedded")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="run Airflow and its page until interrupted")
    verbs.add_parser("environment", help="print what `airflow` needs, for eval")
    some = verbs.add_parser("nights", help="run the nights of some business dates")
    for name, to in (("--from", "first"), ("--to", "last")):
        some.add_argument(name, dest=to, type=date.fromisoformat, required=True)
    options = parser.parse_args(arguments)
    if options.verb == "nights" and options.first > options.last:
        parser.error(f"--from {options.first} is after --to {options.last}")
    return options


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into what Ctrl-C does, so that there is one way to end."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; return the exit code."""
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, interrupt)
    verbs: dict[str, Callable[[], int]] = {
        "up": lambda: up(night_settings()),
        "environment": lambda: environment(night_settings()),
        "nights": lambda: nights(night_settings(), options.first, options.last),
    }
    try:
        return verbs[options.verb]()
    except KeyboardInterrupt:
        print("Interrupted; Airflow has ended", flush=True)
        return EXIT_INTERRUPTED
    except (AirflowBrokenError, AirflowBusyError, NotUpError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return EXIT_NO_AIRFLOW


if __name__ == "__main__":
    sys.exit(main())
