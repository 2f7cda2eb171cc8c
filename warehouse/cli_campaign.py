"""The command line of campaigns: `passbook campaign ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warehouse.answers import AsJson, answer
from warehouse.bank import open_bank

campaign_app = typer.Typer(
    no_args_is_help=True, help="Campaigns: plan them, and read how they went."
)


@campaign_app.command("plan")
def campaign_plan(
    files: Annotated[list[Path], typer.Argument(help="A YAML file a campaign.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a plan that stands.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Choose whom campaigns contact and hold out, and write the channels' lists."""
    from warehouse.campaign_files import read_campaign
    from warehouse.campaign_plans import plan

    planned = plan(open_bank(), [read_campaign(f) for f in files], replace=replace)
    if as_json:
        answer(
            (
                {
                    **one.summary,
                    "folder": str(one.folder),
                    "reasons": one.reasons,
                    "tiers": one.tiers,
                    "balance": one.balance,
                }
                for one in planned
            ),
            True,
            "",
        )
        return
    for one in planned:
        answer(one.reasons, False, f"{one.campaign.campaign_id}: customers by reason")
        answer(one.tiers, False, "by tier, of a year")
        apart = [row for row in one.balance if not row["is_balanced"]]
        answer(apart, False, "out of balance")
        told = ({"what": k, "value": v} for k, v in one.summary.items())
        answer(told, False, "plan")
        typer.echo(f"lists: {one.folder}")
