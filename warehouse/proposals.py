"""Drafts contracts from files, for the bank at hand."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from ingestion.contract import Contract
from ingestion.errors import ContractError
from ingestion.propose import propose_change, propose_feed, verified
from warehouse.bank import Bank


@dataclass(frozen=True)
class Proposed:
    """Where a draft lies, what it changes, and what there is to say of it."""

    path: str
    difference: str
    notes: tuple[str, ...]


def propose(bank: Bank, channel: str, file: Path, feed: str | None) -> Proposed:
    """Draft the contract that reads a file, and keep it under `proposals/`.

    The feed is the one named, else the one whose path the file has; where the contract
    has none such, it is new. The draft is tried on the file before it is shown.

    Raises:
        LandingRefused: The file cannot be read in any way known here.
        ContractError: No valid contract can be made of it.
    """
    contract = bank.contracts.get(channel)
    name = feed or _feed_of(contract, file) or _name_of(file)
    zone = bank.settings.timezone
    standing = {f.name: f for f in contract.feeds} if contract else {}
    if contract and name in standing:
        proposal = propose_change(contract, standing[name], file, zone)
    else:
        proposal = propose_feed(channel, name, file, contract, zone)
    folder = bank.settings.home / "proposals"
    try:
        outcome = verified(proposal, name, file, folder, zone)
    except ContractError as error:
        outcome = f"the draft is no valid contract yet: {error}"
    path = str(folder / f"{channel}.odcs.yaml")
    return Proposed(path, proposal.difference(), (*proposal.notes, outcome))


def _feed_of(contract: Contract | None, file: Path) -> str | None:
    for feed in contract.feeds if contract else ():
        if fnmatch.fnmatch(file.name, Path(feed.layout.path).name):
            return feed.name
    return None


def _name_of(file: Path) -> str:
    stem = file.name.split(".")[0].lower()
    return re.sub(r"\W+|[0-9]+", "_", stem).strip("_") or "feed"
