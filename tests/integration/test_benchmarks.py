"""Every benchmark works, or starts; what it measures is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.bank_runs import PROJECT

SCRIPTS = sorted(
    p for p in (PROJECT / "benchmarks").glob("[a-z]*.py") if p.name != "run_all.py"
)


# They play whole nights, as other tests do; with them a run would take a third longer.
NIGHTS = {"faults", "fixed_cost", "history", "profile"}
QUICK = [p for p in SCRIPTS if p.stem not in NIGHTS]


def test_there_are_benchmarks() -> None:
    assert QUICK
    assert {p.stem for p in SCRIPTS} > NIGHTS


@pytest.mark.parametrize("script", QUICK, ids=lambda p: p.stem)
def test_a_benchmark_ends_with_its_figures(script: Path) -> None:
    done = _run(script, "--scale", "small", "--json")
    result = json.loads(done.strip().splitlines()[-1])
    assert set(result) >= {"name", "figures", "ratios", "machine", "commit", "short"}
    assert result["figures"]


@pytest.mark.parametrize("name", sorted(NIGHTS))
def test_a_benchmark_of_nights_can_start(name: str) -> None:
    assert "--scale" in _run(PROJECT / "benchmarks" / f"{name}.py", "--help")


def _run(script: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
