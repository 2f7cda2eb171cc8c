"""What a build did not foresee is told in one line, and what another try may heal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from ingestion.errors import BuildFailed, NotReady
from warehouse.build import build_failure

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_of_another_program_is_worth_another_try(tmp_path: Path) -> None:
    database = tmp_path / "bank.duckdb"
    duckdb.connect(str(database)).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            duckdb.connect(str(database), read_only=True).close()
        except duckdb.IOException as error:
            failure = build_failure("edition of 2026-03-02", error)
        holder.communicate("")
    assert isinstance(failure, NotReady)
    assert f"PID {holder.pid}" in str(failure)
    assert "duckdb -readonly" in str(failure)


def test_anything_else_failed() -> None:
    error = duckdb.IOException("no space left on device\nsomewhere")
    failure = build_failure("edition of 2026-03-02", error)
    assert isinstance(failure, BuildFailed)
    assert "no space left on device" in str(failure)
    assert "somewhere" not in str(failure)
