"""The command line of the attrition forecast: `passbook attrition ...`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from warehouse.answers import AsJson, answer, as_lines, shortened
from warehouse.bank import open_bank

attrition_app = typer.Typer(
    no_args_is_help=True, help="Who leaves next: train a forecast, and use it."
)


@attrition_app.command("train")
def attrition_train(
    use: Annotated[
        bool, typer.Option("--use", help="Make it the bank's from the next build on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a forecast on past months, judged on later ones, beside the rule."""
    from warehouse.attrition_runs import train_model, use_model

    bank = open_bank()
    trained, folder = train_model(bank)
    model = trained.model
    if use:
        use_model(bank, model.version)
    told = {k: v for k, v in model.training.items() if k != "judgements"}
    summary = {"version": model.version, **told, "folder": str(folder), "in_use": use}
    if as_json:
        rest = {
            "judgements": [asdict(j) for j in trained.judgements],
            "groups": [asdict(g) for g in trained.groups],
            "features": [asdict(f) for f in model.features],
        }
        answer([{**summary, **rest}], True, "")
        return
    answer((shortened(asdict(f), 3) for f in model.features), False, "features")
    answer(
        (shortened(asdict(g), 3) for g in trained.groups), False, "tenths, by forecast"
    )
    answer((shortened(asdict(j), 3) for j in trained.judgements), False, "out of time")
    answer(as_lines(summary), False, "model")
    if not use:
        typer.echo(f"use it:  passbook attrition use {model.version}")


@attrition_app.command("use")
def attrition_use(
    version: Annotated[
        str, typer.Argument(help="A saved model, or `none` for the rule alone.")
    ],
) -> None:
    """Make a trained forecast the bank's, from the next build on."""
    from warehouse.attrition_runs import use_model

    model = use_model(open_bank(), version)
    told = f"model {model.version} forecasts" if model else "the rule alone warns"
    typer.echo(f"{told} from the next build on")
