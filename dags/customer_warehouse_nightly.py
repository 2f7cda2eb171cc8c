"""The night: every channel waits, lands and is checked; then one edition is published.

The run's partition key is the business date. A new contract file is a new channel.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import (  # type: ignore[attr-defined]
    DAG,
    AsyncCallback,
    CronPartitionTimetable,
    DeadlineAlert,
    DeadlineReference,
    TaskGroup,
)

from dags.alerts import tell_failure, tell_late
from dags.command import PassbookCommand
from dags.night_settings import night_settings
from dags.waiting import WaitForChannel

BUSINESS_DATE = "{{ dag_run.partition_key or '' }}"
DATE = ["--date", BUSINESS_DATE]
# A restart of the machine costs a try, and so may the first minute after it, in which
# parts of Airflow wait for each other. What a try cannot heal fails at the first.
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=20)}


def land_and_check(channel: str) -> PassbookCommand:
    """Return the last of a channel's tasks: its wait, its landing, its check."""
    wait = WaitForChannel(
        task_id=f"wait_{channel}", channel=channel, business_date=BUSINESS_DATE
    )
    land = PassbookCommand(
        task_id=f"land_{channel}", arguments=["land", channel, *DATE], **RETRIES
    )
    check = PassbookCommand(
        task_id=f"check_{channel}", arguments=["check", channel, *DATE], **RETRIES
    )
    wait >> land >> check
    return check


with DAG(
    dag_id=Path(__file__).stem,
    description="From the channels' extracts of one business date to an edition",
    schedule=CronPartitionTimetable(
        "0 0 * * *",
        timezone=night_settings().timezone,
        run_offset=-1,
        key_format="%Y-%m-%d",
    ),
    start_date=None,
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"on_failure_callback": tell_failure, "do_xcom_push": False},
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=night_settings().late_after,
        callback=AsyncCallback(tell_late),
    ),
    tags=["passbook"],
):
    # Build, gate and publish are one command under one lock: cleared alone, a gate
    # would judge a candidate that another night may since have replaced.
    publish = PassbookCommand(
        task_id="publish", arguments=["night", *DATE, "--skip-landing"], **RETRIES
    )
    for channel in night_settings().channels():
        with TaskGroup(channel, prefix_group_id=False):
            land_and_check(channel) >> publish
