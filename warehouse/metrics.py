"""The figures that everyone quotes, answered from the one place that defines them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.errors import SettingsError
from ingestion.identifiers import text_literal
from ingestion.sessions import in_memory
from warehouse.bank import Bank
from warehouse.editions import METRICS

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine

GRAINS = ("day", "week", "month", "quarter", "year")
_TIME = "metric_time"


@dataclass(frozen=True)
class Question:
    """Metrics by dimensions, from a day on and to a day, both included.

    What is known by the month alone is that of all months that the days lie in.
    """

    metrics: Sequence[str]
    by: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


class Metrics:
    """The metrics of the current edition, as they were defined when it was built."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._database = bank.editions.published_database()
        path = self._database.with_name(METRICS)
        if not path.is_file():
            raise SettingsError(
                bank.editions.published().id,
                "was built before it had metrics",
                remedy="Run: passbook night --date DATE --skip-landing",
            )
        manifest = path.read_text(encoding="utf-8")
        self._defined = {m["name"]: m for m in json.loads(manifest)["metrics"]}
        self._engine = _engine_of(manifest)

    def all(self) -> list[dict[str, Any]]:
        """Return each metric: its name, its unit, what it is, what it goes by."""
        return [
            {
                "metric": name,
                "unit": _unit(metric),
                "description": metric["description"],
                "by": ", ".join(sorted(self._dimensions([name]))),
            }
            for name, metric in self._defined.items()
        ]

    def sql(self, question: Question) -> str:
        """Return the query that answers a question.

        Raises:
            SettingsError: There is no such metric, or it does not go by that.
        """
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
        from metricflow_semantics.errors.error_classes import InvalidQueryException

        by = self._resolved(question)
        request = MetricFlowQueryRequest.create(
            metric_names=list(dict.fromkeys(question.metrics)),
            group_by_names=by,
            order_by_names=by,
            time_constraint_start=question.since,
            time_constraint_end=question.until,
        )
        try:
            return self._engine.explain(request).sql_statement.without_descriptions.sql
        except InvalidQueryException as error:
            raise SettingsError(
                ", ".join(question.metrics),
                f"cannot be told by {', '.join(question.by)}",
                found=" ".join(str(error).split())[:300],
                remedy="See what each goes by: passbook metric",
            ) from None

    def answer(self, question: Question) -> list[dict[str, Any]]:
        """Return the figures, a row a group, in order of the groups.

        Where one is an amount, `currency_code` says in which currency.

        Raises:
            SettingsError: There is no such metric, or it does not go by that.
        """
        query = self.sql(question)
        currency = {}
        with in_memory(self._bank.settings.home / "spill") as connection:
            path = text_literal(str(self._database))
            connection.execute(f"attach {path} as bank (read_only)")
            if any(_unit(self._defined[m]) == "currency" for m in question.metrics):
                currency = {"currency_code": _currency(connection)}
            cursor = connection.execute(query)
            names = [d[0].rsplit("__", 1)[-1] for d in cursor.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in rows:
            row.update({g: row[g].date() for g in GRAINS if g in row} | currency)
        return rows

    def _resolved(self, question: Question) -> list[str]:
        """Return the full names of what a question goes by."""
        if not question.metrics:
            raise SettingsError(
                "metric", "no metric was named", remedy="See them all: passbook metric"
            )
        if question.since and question.until and question.since > question.until:
            raise SettingsError(
                "metric",
                "the span ends before it begins",
                expected="--from to be no later than --to",
                found=f"{question.since:%Y-%m-%d} and {question.until:%Y-%m-%d}",
            )
        for metric in question.metrics:
            if metric not in self._defined:
                raise _unknown(metric, "is no metric", self._defined)
        known = self._dimensions(question.metrics)
        for word in question.by:
            if word not in known:
                told = f"is nothing that {', '.join(question.metrics)} go by"
                raise _unknown(word, told, known)
        return [known[word] for word in dict.fromkeys(question.by)]

    def _dimensions(self, metrics: Sequence[str]) -> dict[str, str]:
        """Return what all of some metrics go by: the word for it, and its full name."""
        each = [self._dimensions_of(metric) for metric in metrics]
        return {
            word: name for word, name in each[0].items() if all(word in e for e in each)
        }

    def _dimensions_of(self, metric: str) -> dict[str, str]:
        # A dimension of time is the metric's own time under another name: day, or the
        # shortest that it has, and what is longer stand for it.
        found = self._engine.simple_dimensions_for_metrics([metric])
        grains = {d.type_params.time_granularity.value for d in found if d.type_params}
        shortest = max((GRAINS.index(grain) for grain in grains), default=0)
        times = {grain: f"{_TIME}__{grain}" for grain in GRAINS[shortest:]}
        return times | {
            d.dunder_name.rsplit("__", 1)[-1]: d.dunder_name
            for d in found
            if not d.type_params
        }


def _engine_of(manifest: str) -> MetricFlowEngine:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import (
        SemanticManifestLookup,
    )

    parsed = parse_manifest_from_dbt_generated_manifest(manifest)
    return MetricFlowEngine(SemanticManifestLookup(parsed), _duckdb_dialect())


def _duckdb_dialect() -> Any:
    """Return what the engine asks of a connection when it only writes a query."""
    from types import SimpleNamespace

    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

    return SimpleNamespace(
        sql_engine_type=SqlEngine.DUCKDB, sql_plan_renderer=DuckDbSqlPlanRenderer()
    )


def _unit(metric: dict[str, Any]) -> str:
    return str(metric["config"]["meta"]["unit"])


def _currency(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute("select currency_code from bank.ops.build").fetchall()
    return str(rows[0][0])


def _unknown(word: str, told: str, known: dict[str, Any]) -> SettingsError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return SettingsError(
        word,
        told,
        expected=f"one of {', '.join(sorted(known))}",
        found=f"the nearest is {near[0]!r}" if near else None,
        remedy="See them all: passbook metric",
    )
