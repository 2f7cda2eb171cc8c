"""The command line of policies: `passbook policy ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warehouse.answers import AsJson, answer
from warehouse.bank import open_bank

policy_app = typer.Typer(
    no_args_is_help=True, help="Prices and rules: what a change of them would move."
)


@policy_app.callback()
def _policies() -> None:
    """Keep `preview` a word of its own."""


@policy_app.command("preview")
def policy_preview(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="CSV files named like the policies that they take the place of.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what other prices and rules would move, publishing nothing."""
    from warehouse.policy_runs import preview

    answer(preview(open_bank(), files or []), as_json, "what would move")
