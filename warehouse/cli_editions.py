"""The command line of editions: which there are, how they differ, which one counts."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.errors import SettingsError
from warehouse.answers import AsJson, answer
from warehouse.bank import open_bank
from warehouse.ledger import Outcome

editions_app = typer.Typer()

AnEdition = Annotated[str, typer.Argument(metavar="EDITION", help="An edition's id.")]


@editions_app.command()
def editions(as_json: AsJson = False) -> None:
    """List the editions, oldest first."""
    bank = open_bank()
    current = bank.editions.current()
    answer(
        (
            {
                "current": "*" if current and e.id == current.id else "",
                "id": e.id,
                "as_of": e.as_of,
                "published_at": e.published_at,
                "megabytes": round(e.bytes / 1e6, 1),
                "base": e.base,
                "missing": ", ".join(e.missing),
            }
            for e in bank.editions.all()
        ),
        as_json,
        "editions",
    )


@editions_app.command()
def rollback(
    edition: Annotated[
        str | None, typer.Argument(help="An edition's id; the one before if none.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it goes into the ledger.")] = "",
) -> None:
    """Make an earlier edition current again, in one instant."""
    if not reason.strip():
        raise SettingsError(
            "--reason",
            "is missing",
            expected="why the current edition is not to be read",
            remedy="Run: passbook rollback EDITION --reason TEXT",
        )
    bank = open_bank()
    with bank.editions.writing():
        left = bank.editions.current()
        back = bank.editions.rollback(edition)
        bank.ledger.write(
            Outcome(
                "rollback",
                "bank",
                back.as_of,
                "rolled_back",
                message=f"from {left.id if left else 'none'} to {back.id}: {reason}",
                fingerprint=back.sha256,
                code_version=bank.code_version,
            )
        )
    typer.echo(f"{back.id} is current, as of {back.as_of}")


@editions_app.command()
def diff(
    before: AnEdition,
    after: AnEdition,
    table: Annotated[
        str | None, typer.Option(help="Show the rows of one table that differ.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Tell how two editions differ: rows and sums by table, or the rows of one."""
    from warehouse.differences import changed_rows, differences

    bank = open_bank()
    if table:
        rows = changed_rows(bank, before, after, table, limit)
        answer(rows, as_json, f"rows of {table} that only one of both has")
        return
    found = differences(bank, before, after)
    answer((vars(d) for d in found), as_json, "tables that differ")


@editions_app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look through all that is kept; exit 1 and say what to do where it is damaged."""
    from warehouse.doctor import examine

    examined = examine(open_bank())
    if as_json or examined.findings:
        answer((vars(f) for f in examined.findings), as_json, "problems")
    if not as_json:
        typer.echo(examined.line())
    if examined.findings:
        raise typer.Exit(1)
