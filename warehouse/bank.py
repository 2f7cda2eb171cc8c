"""The composition root: everything a step needs, made from the settings once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from identity.decisions import Decisions
from identity.model import DEFAULT_MODEL, Rules, load_model
from ingestion.contract import Contract, load_contracts
from ingestion.errors import SettingsError
from ingestion.lake import Lake
from ingestion.tokens import Keys, load_keys
from warehouse.attrition_model import AttritionModel, load_attrition_model
from warehouse.editions import Editions
from warehouse.layout import hold_layout
from warehouse.ledger import Ledger
from warehouse.logs import start_log
from warehouse.settings import PROJECT, Settings, load_settings
from warehouse.shelf import Shelf

SHIPPED_CONTRACTS = PROJECT / "ingestion" / "contracts"
DBT_PROJECT = PROJECT / "dbt_project"
# What a table of an edition is made by, besides the lake: if it changes, an edition
# is built anew instead of being brought forward.
_BUILT_BY = ("dbt_project", "identity", "ingestion/contracts", "warehouse/build")


@dataclass(frozen=True)
class Bank:
    """One bank's warehouse: its settings, contracts, lake, ledger and editions."""

    settings: Settings

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        """The bank's contracts by channel."""
        return load_contracts(self.settings.contracts)

    @cached_property
    def shipped(self) -> dict[str, Contract]:
        """The shipped contracts: the columns that the models read."""
        return load_contracts(SHIPPED_CONTRACTS)

    @property
    def modelled(self) -> dict[str, Contract]:
        """The contract of every channel that the models read: the bank's own first."""
        return {**self.shipped, **self.contracts}

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.home / "lake")

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.settings.home / "ledger")

    @cached_property
    def editions(self) -> Editions:
        """The editions."""
        return Editions(self.settings.home)

    @cached_property
    def keys(self) -> Keys:
        """The bank's secret, made at first use."""
        return load_keys(self.settings.key_file)

    @property
    def linkage_models(self) -> Shelf:
        """The bank's own linkage models."""
        folder = self.settings.home / "identity" / "models"
        return Shelf(folder, "passbook identity train")

    @property
    def attrition_models(self) -> Shelf:
        """The bank's own attrition models."""
        folder = self.settings.home / "attrition" / "models"
        return Shelf(folder, "passbook attrition train")

    @property
    def attrition_model(self) -> AttritionModel | None:
        """The attrition model in use; a bank that trained none has none."""
        own = self.attrition_models.current
        return load_attrition_model(own) if own else None

    @property
    def decisions(self) -> Decisions:
        """What people decided about records."""
        return Decisions(self.settings.home / "identity" / "decisions")

    @property
    def identity_rules(self) -> Rules:
        """What says who is who: the bank's own model or the shipped one, decisions."""
        model = load_model(self.linkage_models.current or DEFAULT_MODEL)
        return Rules(model, tuple(self.decisions.in_force()), self.code_version)

    @cached_property
    def code_version(self) -> str:
        """A digest of all that decides what a table of an edition holds."""
        digest = hashlib.sha256()
        for path in sorted(p for name in _BUILT_BY for p in _files(PROJECT / name)):
            digest.update(path.relative_to(PROJECT).as_posix().encode())
            digest.update(path.read_bytes())
        settings = self.settings
        told = f"{settings.timezone} {settings.country} {settings.currency}"
        digest.update(told.encode())
        return digest.hexdigest()[:16]

    def contract(self, channel: str) -> Contract:
        """Return the contract of a channel.

        Raises:
            SettingsError: No contract names that channel.
        """
        if channel not in self.contracts:
            raise SettingsError(
                channel,
                "is no channel of this bank",
                expected="one of " + ", ".join(self.contracts),
            )
        return self.contracts[channel]


def _files(root: Path) -> list[Path]:
    if root.suffix or not root.is_dir():
        return [root.with_suffix(".py")]
    suffixes = {".sql", ".yml", ".yaml", ".csv", ".py"}
    return [
        p for p in root.rglob("*") if p.suffix in suffixes and "target" not in p.parts
    ]


def open_bank() -> Bank:
    """Return the bank that the environment describes, and keep its log from now on.

    Raises:
        SettingsError: A setting cannot be used, or a later version wrote the home.
    """
    settings = load_settings()
    hold_layout(settings.home)
    start_log(settings.home)
    return Bank(settings)
