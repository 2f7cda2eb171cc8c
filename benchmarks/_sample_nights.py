"""Sample banks that benchmarks bring forward the product's own way, up to identity."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ingestion.errors import PassbookError
from ingestion.sample import SampleSpec, write_sample_bank
from warehouse.bank import Bank
from warehouse.build import _prepare, believable_partitions, open_candidate
from warehouse.dbt_runs import DbtRuns, ModelRun
from warehouse.night import land_and_check
from warehouse.settings import load_settings


def open_bank(root: Path) -> Bank:
    """Return the bank of a folder, the rest of its settings from the environment."""
    return Bank(load_settings({**os.environ, "PASSBOOK_HOME": str(root)}))


def land_sample(
    bank: Bank, spec: SampleSpec, root: Path, days: Sequence[date] | None = None
) -> None:
    """Write a sample's extracts, and land and check each of its days, or some."""
    extracts = bank.settings.extracts
    write_sample_bank(spec, bank.shipped, extracts, root / "truth", root / "late")
    for day in spec.business_dates if days is None else days:
        try:
            land_and_check(bank, day, lambda _: None)
        except PassbookError as error:
            raise SystemExit(f"the bank did not land: {error}") from error


def model_seconds(models: Sequence[ModelRun]) -> dict[str, float]:
    """Return how long each model took."""
    return {m.name: (m.ended - m.began).total_seconds() for m in models}


def run_until_identity(bank: Bank, database: Path, as_of: date) -> DbtRuns:
    """Bring a candidate forward to the identity step; return its dbt runs."""
    partitions = believable_partitions(bank, as_of)
    with open_candidate(bank, database) as connection:
        _prepare(bank, connection, partitions, as_of, bank.identity_rules)
    runs = DbtRuns(bank, database, as_of)
    runs.seed()
    runs.run("before_identity")
    return runs
