"""OpenLineage events: what each landing, model and edition was made from.

They go to a file of JSON lines, or to a collector where the setting names its address.
What cannot be delivered is logged; the step is as good without it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
)
from openlineage.client.transport import Transport
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

from ingestion.contract import Feed
from ingestion.extract import extract_folder
from warehouse.bank import Bank
from warehouse.dbt_runs import ModelRun
from warehouse.editions import DATABASE, Edition
from warehouse.ledger import Outcome

PRODUCER = "https://passbook.example/warehouse"
# Of the jobs, and of tables, whose names are the same in every edition.
NAMESPACE = "passbook"
FILES = "file"


def tell_landing(bank: Bank, feed: Feed, outcome: Outcome) -> None:
    """Tell which files a landing read and which folder of the lake it wrote."""
    day = datetime.fromisoformat(outcome.business_date).date()
    folder = extract_folder(feed, bank.settings.extracts, day)
    files = outcome.details.get("files", ())
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=outcome.rows_out
    )
    partition = bank.lake.partition(feed, feed.delivery.date_of(day)).parent
    ended = datetime.fromisoformat(outcome.finished_at)
    run = _Run(
        f"land.{feed.id}",
        outcome.business_date,
        ended - timedelta(seconds=outcome.seconds),
        ended,
        inputs=[InputDataset(FILES, str(folder / name)) for name in files],
        outputs=[OutputDataset(FILES, str(partition), {"outputStatistics": written})],
        error="" if outcome.verdict == "landed" else outcome.message,
    )
    _emit(bank, run.events())


def tell_models(bank: Bank, models: Sequence[ModelRun], business_date: str) -> None:
    """Tell which tables each model read, and what it wrote."""
    _emit(bank, _model_events(models, business_date))


def _model_events(models: Sequence[ModelRun], business_date: str) -> Iterator[RunEvent]:
    for model in models:
        yield from _Run(
            f"dbt.{model.name}",
            business_date,
            model.began,
            model.ended,
            inputs=[InputDataset(NAMESPACE, name) for name in model.read],
            outputs=[OutputDataset(NAMESPACE, model.table)],
        ).events()


def tell_publishing(bank: Bank, edition: Edition) -> None:
    """Tell of which edition `current` is since now."""
    now = datetime.now(UTC)
    path = bank.editions.folder(edition.id) / DATABASE
    version = dataset_version_dataset.DatasetVersionDatasetFacet(edition.id)
    run = _Run(
        "publish",
        edition.as_of,
        now,
        now,
        inputs=[InputDataset(NAMESPACE, "mart.customers")],
        outputs=[OutputDataset(FILES, str(path), facets={"version": version})],
    )
    _emit(bank, run.events())


class _Run:
    """One run of a job, as the two events that tell its beginning and its end."""

    def __init__(
        self,
        job: str,
        business_date: str,
        began: datetime,
        ended: datetime,
        *,
        inputs: list[InputDataset],
        outputs: list[OutputDataset],
        error: str = "",
    ) -> None:
        kind = job_type_job.JobTypeJobFacet("BATCH", "PASSBOOK", "TASK")
        self._job = Job(NAMESPACE, job, {"jobType": kind})
        nominal = nominal_time_run.NominalTimeRunFacet(f"{business_date}T00:00:00Z")
        self._run = Run(str(generate_new_uuid()), {"nominalTime": nominal})
        self._began, self._ended = began, ended
        self._inputs, self._outputs = inputs, outputs
        self._error = error

    def events(self) -> Iterator[RunEvent]:
        """Yield the event of the start and the one of the end."""
        yield self._event(RunState.START, self._began)
        if self._error:
            facet = error_message_run.ErrorMessageRunFacet(self._error, "PYTHON")
            self._run.facets = {**(self._run.facets or {}), "errorMessage": facet}
        yield self._event(
            RunState.FAIL if self._error else RunState.COMPLETE, self._ended
        )

    def _event(self, state: RunState, at: datetime) -> RunEvent:
        return RunEvent(
            eventType=state,
            eventTime=at.isoformat(),
            producer=PRODUCER,
            run=self._run,
            job=self._job,
            inputs=self._inputs,
            outputs=self._outputs,
        )


def _transport(target: str) -> Transport:
    if target.startswith(("http://", "https://")):
        return HttpTransport(HttpConfig(url=target, timeout=5.0))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    return FileTransport(FileConfig(log_file_path=target, append=True))


def _emit(bank: Bank, events: Iterator[RunEvent]) -> None:
    try:
        transport = _transport(bank.settings.lineage)
        for event in events:
            transport.emit(event)
        transport.close()
    # The transport is not ours, and nobody's night may fail for it.
    except Exception as error:
        logging.getLogger("passbook").warning("no lineage event sent: %s", error)
