"""Every benchmark works; what it measures is not judged here."""

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


def test_there_are_benchmarks() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_benchmark_ends_with_its_figures(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--scale", "small", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(result) >= {"name", "figures", "ratios", "machine", "commit", "short"}
    assert result["figures"]
