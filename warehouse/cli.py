"""The command line: one verb a step, plain lines, `--json` on what answers."""

from __future__ import annotations

import gc
import itertools
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from ingestion.errors import NotReady, PassbookError, SettingsError
from warehouse.answers import AsJson, answer
from warehouse.bank import open_bank
from warehouse.cli_attrition import attrition_app
from warehouse.cli_identity import explain, identity_app
from warehouse.cli_policy import policy_app
from warehouse.ledger import Outcome

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One record per customer, from every channel of a bank, every night.",
)
contract_app = typer.Typer(no_args_is_help=True, help="Read and judge contracts.")
app.add_typer(contract_app, name="contract")
app.add_typer(identity_app, name="identity")
app.add_typer(policy_app, name="policy")
app.add_typer(attrition_app, name="attrition")
app.command()(explain)

Dated = Annotated[str, typer.Option("--date", help="Business date, YYYY-MM-DD.")]
OfDate = Annotated[str, typer.Argument(metavar="DATE", help="Business date.")]
Channel = Annotated[str, typer.Argument(help="A channel of the contracts.")]


def main() -> None:
    """Run the command line; an error is one line on stderr and its exit code."""
    # dbt and Great Expectations make millions of objects when they are imported, and
    # none of them is garbage: looking for it took a fifth of the import.
    gc.set_threshold(200_000, 50, 50)
    try:
        app()
    except PassbookError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None


def _day(text: str, option: str = "--date") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            option, "is no date", expected="YYYY-MM-DD", found=text
        ) from None


def _tell(outcomes: list[Outcome], as_json: bool) -> None:
    """Print outcomes a line each, or as one JSON array."""
    if as_json:
        answer((vars(outcome) for outcome in outcomes), True, "")
        return
    for outcome in outcomes:
        typer.echo(outcome.line())


@app.command()
def sample(
    customers: Annotated[int, typer.Option(min=1, help="People in the bank.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="Business dates.")] = 3,
    start: Annotated[str, typer.Option(help="First business date.")] = "2026-03-01",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    dirt: Annotated[str, typer.Option(help="none, light or heavy.")] = "light",
) -> None:
    """Write the extracts of an invented bank, and the truth about it beside them."""
    from ingestion.sample import SampleSpec, write_sample_bank

    if dirt not in {"none", "light", "heavy"}:
        raise SettingsError(
            "--dirt", "is unknown", expected="none, light or heavy", found=dirt
        )
    bank = open_bank()
    extracts = bank.settings.extracts
    spec = SampleSpec(
        customers=customers,
        days=days,
        start=_day(start),
        seed=seed,
        dirt=cast(Literal["none", "light", "heavy"], dirt),
    )
    summary = write_sample_bank(
        spec,
        bank.shipped,
        extracts,
        extracts.parent / "truth",
        extracts.parent / "late",
    )
    typer.echo(f"{customers:,} customers, {days} days in {extracts}: {summary}")


@app.command()
def land(channel: Channel, day: Dated, as_json: AsJson = False) -> None:
    """Land every feed of a channel for a date."""
    from warehouse.stations import land_channel

    _tell(land_channel(open_bank(), channel, _day(day)), as_json)


@app.command()
def check(channel: Channel, day: Dated, as_json: AsJson = False) -> None:
    """Check what a channel landed for a date against its contract's rules."""
    from warehouse.stations import check_channel

    _tell(check_channel(open_bank(), channel, _day(day)), as_json)


@app.command()
def ready(channel: Channel, day: Dated, as_json: AsJson = False) -> None:
    """Exit 0 when all that a night needs of a channel has arrived, else 75."""
    from warehouse.stations import missing_feeds

    bank = open_bank()
    absent = missing_feeds(bank, channel, _day(day))
    needed = [f.name for f in absent if f.delivery.required]
    if as_json:
        waits = [f.delivery.wait_until for f in bank.contract(channel).feeds]
        typer.echo(
            json.dumps(
                {
                    "channel": channel,
                    "business_date": day,
                    "ready": not needed,
                    "missing": [f.name for f in absent],
                    "wait_until": max(waits),
                }
            )
        )
    if needed:
        raise NotReady(f"{channel} {day}", f"not arrived yet: {', '.join(needed)}")
    if not as_json:
        typer.echo(f"{channel} {day}: ready")


@app.command()
def build(day: Dated) -> None:
    """Build a candidate and leave it in place, unjudged; for looking into."""
    from warehouse.build import build as build_candidate

    bank = open_bank()
    with bank.editions.writing():
        built = build_candidate(bank, _day(day))
    typer.echo(str(built.candidate.database))


@app.command()
def gate() -> None:
    """Judge the candidate that `build` left in place."""
    from warehouse.night import gate_standing

    gate_standing(open_bank(), typer.echo)


@app.command()
def publish() -> None:
    """Judge the candidate that `build` left in place and make it current."""
    from warehouse.night import publish_standing

    published = publish_standing(open_bank(), typer.echo)
    typer.echo(f"{published.id} is current, as of {published.as_of}")


@app.command()
def night(
    day: Dated,
    skip_landing: Annotated[
        bool, typer.Option(help="Only build, gate and publish what is landed.")
    ] = False,
) -> None:
    """Land and check every channel, then build, gate and publish one edition."""
    from warehouse.night import bring_forward, land_and_check

    bank = open_bank()
    if not skip_landing:
        land_and_check(bank, _day(day), typer.echo)
    bring_forward(bank, _day(day), typer.echo)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First business date.")],
    last: Annotated[str, typer.Option("--to", help="Last business date.")],
) -> None:
    """Land and check every date of a range, then publish one edition with all of it."""
    from warehouse.night import backfill_range

    bank = open_bank()
    days = _range(_day(first), _day(last))
    backfill_range(bank, days, typer.echo)


def _range(first: date, last: date) -> list[date]:
    if last < first:
        raise SettingsError(
            "--to", "is before --from", expected=f"{first} or later", found=str(last)
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say what the last attempts came to, and which edition is current."""
    bank = open_bank()
    current = bank.editions.current()
    if not as_json:
        text = f"{current.id} as of {current.as_of}" if current else "none yet"
        typer.echo(f"current edition: {text}")
        if current and current.missing:
            typer.echo(f"it does without: {', '.join(current.missing)}")
    outcomes = sorted(bank.ledger.all(), key=lambda o: o.finished_at)
    shown = (
        "business_date",
        "step",
        "subject",
        "verdict",
        "rows_in",
        "rows_out",
        "rejected",
        "seconds",
        "message",
    )
    dates = [o.business_date for o in outcomes if o.business_date[:1].isdigit()]
    latest = max(dates, default="")
    rows = [
        {name: getattr(o, name) for name in shown}
        for o in outcomes
        if as_json
        or o.business_date == latest
        or o.verdict in {"refused", "stop", "failed"}
    ]
    answer(rows, as_json, "outcomes of the last business date, and all that failed")


@app.command()
def landings(channel: Channel, day: OfDate, as_json: AsJson = False) -> None:
    """List what is landed of a channel for a date, and what it took the place of."""
    from warehouse.stations import landings_of

    answer(landings_of(open_bank(), channel, _day(day)), as_json, "landings")


@app.command()
def rejects(
    channel: Channel,
    day: OfDate,
    feed: Annotated[str | None, typer.Option(help="One feed of the channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rejects shown.")] = 50,
    export: Annotated[
        bool, typer.Option("--export", help="Write all as CSV for the source system.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a channel's landings of a date rejected, and why."""
    from warehouse.rejects import export_rejects, rejects_of

    bank = open_bank()
    if export:
        paths = export_rejects(bank, channel, _day(day), feed)
        answer(({"file": str(path)} for path in paths), as_json, "exported")
        return
    rows = rejects_of(bank, channel, _day(day), feed)
    shown = list(itertools.islice(rows, limit))
    left = sum(1 for _ in rows)
    listed = ({k: v for k, v in vars(r).items() if k != "record"} for r in shown)
    answer(listed, as_json, f"rejects of {channel} {day}")
    if left and not as_json:
        typer.echo(f"and {left:,} more: see them with --limit, or all with --export")


@app.command()
def scan(as_json: AsJson = False) -> None:
    """Search all that was written for card numbers; exit 1 when one is found."""
    from warehouse.scan import scan_bank

    found = scan_bank(open_bank())
    if as_json or found.findings:
        answer((vars(f) for f in found.findings), as_json, "card numbers")
    if not as_json:
        typer.echo(found.line())
    if found.findings:
        raise typer.Exit(1)


@app.command()
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


@app.command()
def rollback(
    edition: Annotated[str | None, typer.Argument(help="An edition's id.")] = None,
) -> None:
    """Make an earlier edition current again, in one instant."""
    bank = open_bank()
    with bank.editions.writing():
        back = bank.editions.rollback(edition)
    typer.echo(f"{back.id} is current, as of {back.as_of}")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A query; reads the current edition.")],
    as_json: AsJson = False,
) -> None:
    """Ask the current edition a question."""
    import duckdb

    path = open_bank().editions.published_database()
    with duckdb.connect(str(path), read_only=True) as connection:
        # Reading only: a query may not reach for files beside the edition.
        connection.execute("set enable_external_access = false")
        try:
            cursor = connection.execute(query)
            names = [d[0] for d in cursor.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise SettingsError("sql", str(error)) from None
    answer(rows, as_json, "")


@app.command()
def metric(
    names: Annotated[
        list[str] | None, typer.Argument(help="Metrics; all are listed if none.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="day to year, or a dimension; may be repeated."),
    ] = None,
    since: Annotated[str, typer.Option("--from", help="First day.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    show_sql: Annotated[
        bool, typer.Option("--sql", help="Print the query instead of its answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Answer with the figures that everyone quotes, or list them."""
    from warehouse.metrics import Metrics, Question

    metrics = Metrics(open_bank())
    if not (names or by or since or until):
        answer(metrics.all(), as_json, "metrics")
        return
    span = (_moment(since, "--from"), _moment(until, "--to"))
    question = Question(names or (), by or (), *span)
    if show_sql:
        typer.echo(metrics.sql(question))
        return
    answer(metrics.answer(question), as_json, "")


def _moment(text: str, option: str) -> datetime | None:
    return datetime.combine(_day(text, option), time()) if text else None


@app.command()
def settings(as_json: AsJson = False) -> None:
    """Print every setting, its value and where it came from."""
    answer((vars(s) for s in open_bank().settings.sources), as_json, "settings")


@contract_app.command("lint")
def contract_lint(as_json: AsJson = False) -> None:
    """Judge every contract; exit 2 when one is not valid."""
    from warehouse.contract_lint import lint_contracts

    problems = lint_contracts(open_bank())
    if as_json or problems:
        answer(
            ({"contract": c, "problem": p} for c, p in problems), as_json, "problems"
        )
    elif not problems:
        typer.echo("every contract is valid")
    if problems:
        raise typer.Exit(2)


@contract_app.command("propose")
def contract_propose(
    channel: Annotated[str, typer.Argument(help="A channel, known or new.")],
    file: Annotated[Path, typer.Argument(help="A file of it.", exists=True)],
    feed: Annotated[
        str | None, typer.Option(help="The feed; by the file's name if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draft the contract that reads a file: of a new feed, or of a changed one."""
    from warehouse.proposals import propose

    proposed = propose(open_bank(), channel, file, feed)
    if as_json:
        answer([vars(proposed)], True, "")
        return
    typer.echo(proposed.difference or "the contract reads this file as it is")
    for note in proposed.notes:
        typer.echo(f"- {note}")


@contract_app.command("show")
def contract_show(
    channel: Channel,
    feed: Annotated[str | None, typer.Argument(help="One feed of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a channel sends: its feeds, or the columns of one."""
    contract = open_bank().contract(channel)
    if feed is None:
        rows = [
            {
                "feed": f.name,
                "format": f.layout.format,
                "path": f.layout.path,
                "cadence": f.delivery.cadence,
                "content": f.delivery.content,
                "required": f.delivery.required,
                "columns": len(f.columns),
                "description": f.description,
            }
            for f in contract.feeds
        ]
        answer(rows, as_json, contract.description)
        return
    found = contract.feed(feed)
    columns = [
        {
            "column": c.name,
            "from": " + ".join(c.sources),
            "type": c.sql_type,
            "key": "yes" if c.is_primary_key else "",
            "required": "yes" if c.required else "",
            "classification": c.classification,
            "codes": ", ".join(f"{k} > {v}" for k, v in c.codes.items()),
            "description": c.description,
        }
        for c in found.columns
    ]
    answer(columns, as_json, f"{found.id}: {found.description}")


if __name__ == "__main__":
    main()
