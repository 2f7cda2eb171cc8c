"""The dbt project, parsed once for all homes that the tests make."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from benchmarks._sample_nights import open_bank
from tests.integration.bank_runs import built_once
from warehouse.dbt_runs import DbtRuns

PARSED = "DBT_PARTIAL_PARSE_FILE_PATH"


@pytest.fixture(scope="session", autouse=True)
def parsed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what dbt parsed; every process that the tests start goes on from it."""

    def parse(folder: Path) -> None:
        runs = DbtRuns(open_bank(folder), folder / "bank.duckdb", date(2026, 3, 1))
        runs.write_metrics(folder / "metrics.json")

    folder = built_once(tmp_path_factory.getbasetemp(), "parsed_project", parse)
    parsed = folder / "dbt" / "target" / "partial_parse.msgpack"
    os.environ[PARSED] = str(parsed)
    return parsed
