"""How every benchmark is run: its options, its parts in processes of their own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._report import report


@dataclass(frozen=True)
class Found:
    """What a benchmark came to."""

    title: str
    figures: dict[str, float]
    ratios: dict[str, float]


def run(
    name: str,
    description: str | None,
    scales: Iterable[str],
    measure: Callable[[str, Path], Found],
    shortfalls: Callable[[dict[str, float]], list[str]],
    parts: Mapping[str, Callable[..., dict[str, Any]]] | None = None,
) -> int:
    """Measure, print the table and, if asked, one JSON object as the last line.

    `shortfalls` says which figures and ratios, due at full scale, were missed; `parts`
    are what `in_a_child` may be asked for.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scale", choices=sorted(scales), default="full")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        part, *arguments = options.child
        print(json.dumps((parts or {})[part](*arguments)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.scale, Path(folder))
    is_full = options.scale == "full"
    short = shortfalls({**found.figures, **found.ratios}) if is_full else []
    report(name, found.title, found.figures, found.ratios, short, as_json=options.json)
    return 0


def of_paths(part: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a part whose arguments, which come as text, are paths to it."""
    return lambda *arguments: part(*map(Path, arguments))


def in_a_child(part: str, *arguments: object) -> dict[str, Any]:
    """Return what a part says in a process of its own, whose memory is its own."""
    done = subprocess.run(
        [sys.executable, sys.argv[0], "--child", part, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told
