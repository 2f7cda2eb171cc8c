"""One readable line, in one file, for each thing that a person must look at."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dags.command import passbook
from dags.night_settings import night_settings

if TYPE_CHECKING:
    from airflow.sdk import Context


def append_once(path: Path, said_at: str, line: str) -> None:
    """Add a line to the file unless its last one already says the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = (file.read().splitlines() or [""])[-1]
        if not last.endswith(line):
            file.write(f"{said_at}  {line}\n")


def tell(line: str) -> None:
    """Add a line to the bank's alerts, stamped in the bank's time."""
    now = datetime.now(ZoneInfo(night_settings().timezone))
    one_line = " ".join(line.split())
    append_once(night_settings().alerts, f"{now:%Y-%m-%d %H:%M:%S %z}", one_line)


def pass_on(line: str) -> None:
    """Have a line delivered to those who wait for one, if anybody does."""
    if night_settings().is_told:
        # What cannot be delivered the command writes into the ledger.
        subprocess.run([passbook(), "notify", line], check=False, timeout=60)


def tell_failure(context: Context) -> None:
    """Say which task of which business date failed, why, and what to do."""
    task = context["task_instance"].task_id
    run = context["dag_run"]
    why = context.get("exception") or "see the task's log"
    if not run.partition_key:
        tell(f"run {run.run_id} failed: {why}")
        return
    tell(
        f"{run.partition_key} {task} failed: {why} | To do: put right what is named"
        f" here, then run {run.partition_key} again, or clear '{task}' and what follows"
        f" it in run '{run.run_id}'"
    )
    # The night itself tells how it ended, unless somebody stopped it.
    if task != "publish" or "stopped by signal" in str(why):
        pass_on(f"{run.partition_key}: {task} failed: {why}")


async def tell_late(context: dict[str, Any] | None = None) -> None:
    """Say that a scheduled night is not published when people start to need it."""
    run = (context or {}).get("dag_run", {})
    # A backfill queues all its nights at once; the last may rightly take days.
    if run.get("run_type") != "scheduled":
        return
    tell(
        f"{run.get('partition_key')} the night is late: nothing was published in time"
        f" | To do: see in run '{run.get('dag_run_id')}' which task is not done yet"
    )
    late = f"{run.get('partition_key')}: the night is late: nothing was published"
    await asyncio.to_thread(pass_on, late)
