"""The DuckDB that rules are put to, through Great Expectations and in plain SQL."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.identifiers import quoted

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult

# Counts are enough, and no value of a customer gets into a result that is kept.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Database:
    """One open database; its one connection is what Great Expectations uses too."""

    source: Any

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows that a statement answers with."""
        with self.source.get_execution_engine().engine.connect() as connection:
            # As the driver takes it: SQLAlchemy would read `:word` as a parameter.
            result = connection.exec_driver_sql(sql)
            if not result.returns_rows:
                return []
            return [tuple(row) for row in result.fetchall()]

    def columns(self, relation: str) -> list[str]:
        """Return the names of a relation's columns."""
        return [str(row[0]) for row in self.rows(f"describe select * from {relation}")]

    @contextmanager
    def copied(self, relation: str, columns: list[str]) -> Iterator[str]:
        """Give a temporary table of a relation's rows, gone afterwards.

        A view would be computed again for each rule.
        """
        listed = ", ".join(quoted(name) for name in columns)
        self.rows(f"create temp table checked as select {listed} from {relation}")
        try:
            yield "temp.checked"
        finally:
            self.rows("drop table temp.checked")

    def validate(
        self, relation: str, suite: ExpectationSuite
    ) -> ExpectationSuiteValidationResult:
        """Return what became of each expectation of a suite, put to a relation."""
        name = suite.name
        asset = self.source.add_query_asset(name, query=f"select * from {relation}")
        batch = asset.add_batch_definition_whole_table(name).get_batch()
        result: ExpectationSuiteValidationResult = batch.validate(
            suite, result_format=_RESULT_FORMAT
        )
        return result


def prepare() -> None:
    """Import Great Expectations: it takes seconds, and no check is timed by it."""
    _context()


@contextmanager
def open_database(file: Path | None, folder: Path) -> Iterator[Database]:
    """Open a file read-only, or an empty database in memory; closed afterwards.

    What does not fit into memory spills under `folder`, and is gone afterwards.
    """
    spill = folder / f".spill-{uuid.uuid4().hex}"
    context = _context()
    name = f"source {spill.name}"
    source = context.data_sources.add_sql(
        name,
        connection_string=f"duckdb:///{file if file else ':memory:'}",
        kwargs=_engine_arguments(file, spill),
    )
    try:
        yield Database(source)
    finally:
        source.get_execution_engine().engine.dispose()
        source.get_engine().dispose()
        context.data_sources.delete(name)
        shutil.rmtree(spill, ignore_errors=True)


def _engine_arguments(file: Path | None, spill: Path) -> dict[str, Any]:
    from sqlalchemy.pool import StaticPool

    return {
        "isolation_level": "AUTOCOMMIT",
        "skip_autocommit_rollback": True,
        "poolclass": StaticPool,
        "connect_args": {
            "read_only": file is not None,
            "config": {
                "temp_directory": str(spill),
                # A missing extension is an error here, not a download.
                "autoinstall_known_extensions": False,
            },
        },
    }


@cache
def _context() -> Any:
    """Return the one context of this process: in memory, silent, without a network."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    # The defaults would make a folder for a documentation site.
    stores = base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = base.DataContextConfig(store_backend_defaults=stores)
    context: Any = gx.get_context(mode="ephemeral", project_config=config)
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False}
    return context
