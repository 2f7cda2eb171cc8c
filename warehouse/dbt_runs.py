"""Runs dbt in this process, on one candidate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ingestion.errors import BuildFailed, GateStopped
from warehouse.bank import DBT_PROJECT, Bank
from warehouse.editions import DATABASE

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

_LOG_BYTES = 10 * 1024 * 1024
_UNTOLD = frozenset({"debug", "test"})
# Parsing opens no database; of the file's name, dbt makes that of the database.
_NO_CANDIDATE = json.dumps({"candidate_path": DATABASE})
_SELECTIONS = {
    "before_identity": ["--select", "tag:before_identity", "+tag:before_identity"],
    "after_identity": ["--exclude", "tag:before_identity", "+tag:before_identity"],
}


@dataclass(frozen=True)
class ModelRun:
    """One model that a run has built: its table, the tables it read, and when.

    It begins with being compiled; times are UTC.
    """

    name: str
    table: str
    read: tuple[str, ...]
    began: datetime
    ended: datetime


class DbtRuns:
    """The dbt runs of one candidate; the project is parsed once.

    What dbt parsed is kept in the data folder, and a later candidate parses those
    files alone that have changed.
    """

    def __init__(self, bank: Bank, database: Path, as_of: date) -> None:
        self._folder = bank.settings.home / "dbt"
        self._variables = json.dumps(
            {
                "as_of_date": as_of.isoformat(),
                "timezone": bank.settings.timezone,
                "currency_code": bank.settings.currency,
                "candidate_path": str(database),
                "memory": bank.settings.memory,
                "threads": bank.settings.threads,
            }
        )
        self._as_of = as_of
        self._parsed: Manifest | None = None
        self._built: list[ModelRun] = []

    @property
    def built(self) -> Sequence[ModelRun]:
        """Every model that was built so far, in order."""
        return tuple(self._built)

    def write_metrics(self, path: Path) -> None:
        """Write the project's metrics as dbt's semantic manifest."""
        from dbt.contracts.graph.semantic_manifest import SemanticManifest

        SemanticManifest(self._project()).write_json_to_file(str(path))

    def seed(self) -> None:
        """Load the policies."""
        self._hold(self._invoke(["seed", "--full-refresh"]))

    def run(self, part: str) -> None:
        """Run the models before or after the identity step.

        Raises:
            BuildFailed: A model failed.
        """
        self._run(_SELECTIONS[part])

    def read_before_identity(self, seeds: Sequence[str]) -> list[str]:
        """Return those policies that a model before the identity step goes by."""
        return [s for s in seeds if self._models(f"{s}+,tag:before_identity")]

    def run_after(self, seeds: Sequence[str]) -> None:
        """Compute anew every model that goes by these policies.

        Raises:
            BuildFailed: A model failed.
        """
        due = [f"{seed}+" for seed in seeds]
        models = self._models(*due)
        if models:
            self._run(["--full-refresh", "--select", *models])

    def _run(self, selection: Sequence[str]) -> None:
        done = self._invoke(["run", *selection])
        self._hold(done)
        results: Any = getattr(done.result, "results", None) or []
        project = self._project()
        known = {**project.sources, **project.nodes}
        tables = {key: f"{n.schema}.{n.identifier}" for key, n in known.items()}
        self._built += [_model_run(result, tables) for result in results]

    def test_policies(self, seeds: Sequence[str]) -> int:
        """Run the data tests of these policies alone; return how many there are.

        Raises:
            GateStopped: A test failed.
        """
        return self._tested(["--select", *seeds], may_be_none=True)

    def _models(self, *selections: str) -> list[str]:
        found = self._invoke(
            [
                *("list", "--resource-type", "model", "--output", "name", "--quiet"),
                *("--select", *selections),
            ]
        )
        self._hold(found)
        return [str(name) for name in cast("list[str]", found.result)]

    def test(self) -> int:
        """Run every data test; return how many there are.

        Raises:
            GateStopped: A test failed, or there is none.
        """
        return self._tested([])

    def _tested(self, selection: list[str], *, may_be_none: bool = False) -> int:
        result = self._invoke(
            ["test", "--exclude-resource-type", "unit_test", *selection]
        )
        tests = getattr(result.result, "results", None) or []
        failed = [t for t in tests if t.status in {"fail", "error"}]
        if failed or not (tests or may_be_none) or result.exception:
            names = "; ".join(_line(t) for t in failed[:5]) or str(result.exception)
            raise GateStopped(
                f"edition of {self._as_of}",
                f"{len(failed)} of {len(tests)} data tests failed: {names}",
                remedy="The current edition stays. See dbt/logs/dbt.log.",
            )
        return len(tests)

    def _project(self) -> Manifest:
        """Return the parsed project.

        It knows nothing of a candidate but what its file is called: with variables of
        one night, nothing that was parsed before would do for the next.
        """
        if self._parsed is None:
            parsed = self._dbt(["parse"], _NO_CANDIDATE)
            self._hold(parsed)
            self._parsed = cast("Manifest", parsed.result)
        return self._parsed

    def _invoke(self, arguments: list[str]) -> dbtRunnerResult:
        project = self._project()
        try:
            return self._dbt(arguments, self._variables, project)
        finally:
            _close_database()

    def _dbt(
        self, arguments: list[str], variables: str, project: Manifest | None = None
    ) -> dbtRunnerResult:
        from dbt.cli.main import dbtRunner

        common = [
            "--project-dir",
            str(DBT_PROJECT),
            "--profiles-dir",
            str(DBT_PROJECT),
            "--target-path",
            str(self._folder / "target"),
            "--log-path",
            str(self._folder / "logs"),
            "--vars",
            variables,
            # The results are taken from memory.
            "--no-write-json",
            "--no-send-anonymous-usage-stats",
            "--log-level",
            "none",
            # `_log` writes it: dbt's own formats thousands of lines that it then drops.
            "--log-level-file",
            "none",
            "--no-version-check",
        ]
        with _log(self._folder / "logs") as log:
            return dbtRunner(project, callbacks=[log]).invoke([*arguments, *common])

    def _hold(self, result: dbtRunnerResult) -> None:
        if result.success:
            return
        results: Any = getattr(result.result, "results", None) or []
        failed = [r for r in results if r.status in {"error", "fail"}]
        lines = "; ".join(_line(r) for r in failed[:3]) or str(result.exception)
        raise BuildFailed(
            f"edition of {self._as_of}",
            f"dbt stopped: {lines}",
            remedy="The current edition stays. See dbt/logs/dbt.log.",
        )


@contextmanager
def _log(folder: Path) -> Iterator[Callable[[EventMsg], None]]:
    """Give what writes dbt's weightier events to `dbt.log`; a full one is put by."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dbt.log"
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    with path.open("a", encoding="utf-8") as stream:

        def write(event: EventMsg) -> None:
            info: Any = event.info
            # dbt keeps what it calls back until its next run.
            if info.level not in _UNTOLD and not stream.closed:
                stream.write(f"{info.ts.ToJsonString()} {info.level} {info.msg}\n")

        yield write


def _close_database() -> None:
    """Let go of the candidate, which dbt else keeps open until the process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager.env().close()
        DuckDBConnectionManager.close_all_connections()


def _model_run(result: Any, tables: Mapping[str, str]) -> ModelRun:
    node = result.node
    return ModelRun(
        node.name,
        tables[node.unique_id],
        tuple(tables[key] for key in node.depends_on_nodes if key in tables),
        min(t.started_at for t in result.timing).replace(tzinfo=UTC),
        max(t.completed_at for t in result.timing).replace(tzinfo=UTC),
    )


def _line(result: Any) -> str:
    message = " ".join(str(result.message or "").split())
    return f"{result.node.name}: {message[:300]}"
