"""What every benchmark says in the same way: machine, commit, table, last line."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def machine() -> str:
    """Return what the figures were measured on."""
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"


def commit() -> str:
    """Return the commit of the code, empty outside a repository."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() if found.returncode == 0 else ""


def report(
    name: str,
    title: str,
    figures: dict[str, float],
    ratios: dict[str, float],
    short: list[str],
    *,
    as_json: bool,
) -> None:
    """Print the table that people read and, if asked, one JSON object as last line."""
    print(f"{title} ({machine()})")
    for key, value in figures.items():
        print(f"  {key.replace('_', ' '):44}{value:>14,}")
    for key, value in ratios.items():
        print(f"  {key.replace('_', ' '):44}{value:>13.2f}x")
    for line in short:
        print(f"  missed: {line}")
    if as_json:
        result = {
            "name": name,
            "figures": figures,
            "ratios": {k: round(v, 2) for k, v in ratios.items()},
            "machine": machine(),
            "commit": commit(),
            "short": short,
        }
        print(json.dumps(result))
