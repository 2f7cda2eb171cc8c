"""An analyst: a process of its own that asks the current edition again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.integration.bank_runs import Home

# Figures of several tables, which agree in no edition but their own.
QUESTION = (
    "select (select cast(as_of_date as varchar) from ops.build), count(*), "
    "cast(sum(trailing_contribution_amount) as varchar), "
    "(select count(*) from mart.interactions) from mart.customers"
)
_READER = """
import sys, time, json, duckdb
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        answer = connection.execute(sys.argv[2]).fetchall()[0]
    sys.stdout.write(json.dumps(answer) + "\\n")
    sys.stdout.flush()
    time.sleep(0.05)
"""


def answer(home: Home) -> list[object]:
    """Return what an analyst is told now."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return list(connection.execute(QUESTION).fetchall()[0])


@dataclass(frozen=True)
class Reader:
    """An analyst at work; `said` is the file of the answers."""

    process: subprocess.Popen[bytes]
    said: Path

    def stop(self) -> tuple[list[list[object]], str]:
        """End it; return all it was told, and the error that it met before, if any."""
        time.sleep(1.0)
        failed = self.process.poll() is not None
        self.process.terminate()
        self.process.wait()
        text = self.said.read_text(encoding="utf-8")
        answers = [json.loads(a) for a in text.splitlines() if a.endswith("]")]
        error = self.said.with_suffix(".error").read_text(encoding="utf-8")
        return answers, error or "it ended" if failed else ""


def start_reader(home: Home, said: Path) -> Reader:
    """Have an analyst ask all the time until stopped."""
    with said.open("wb") as out, said.with_suffix(".error").open("wb") as errors:
        command = [sys.executable, "-c", _READER, str(home.database), QUESTION]
        return Reader(subprocess.Popen(command, stdout=out, stderr=errors), said)
