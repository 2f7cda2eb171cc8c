"""Nights in a real Airflow: late, cut off, cleared, beside a backfill, killed.

One Airflow, as `up` brings it up, goes through them in order; at its end the bank is
the same as one whose days were loaded in peace.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from dags.nights import DAG_ID, Airflow
from tests.integration.bank_runs import PROJECT, Home, differing_tables

pytestmark = pytest.mark.airflow

LATE = "atm"
WITHIN_SECONDS = 900.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class LiveBank:
    """A bank with four days of extracts, of which the last lacks a channel."""

    home: Home
    days: tuple[date, ...]
    held_back: Path

    @property
    def alerts(self) -> str:
        path = self.home.root / "logs" / "alerts.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def bring(self) -> None:
        """Deliver what was held back."""
        day = self.days[-1].isoformat()
        self.held_back.rename(self.home.extracts / LATE / day)

    def loaded(self) -> set[str]:
        """Return the days of which the current edition has the late channel."""
        if not self.home.database.exists():
            return set()
        query = (
            "select distinct business_date from ops.loaded_partitions "
            f"where channel = '{LATE}'"
        )
        return {str(day) for (day,) in self.home.rows(query)}


def zone_where_it_is_noon() -> tuple[str, date]:
    """Return a time zone in which the day is half over, and its date there.

    The test then crosses no midnight, and its cut-off is neither over nor days away.
    """
    now = datetime.now(UTC)
    ahead = 12 - now.hour
    there = now + timedelta(hours=ahead)
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT", there.date()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> LiveBank:
    root = tmp_path_factory.mktemp("airflow")
    zone, today = zone_where_it_is_noon()
    first = today - timedelta(days=4)
    contracts = root / "contracts"
    contracts.mkdir()
    for path in (PROJECT / "ingestion" / "contracts").iterdir():
        text = path.read_text(encoding="utf-8")
        if path.name.startswith(LATE):
            # Not over before the test says so, by the clock of the file.
            text = re.sub('wait_until: "[0-9:]+"', 'wait_until: "23:59"', text)
        (contracts / path.name).write_text(text, encoding="utf-8")
    variables = {
        "PASSBOOK_CONTRACTS": str(contracts),
        "PASSBOOK_TIMEZONE": zone,
        "PASSBOOK_LATE_AFTER": "00:00:10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "HOME": str(root / "user"),
    }
    home = Home(
        root / "home", root / "extracts", root / "card.key", tuple(variables.items())
    )
    (root / "user").mkdir()
    home.must(
        *("sample", "--customers", "120", "--days", "4", "--seed", "7"),
        *("--start", first.isoformat()),
    )
    days = tuple(first + timedelta(days=n) for n in range(4))
    held_back = root / "held_back"
    (home.extracts / LATE / days[-1].isoformat()).rename(held_back)
    return LiveBank(home, days, held_back)


@contextmanager
def airflow_up(home: Home) -> Iterator[tuple[Airflow, subprocess.Popen[str]]]:
    """Bring Airflow up as its user does; end it, and see that nothing of it lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dags.embedded", "up"],
        env=home.environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_pass_on, args=(process, lines), daemon=True).start()
    try:
        said = ""
        while "Airflow is up" not in said:
            said = lines.get(timeout=300)
        url = re.findall(r"http://[0-9.:]+", said)[0]
        yield Airflow(url), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert living(home) == []


def _pass_on(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)


def living(home: Home, word: str = "") -> list[psutil.Process]:
    """Return the processes that work in a home and have a word in their command."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("PASSBOOK_HOME") == str(home.root)
            if ours and word in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_for(what: str, seen: Callable[[], Any]) -> Any:
    """Return what is seen at last."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        found = seen()
        if found:
            return found
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"not seen within {WITHIN_SECONDS:.0f} s: {what}")


def run_of(airflow: Airflow, day: date, kind: str) -> dict[str, Any] | None:
    """Return the latest run of a business date that was made in some way."""
    runs = airflow.ask("GET", f"/dags/{DAG_ID}/dagRuns?order_by=-id")["dag_runs"]
    for run in runs:
        if run["partition_key"] == day.isoformat() and run["run_type"] == kind:
            return dict(run)
    return None


def ended(airflow: Airflow, day: date, kind: str) -> str:
    """Return the state in which the run of a date ended, once it has."""
    found = wait_for(
        f"the end of the {kind} run of {day}",
        lambda: (
            (run := run_of(airflow, day, kind))
            and run["state"] in {"success", "failed"}
            and run["state"]
        ),
    )
    return str(found)


def task_states(airflow: Airflow, run_id: str) -> dict[str, str | None]:
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances?limit=100"
    rows = airflow.ask("GET", path)["task_instances"]
    return {row["task_id"]: row["state"] for row in rows}


def airflow_command(home: Home, *words: str) -> str:
    """Run `airflow` beside the running one, as its page says; return its words."""
    embedded = f"{sys.executable} -m dags.embedded environment"
    airflow = Path(sys.executable).with_name("airflow")
    done = subprocess.run(
        ["bash", "-c", f'eval "$({embedded})"; exec {airflow} "$@"', "-", *words],
        env=home.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_night_in_airflow_ends_in_an_edition_and_leaves_nothing_running(
    bank: LiveBank,
) -> None:
    day = str(bank.days[0])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dags.embedded", "nights"),
            *("--from", day, "--to", day),
        ],
        env=bank.home.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 nights succeeded" in done.stdout
    assert bank.loaded() == {day}
    assert living(bank.home) == []
    assert bank.alerts == ""
    assert not (bank.home.root.with_name("user") / "airflow").exists()


def test_a_night_waits_without_a_worker_while_a_backfill_goes_on_and_is_told_late(
    bank: LiveBank,
) -> None:
    first, by_command, _, night = bank.days
    with airflow_up(bank.home) as (airflow, _process):
        airflow_command(
            bank.home,
            *("backfill", "create", "--dag-id", DAG_ID, "--max-active-runs", "1"),
            *("--from-date", str(by_command), "--to-date", str(by_command)),
        )
        # With a run behind it, the schedule is due for the night that is over.
        run = wait_for("the scheduled run", lambda: run_of(airflow, night, "scheduled"))
        wait_for(
            "the wait to be deferred",
            lambda: (
                task_states(airflow, run["dag_run_id"])[f"wait_{LATE}"] == "deferred"
            ),
        )
        assert ended(airflow, by_command, "backfill") == "success"
        assert bank.loaded() == {str(first), str(by_command)}

        states = task_states(airflow, run["dag_run_id"])
        assert states[f"wait_{LATE}"] == "deferred"
        assert states["check_core_banking"] == "success"
        assert living(bank.home, f"land {LATE}") == []
        assert f"{night} the night is late" in bank.alerts

        contract = Path(bank.home.environment["PASSBOOK_CONTRACTS"])
        path = contract / f"{LATE}.odcs.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"23:59"', '"04:00"'), encoding="utf-8")
        assert ended(airflow, night, "scheduled") == "failed"
        states = task_states(airflow, run["dag_run_id"])
        assert states[f"wait_{LATE}"] == "success"
        assert states[f"land_{LATE}"] == "failed"
        assert states["publish"] == "upstream_failed"
        assert f"{night} land_{LATE} failed: {LATE}.transactions" in bank.alerts
        assert f"clear 'land_{LATE}' and what follows it" in bank.alerts
        assert str(night) not in bank.loaded()

        bank.bring()
        cleared = {
            "dry_run": False,
            "dag_run_id": run["dag_run_id"],
            "task_ids": [f"land_{LATE}"],
            "include_downstream": True,
            "only_failed": False,
        }
        airflow.ask("POST", f"/dags/{DAG_ID}/clearTaskInstances", cleared)
        wait_for(
            "the cleared run to go on",
            lambda: run_of(airflow, night, "scheduled")["state"] != "failed",  # type: ignore[index]
        )
        assert ended(airflow, night, "scheduled") == "success"
        assert bank.loaded() == {str(first), str(by_command), str(night)}


def test_a_backfilled_night_whose_scheduler_is_killed_ends_after_the_next_start(
    bank: LiveBank,
) -> None:
    day = bank.days[2]
    with airflow_up(bank.home) as (airflow, process):
        backfill = {
            "dag_id": DAG_ID,
            "from_date": f"{day}T00:00:00Z",
            "to_date": f"{day}T00:00:00Z",
            "max_active_runs": 1,
            "reprocess_behavior": "completed",
        }
        airflow.ask("POST", "/backfills", backfill)
        wait_for("the build", lambda: living(bank.home, "--skip-landing"))
        (scheduler,) = [
            p
            for p in living(bank.home, "quick_airflow scheduler")
            if (parent := p.parent()) and parent.pid == process.pid
        ]
        os.kill(scheduler.pid, signal.SIGKILL)
        assert process.wait(timeout=60) == 2
    before = bank.loaded()
    assert str(day) not in before

    with airflow_up(bank.home) as (airflow, _):
        assert ended(airflow, day, "backfill") == "success"
    assert bank.loaded() == {str(d) for d in bank.days}


def test_after_all_of_it_the_bank_is_as_one_loaded_in_peace(bank: LiveBank) -> None:
    peace = replace(bank.home, root=bank.home.root.with_name("peace"))
    span = ("--from", str(bank.days[0]), "--to", str(bank.days[-1]))
    peace.must("backfill", *span)
    differing = differing_tables(peace, bank.home)
    # The contract was changed meanwhile, and with it what landings say they are from.
    assert [name for name in differing if not name.startswith("ops.")] == []
