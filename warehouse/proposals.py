"""Drafts contracts from files, for the bank at hand."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from ingestion.contract import Contract
from ingestion.errors import ContractError, PassbookError
from ingestion.propose import Proposal, propose_change, propose_feed, verified
from ingestion.tokens import masked_text
from warehouse.bank import Bank

_SAID_LENGTH = 200


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
    folder = bank.settings.home / "proposals"
    try:
        if contract and name in standing:
            proposal = propose_change(contract, standing[name], file, zone)
        else:
            proposal = propose_feed(channel, name, file, contract, zone)
        outcome = _outcome(proposal, name, file, folder, zone)
    except PassbookError:
        raise
    # Anything may be handed in as a sample, and a guess may fail in any way.
    except Exception as error:
        raise ContractError(
            f"{channel} {file.name}",
            "no contract can be drafted from this file",
            found=f"{type(error).__name__} {masked_text(str(error))[:_SAID_LENGTH]}",
            remedy="Write the contract by hand: docs/contracts.md.",
        ) from error
    path = str(folder / f"{channel}.odcs.yaml")
    return Proposed(path, proposal.difference(), (*proposal.notes, outcome))


def _outcome(proposal: Proposal, feed: str, file: Path, folder: Path, zone: str) -> str:
    try:
        return verified(proposal, feed, file, folder, zone)
    except ContractError as error:
        return f"the draft is no valid contract yet: {error}"


def _feed_of(contract: Contract | None, file: Path) -> str | None:
    for feed in contract.feeds if contract else ():
        if fnmatch.fnmatch(file.name, Path(feed.layout.path).name):
            return feed.name
    return None


def _name_of(file: Path) -> str:
    stem = file.name.split(".")[0].lower()
    return re.sub(r"\W+|[0-9]+", "_", stem).strip("_") or "feed"
