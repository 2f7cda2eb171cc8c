"""The attrition verbs: train a model on the current edition, and use it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from ingestion.errors import SettingsError
from warehouse.attrition import Trained, read_panel, train
from warehouse.attrition_model import AttritionModel, load_attrition_model
from warehouse.bank import Bank
from warehouse.identity_runs import current_edition
from warehouse.shelf import MODEL


def train_model(bank: Bank) -> tuple[Trained, Path]:
    """Train a model on the current edition's months and save it; return its folder.

    It is the bank's from the moment that `use_model` says so.

    Raises:
        SettingsError: There is no edition, or too little history in it.
    """
    with current_edition(bank) as connection:
        as_of = connection.execute("select as_of_date from ops.build").fetchall()[0][0]
        try:
            panel = read_panel(connection)
        except duckdb.CatalogException as error:
            raise _of_earlier_code(as_of) from error
    trained = train(panel, f"edition of {as_of}")
    folder = bank.attrition_models.folder / trained.model.version
    trained.model.save(folder / MODEL)
    trained.save_charts(folder)
    return trained, folder


def _of_earlier_code(as_of: date) -> SettingsError:
    return SettingsError(
        f"edition of {as_of}",
        "was built before there was a forecast to train",
        remedy=f"Run: passbook night --date {as_of} --skip-landing",
    )


def use_model(bank: Bank, version: str) -> AttritionModel | None:
    """Make a saved model the bank's from the next build on; `none` leaves the rule.

    Raises:
        SettingsError: There is no such model, or its file is none.
    """
    if version == "none":
        bank.attrition_models.drop()
        return None
    model = load_attrition_model(bank.attrition_models.path(version))
    bank.attrition_models.use(version)
    return model
