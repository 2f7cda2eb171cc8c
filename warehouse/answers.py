"""How the command line answers: a table, or one JSON array."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
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
