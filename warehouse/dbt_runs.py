"""Runs dbt in this process, on one candidate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ingestion.errors import BuildFailed, GateStopped
from warehouse.bank import DBT_PROJECT, Bank

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner, dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

_SELECTIONS = {
    "before_identity": ["--select", "tag:before_identity", "+tag:before_identity"],
    "after_identity": ["--exclude", "tag:before_identity", "+tag:before_identity"],
}


class DbtRuns:
    """The dbt runs of one candidate; the project is parsed once."""

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
        self._parsed: dbtRunner | None = None

    @property
    def semantic_manifest(self) -> Path:
        """What dbt wrote of the project's metrics when it parsed it."""
        return self._folder / "target" / "semantic_manifest.json"

    @property
    def manifest(self) -> Path:
        """What dbt wrote of the project when it parsed it: models, what they read."""
        return self._folder / "target" / "manifest.json"

    @property
    def run_results(self) -> Path:
        """What dbt wrote of its last run: each model and its time."""
        return self._folder / "target" / "run_results.json"

    def seed(self) -> None:
        """Load the policies."""
        self._hold(self._invoke(["seed", "--full-refresh"]))

    def run(self, part: str) -> None:
        """Run the models before or after the identity step.

        Raises:
            BuildFailed: A model failed.
        """
        self._hold(self._invoke(["run", *_SELECTIONS[part]]))

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
            self._hold(self._invoke(["run", "--full-refresh", "--select", *models]))

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

    def _invoke(self, arguments: list[str]) -> dbtRunnerResult:
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
            self._variables,
            "--no-send-anonymous-usage-stats",
            "--log-level",
            "none",
            "--log-level-file",
            "info",
            "--no-version-check",
        ]
        if self._parsed is None:
            self._parsed = dbtRunner()
            parsed = self._parsed.invoke(["parse", *common])
            self._hold(parsed)
            self._parsed = dbtRunner(manifest=cast("Manifest", parsed.result))
        try:
            return self._parsed.invoke([*arguments, *common])
        finally:
            _close_database()

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


def _close_database() -> None:
    """Let go of the candidate, which dbt else keeps open until the process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager.env().close()
        DuckDBConnectionManager.close_all_connections()


def _line(result: Any) -> str:
    message = " ".join(str(result.message or "").split())
    return f"{result.node.name}: {message[:300]}"
