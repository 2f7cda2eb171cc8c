"""How the command line answers: a table, or one JSON array."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def answer(rows: Iterable[dict[str, Any]], as_json: bool, title: str) -> None:
    """Print rows as a table, or as one JSON array."""
    listed = list(rows)
    if as_json:
        typer.echo(json.dumps(listed, ensure_ascii=False, default=str))
        return
    if not listed:
        typer.echo(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for name in listed[0]:
        table.add_column(name, overflow="fold")
    for row in listed:
        table.add_row(*("" if v is None else str(v) for v in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def shortened(row: dict[str, Any], digits: int = 4) -> dict[str, Any]:
    """Return a row for people to read: floats have so many digits after the point."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in row.items()}


def as_lines(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row as lines of what and value, for one that is too wide for a table."""
    return [{"what": name, "value": value} for name, value in row.items()]


@contextmanager
def progress(
    steps: int, title: str
) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Give a way to say lines and one to count steps done.

    On a terminal a bar with an estimate stands under the lines; elsewhere there are the
    lines alone.
    """
    if not sys.stdout.isatty():
        yield typer.echo, lambda: None
        return
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=steps)

        def say(line: str) -> None:
            bar.console.print(line, markup=False, highlight=False)

        yield say, lambda: bar.advance(task)
