"""Judges a bank's contracts: by themselves, and against what the models read."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.contract import (
    Contract,
    Feed,
    contract_paths,
    load_contract,
    load_contracts,
)
from ingestion.errors import ContractError
from warehouse.bank import Bank


def lint_contracts(bank: Bank) -> list[tuple[str, str]]:
    """Return (file, problem) for all that is wrong with the bank's contracts."""
    from quality.suites import lint

    problems: list[tuple[str, str]] = []
    try:
        load_contracts(bank.settings.contracts)
    except ContractError as error:
        problems.append((error.where, error.line()))
    for path in contract_paths(bank.settings.contracts):
        try:
            contract = load_contract(path)
        except ContractError as error:
            problems.append((path.name, error.line()))
            continue
        problems += [(path.name, line) for line in lint(contract)]
        problems += [(path.name, line) for line in _misfits(bank, contract)]
    return list(dict.fromkeys(problems))


def _misfits(bank: Bank, contract: Contract) -> Iterator[str]:
    """Yield where a contract does not give the models what they read."""
    shipped = bank.shipped.get(contract.channel)
    if shipped is None:
        return
    due = {feed.name: feed for feed in shipped.feeds}
    for feed in contract.feeds:
        if feed.name in due:
            yield from _feed_misfits(feed, due[feed.name])


def _feed_misfits(feed: Feed, due: Feed) -> Iterator[str]:
    own = {column.name: column for column in feed.columns}
    for column in due.columns:
        found = own.get(column.name)
        if found is None:
            if column.required:
                yield f"{feed.name}: the models need a column {column.name!r}"
        elif found.sql_type != column.sql_type:
            yield (
                f"{feed.name}.{column.name}: the models read {column.sql_type}, "
                f"the contract lands {found.sql_type}"
            )
