"""The command line of identity: `passbook identity ...` and `passbook explain`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from identity.decisions import DecisionCode
from ingestion.errors import SettingsError
from warehouse.answers import AsJson, answer
from warehouse.bank import Bank, open_bank

identity_app = typer.Typer(
    no_args_is_help=True, help="Who is who: train, try, review, report."
)
Truth = Annotated[
    Path | None,
    typer.Option(help="A CSV that says which records are one person.", exists=True),
]


def _truth(bank: Bank, given: Path | None) -> Path | None:
    """Return the truth that was given, or the one that lies beside the extracts."""
    beside = bank.settings.extracts.parent / "truth" / "who_is_who.csv"
    return given or (beside if beside.is_file() else None)


def explain(
    names: Annotated[
        list[str], typer.Argument(help="A customer key, a record, or two records.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say why two records are one customer or not, or what makes a customer one."""
    from warehouse.identity_runs import explained

    if len(names) > 2:
        raise SettingsError(
            "explain",
            "takes a customer or two records",
            expected="one or two names",
            found=f"{len(names)}",
        )
    found = explained(open_bank(), names)
    if as_json:
        answer([asdict(found)], True, "")
        return
    typer.echo(found.verdict)
    if found.links:
        answer((vars(link) for link in found.links), False, "links")
    if found.comparisons:
        answer((vars(c) for c in found.comparisons), False, "compared")
    for note in found.notes:
        typer.echo(f"- {note}")


@identity_app.command("train")
def identity_train(
    truth: Truth = None,
    use: Annotated[
        bool, typer.Option("--use", help="Make it the bank's from the next build on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a linkage model on the current edition's records."""
    from warehouse.identity_runs import train_model, use_model

    bank = open_bank()
    trained, folder = train_model(bank, _truth(bank, truth))
    if use:
        use_model(bank, trained.model.version)
    model = trained.model
    summary = {
        "version": model.version,
        "link_weight": model.link_weight,
        "review_weight": model.review_weight,
        "thresholds_by": model.training["thresholds_by"],
        "folder": str(folder),
        "in_use": use,
    }
    if as_json:
        rest = {
            "sessions": [vars(s) for s in trained.sessions],
            "blocks": [vars(b) for b in trained.blocks],
            "untrained": trained.untrained,
        }
        answer([{**summary, **rest}], True, "")
        return
    answer((vars(s) for s in trained.sessions), False, "expectation maximisation")
    answer((vars(b) for b in trained.blocks), False, "blocking rules")
    for level in trained.untrained:
        typer.echo(f"not trained, for want of such pairs: {level}")
    answer([summary], False, "model")
    if not use:
        typer.echo(f"try it:  passbook identity preview --model {model.version}")
        typer.echo(f"use it:  passbook identity use {model.version}")


@identity_app.command("use")
def identity_use(
    version: Annotated[str, typer.Argument(help="A saved model, or `default`.")],
) -> None:
    """Make a trained model the bank's, from the next build on."""
    from warehouse.identity_runs import use_model

    model = use_model(open_bank(), version)
    typer.echo(f"model {model.version} links from the next build on")


@identity_app.command("preview")
def identity_preview(
    model: Annotated[
        str | None, typer.Option(help="A saved model; the bank's if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what other rules, decisions or models would change, publishing nothing."""
    from warehouse.identity_runs import model_of, preview

    bank = open_bank()
    found = preview(bank, model_of(bank, model) if model else None)
    rows = [{"figure": k, "value": v} for k, v in asdict(found).items()]
    answer([asdict(found)] if as_json else rows, as_json, "what would change")


@identity_app.command("report")
def identity_report(truth: Truth = None, as_json: AsJson = False) -> None:
    """Report clusters, keys, blocked identifiers, the queue, and accuracy."""
    from warehouse.identity_runs import report

    bank = open_bank()
    answer(report(bank, _truth(bank, truth)), as_json, "identity")


@identity_app.command("review")
def identity_review(
    limit: Annotated[int, typer.Option(min=1, help="Pairs shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the pairs that people are asked about, the likeliest first."""
    from warehouse.identity_runs import review_queue

    answer(review_queue(open_bank(), limit), as_json, "review queue")


Which = Annotated[list[str], typer.Argument(help="A review id, or two record ids.")]
By = Annotated[str, typer.Option(help="Who decides; the login if not given.")]
Note = Annotated[str, typer.Option(help="Why.")]


@identity_app.command("same")
def identity_same(which: Which, by: By = "", note: Note = "") -> None:
    """Decide that two records are one person, for ever."""
    _decide(which, "same", by, note)


@identity_app.command("different")
def identity_different(which: Which, by: By = "", note: Note = "") -> None:
    """Decide that two records are two people, for ever."""
    _decide(which, "different", by, note)


@identity_app.command("undo")
def identity_undo(which: Which, by: By = "", note: Note = "") -> None:
    """Take back what was decided about two records."""
    _decide(which, "undone", by, note)


@identity_app.command("decisions")
def identity_decisions(as_json: AsJson = False) -> None:
    """List every decision that was made, the latest last."""
    rows = (asdict(d) for d in open_bank().decisions.all())
    answer(rows, as_json, "decisions")


def _decide(which: list[str], code: DecisionCode, by: str, note: str) -> None:
    from warehouse.identity_runs import decide

    made = decide(open_bank(), which, code, by or getpass.getuser(), note)
    typer.echo(
        f"{made.left_record_id} and {made.right_record_id}: {code}, from the next "
        "build on. See what it changes: passbook identity preview"
    )
