"""The nights of some business dates, run in order by Airflow's scheduler."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from dags.night_settings import NightSettings

DAG_ID = "customer_warehouse_nightly"
POLL_SECONDS = 0.5
UP_WITHIN_SECONDS = 120.0
ANSWER_WITHIN_SECONDS = 30.0
TASK_ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
RUN_ENDED = frozenset({"success", "failed"})


class NotUpError(Exception):
    """Airflow did not come up, or does not know the DAG."""


@dataclass
class Airflow:
    """Airflow's public API on this machine."""

    url: str
    _token: str = field(default="", repr=False)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer to one call.

        Raises:
            urllib.error.URLError: The server is not there or refuses.
        """
        if not self._token:
            self._token = self._call("GET", "/auth/token", None)["access_token"]
        return self._call(method, f"/api/v2{path}", body)

    def warm_up(self) -> None:
        """Have the part that tasks talk to built now, not by the first task.

        It takes seconds, in which the other processes are still starting.
        """
        self._call("GET", "/execution/health", None)

    def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self._token}",
            },
        )
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as answer:
            return json.load(answer)


@dataclass(frozen=True)
class Task:
    """How one task of a night ended."""

    name: str
    state: str
    seconds: float
    try_number: int


def dates_between(first: date, last: date) -> Iterator[date]:
    """Yield each date from the first to the last, both included."""
    for days in range((last - first).days + 1):
        yield first + timedelta(days=days)


def wait_until_up(airflow: Airflow, check: Callable[[], None]) -> None:
    """Return when Airflow answers and knows the DAG.

    `check` is called at each look and may raise.

    Raises:
        NotUpError: The DAG could not be imported, or nothing answered in time.
    """
    deadline = time.monotonic() + UP_WITHIN_SECONDS
    while time.monotonic() < deadline:
        check()
        try:
            airflow.warm_up()
            airflow.ask("GET", f"/dags/{DAG_ID}")
            return
        except urllib.error.HTTPError:
            raise_import_errors(airflow)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(POLL_SECONDS)
    raise NotUpError(f"Airflow did not come up within {UP_WITHIN_SECONDS:.0f} seconds")


def raise_import_errors(airflow: Airflow) -> None:
    """Raise NotUpError with the last line of the DAG file's error, if there is one."""
    errors = airflow.ask("GET", "/importErrors")["import_errors"]
    if errors:
        last_line = errors[0]["stack_trace"].strip().splitlines()[-1]
        raise NotUpError(f"{errors[0]['filename']} cannot be imported: {last_line}")


def end_run(airflow: Airflow, run_id: str) -> None:
    """Mark a run as failed, so that no later Airflow takes it up by itself."""
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}"
    with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
        airflow.ask("PATCH", path, {"state": "failed"})


def end_leftovers(airflow: Airflow) -> None:
    """Mark as failed what an earlier, killed Airflow left unfinished.

    Otherwise it would wait for a slot, or hold one, before the nights asked for.
    """
    path = f"/dags/{DAG_ID}/dagRuns"
    left = airflow.ask("GET", f"{path}?state=running&state=queued")["dag_runs"]
    for run in left:
        end_run(airflow, run["dag_run_id"])


def start_night(airflow: Airflow, business_date: date) -> str:
    """Have the scheduler run the night of a date; return the run's id."""
    now = datetime.now().astimezone()
    run_id = f"nights__{business_date}__{now:%Y%m%dT%H%M%S}"
    airflow.ask(
        "POST",
        f"/dags/{DAG_ID}/dagRuns",
        {
            "dag_run_id": run_id,
            "logical_date": None,
            "partition_key": business_date.isoformat(),
        },
    )
    return run_id


def tasks_of(airflow: Airflow, run_id: str) -> list[Task]:
    """Return the tasks of a run that have ended, in the order of their ends."""
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances?limit=100"
    rows = airflow.ask("GET", path)["task_instances"]
    ended = [row for row in rows if row["state"] in TASK_ENDED]
    ended.sort(key=lambda row: row["end_date"] or "")
    return [
        Task(row["task_id"], row["state"], row["duration"] or 0.0, row["try_number"])
        for row in ended
    ]


def task_log(of: NightSettings, run_id: str, task: Task) -> Path:
    """Return where Airflow keeps the log of a task's last try."""
    folder = of.airflow_home / "logs" / f"dag_id={DAG_ID}" / f"run_id={run_id}"
    return folder / f"task_id={task.name}" / f"attempt={task.try_number}.log"


def error_in(log: Path) -> str:
    """Return the error that a task's log ends with, on one line."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for line in reversed(lines):
        try:
            details = json.loads(line).get("error_detail")
        except ValueError:
            continue
        if details:
            return " ".join(str(details[0]["exc_value"]).split())
    return "it left no error in its log"


def explain(of: NightSettings, run_id: str, task: Task) -> str:
    """Return what to print for a task that ended: one line, three if it failed."""
    line = f"  {task.name:<28} {task.state:<16} {task.seconds:6.1f} s"
    if task.state != "failed":
        return line
    log = task_log(of, run_id, task)
    return f"{line}\n      {error_in(log)}\n      log: {log}"


def run_night(
    airflow: Airflow, of: NightSettings, business_date: date, check: Callable[[], None]
) -> bool:
    """Run one night to its end, print its progress, return whether it succeeded."""
    began = time.monotonic()
    print(f"{business_date}  night begins", flush=True)
    run_id = start_night(airflow, business_date)
    try:
        state = follow(airflow, of, run_id, check)
    except KeyboardInterrupt:
        end_run(airflow, run_id)
        raise
    seconds = time.monotonic() - began
    print(f"{business_date}  {state} in {seconds:.1f} s", flush=True)
    return state == "success"


def follow(
    airflow: Airflow, of: NightSettings, run_id: str, check: Callable[[], None]
) -> str:
    """Print each task of a run as it ends; return the state of the run at its end."""
    told: set[str] = set()
    while True:
        check()
        state = airflow.ask("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}")["state"]
        for task in tasks_of(airflow, run_id):
            if task.name not in told:
                print(explain(of, run_id, task), flush=True)
                told.add(task.name)
        if state in RUN_ENDED:
            return str(state)
        time.sleep(POLL_SECONDS)
