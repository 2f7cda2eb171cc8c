"""The command line: one verb a step, plain lines, `--json` on what answers."""

from __future__ import annotations

import errno
import gc
import itertools
import json
import logging
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, cast
from zoneinfo import ZoneInfo

import typer

from ingestion.errors import NotReady, PassbookError, SettingsError
from warehouse.answers import AsJson, answer, progress
from warehouse.bank import open_bank
from warehouse.cli_attrition import attrition_app
from warehouse.cli_campaign import campaign_app
from warehouse.cli_editions import editions_app
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
app.add_typer(campaign_app, name="campaign")
app.add_typer(editions_app)
app.command()(explain)

# What a disk that is full or may not be written says.
_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})

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
        logging.getLogger("passbook").error(str(error), exc_info=error)
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        logging.getLogger("passbook").error(str(error), exc_info=error)
        refused = PassbookError(
            str(error.filename or "the disk"),
            error.strerror or str(error),
            remedy="The current edition stays. Free some space, or let this user "
            "write there, and give the command again.",
        )
        typer.echo(str(refused), err=True)
        raise SystemExit(refused.exit_code) from None


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
    typer.echo(
        f"{customers:,} customers, {days} days, {summary.event_rows:,} events"
        f" ({summary.damaged_rows:,} damaged, {summary.duplicate_rows:,} doubled)"
        f" in {extracts}"
    )


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
    from warehouse.night import run_night

    run_night(open_bank(), _day(day), typer.echo, skip_landing=skip_landing)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First business date.")],
    last: Annotated[str, typer.Option("--to", help="Last business date.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would change, and stop.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Land and check every date of a range, then publish one edition with all of it."""
    from warehouse.backfills import CHANGES, backfill_range, plan, plan_lines

    bank = open_bank()
    days = _range(_day(first, "--from"), _day(last, "--to"))
    if dry_run:
        planned = list(plan(bank, days))
        shown = [p for p in planned if as_json or p.state in {*CHANGES, "missing"}]
        answer((vars(p) for p in shown), as_json, "what a backfill would land")
        for line in () if as_json else plan_lines(bank, planned):
            typer.echo(line)
        return
    # A step a date and one for the edition.
    with progress(len(days) + 1, f"{first} to {last}") as (say, step):
        backfill_range(bank, days, say, step)


def _range(first: date, last: date) -> list[date]:
    if last < first:
        raise SettingsError(
            "--to", "is before --from", expected=f"{first} or later", found=str(last)
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@app.command()
def status(
    day: Annotated[
        str, typer.Option("--date", help="Business date; the latest if none.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say how a night went: channels, rows, rejects, steps, what is late."""
    from warehouse.status import FAILED, night_status, screen

    bank = open_bank()
    night = night_status(bank, _day(day) if day else None)
    if as_json:
        typer.echo(json.dumps(asdict(night), ensure_ascii=False, default=str))
        return
    current = f"{night.current} as of {night.current_as_of}"
    typer.echo(f"current edition: {current if night.current else 'none yet'}")
    if night.without:
        typer.echo(f"it does without: {', '.join(night.without)}")
    if night.business_date is None:
        return
    answer(screen(night), False, f"night of {night.business_date}: {night.verdict}")
    steps = [f"{s['step']} {s['verdict']} in {s['seconds']} s" for s in night.steps]
    typer.echo("; ".join([*steps, f"{night.seconds} s in all"]))
    for line in night.messages:
        typer.echo(line)
    if night.restated:
        typer.echo(night.restated)
    for feed in night.feeds:
        if feed.message and FAILED & {feed.state, feed.check or ""}:
            typer.echo(f"{feed.channel}.{feed.feed}: {feed.message}")
        if feed.unusual:
            typer.echo(f"{feed.channel}.{feed.feed} is unusual: {feed.unusual}")
    if night.late:
        typer.echo(f"late: {', '.join(night.late)}")


@app.command()
def notify(line: Annotated[str, typer.Argument(help="What to say.")]) -> None:
    """Tell a line to the webhook and the mail address of the settings."""
    from warehouse.notices import Notice, tell

    bank = open_bank()
    today = datetime.now(ZoneInfo(bank.settings.timezone)).date()
    for fault in tell(bank, today, Notice(line, {})):
        typer.echo(f"warning: not told: {fault}", err=True)


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
def sql(
    query: Annotated[str, typer.Argument(help="A query; reads the current edition.")],
    edition: Annotated[
        str | None, typer.Option(help="An earlier edition's id, to read that.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask an edition a question."""
    import duckdb

    path = open_bank().editions.published_database(edition)
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
