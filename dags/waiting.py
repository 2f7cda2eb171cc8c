"""The wait for a channel's extracts, held by the triggerer and by no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import (
    BaseTrigger,
    StartTriggerArgs,
    TaskSuccessEvent,
    TriggerEvent,
)

from dags.command import by_hand
from dags.night_settings import CONTRACT_SUFFIX, night_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

LOOK_SECONDS = 30.0
NO_BUSINESS_DATE = (
    "this run has no business date; give it as the partition key: POST"
    ' /api/v2/dags/{dag_id}/dagRuns {{"logical_date": null, "partition_key":'
    ' "2026-03-01"}}, or: airflow backfill create --dag-id {dag_id} --from-date'
    " 2026-03-01 --to-date 2026-03-01 --max-active-runs 1"
)


def cut_off(wait_until: str, business_date: date, zone: tzinfo) -> datetime:
    """Return when a feed is no longer waited for: a time of the day after its date."""
    day_after = business_date + timedelta(days=1)
    return datetime.combine(day_after, time.fromisoformat(wait_until), zone)


def awaited_feeds(channel: str, business_date: date, now: datetime) -> list[str]:
    """Return the channel's feeds that are not complete and may still come.

    Raises:
        PassbookError: The channel has no contract that can be used.
    """
    # Here and not above: the DAG file is read for every task, and only the
    # triggerer, which lives long, needs contracts.
    from ingestion.contract import load_contract
    from ingestion.extract import is_complete

    settings = night_settings()
    contract = load_contract(settings.contracts / f"{channel}{CONTRACT_SUFFIX}")
    zone = ZoneInfo(settings.timezone)
    return [
        feed.name
        for feed in contract.feeds
        if now < cut_off(feed.delivery.wait_until, business_date, zone)
        and not is_complete(feed, settings.extracts, business_date)
    ]


def whats_awaited(channel: str, business_date: date) -> list[str]:
    """Return the feeds still worth waiting for; none if the contract is unusable.

    Landing meets the same contract a moment later and says in full what is wrong.
    """
    from ingestion.errors import PassbookError

    now = datetime.now(ZoneInfo(night_settings().timezone))
    try:
        return awaited_feeds(channel, business_date, now)
    except PassbookError:
        return []


class ChannelReady(BaseTrigger):
    """Ends its task when the channel is complete, or its cut-off has passed."""

    def __init__(self, channel: str, business_date: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.channel = channel
        self.business_date = business_date

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how the triggerer makes this trigger again."""
        return (
            "dags.waiting.ChannelReady",
            {"channel": self.channel, "business_date": self.business_date},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for the channel's control files until the wait is over."""
        if not self.business_date:
            error = {"error": NO_BUSINESS_DATE}
            yield TriggerEvent(error)  # type: ignore[no-untyped-call]
            return
        arguments = ["ready", self.channel, "--date", self.business_date]
        self.log.info("To repeat by hand: %s", by_hand(arguments))
        day = date.fromisoformat(self.business_date)
        told: list[str] = []
        while awaited := await asyncio.to_thread(whats_awaited, self.channel, day):
            if awaited != told:
                self.log.info("Still awaited: %s", ", ".join(awaited))
                told = awaited
            await asyncio.sleep(LOOK_SECONDS)
        self.log.info("Nothing more is awaited of %s", self.channel)
        yield TaskSuccessEvent()


class WaitForChannel(BaseOperator):
    """Succeed when the channel's extracts are complete or no longer waited for.

    It starts in the triggerer: a wait that is over at once costs no worker.
    """

    template_fields: Sequence[str] = ("business_date",)
    start_from_trigger = True

    def __init__(self, *, channel: str, business_date: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.business_date = business_date
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="dags.waiting.ChannelReady",
            next_method="fail_without_date",
            trigger_kwargs={"channel": channel, "business_date": business_date},
        )

    def execute(self, context: Context) -> None:  # noqa: ARG002 (Airflow's signature)
        """Never called: the triggerer begins and ends this task."""
        raise AirflowFailException("the wait must start in the triggerer")

    def fail_without_date(
        self,
        context: Context,  # noqa: ARG002 (Airflow's signature)
        event: dict[str, str],
    ) -> None:
        """Fail with the line that the trigger gave."""
        raise AirflowFailException(event["error"].format(dag_id=self.dag_id))
