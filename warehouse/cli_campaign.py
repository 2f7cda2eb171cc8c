"""The command line of campaigns: `passbook campaign ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warehouse.answers import AsJson, answer, as_lines, shortened
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
        told = ({**one.told(), "folder": str(one.folder)} for one in planned)
        answer(told, True, "")
        return
    for one in planned:
        answer(one.reasons, False, f"{one.campaign.campaign_id}: customers by reason")
        answer(one.tiers, False, "by tier, of a year")
        apart = [row for row in one.balance if not row["is_balanced"]]
        answer(apart, False, "out of balance")
        answer(as_lines(shortened(one.summary)), False, "plan")
        typer.echo(f"lists: {one.folder}")


@campaign_app.command("scorecard")
def campaign_scorecard(
    campaign: Annotated[str, typer.Argument(help="A campaign's id.")],
    page: Annotated[
        bool, typer.Option("--page", help="Write it as a page that prints.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a campaign was to do, what it did, and where it broke."""
    from warehouse.campaign_cards import scorecard, write_page

    bank = open_bank()
    card = scorecard(bank, campaign)
    if page:
        typer.echo(str(write_page(bank, card)))
        return
    if as_json:
        answer([card], True, "")
        return
    answer(as_lines(shortened(card["campaign"])), False, campaign)
    answer(map(shortened, card["steps"]), False, "how far they came")
    answer(map(shortened, card["breaks"]), False, "where it broke")
    shown = ("dimension_code", "group_code", "treated_count", "control_count")
    uplift = ("uplift_ratio", "uplift_low_ratio", "uplift_high_ratio", "verdict_code")
    groups = (
        shortened({k: row[k] for k in (*shown, *uplift)}) for row in card["groups"]
    )
    answer(groups, False, "for whom")


@campaign_app.command("compare")
def campaign_compare(
    campaigns: Annotated[
        list[str] | None, typer.Argument(help="Campaigns' ids; all if none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold campaigns against each other, that which gained most first."""
    from warehouse.campaign_cards import compare

    rows = compare(open_bank(), campaigns or [])
    if as_json or not rows:
        answer(rows, as_json, "campaigns")
        return
    # A campaign a column: figures of one kind stand beside each other.
    sides = (
        {
            "figure": key,
            **{row["campaign_id"]: row[key] for row in map(shortened, rows)},
        }
        for key in rows[0]
        if key != "campaign_id"
    )
    answer(sides, False, "campaigns")
