"""One `passbook` command as an Airflow task."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

# A second try reads the same extract with the same contract: it fails alike.
INCURABLE_EXIT_CODES = frozenset({2, 3, 4, 5, 6})
# What a person needs to repeat a task. Not the whole environment: the database's
# URL may hold a password, and logs are read by many.
REPEATED_SETTINGS = (
    "PASSBOOK_HOME",
    "PASSBOOK_EXTRACTS",
    "PASSBOOK_CONTRACTS",
    "PASSBOOK_ENGINE",
    "PASSBOOK_TIMEZONE",
    "PASSBOOK_KEY_FILE",
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def passbook() -> str:
    """Return the `passbook` installed beside this Python, else the one on the path."""
    ours = Path(sys.executable).with_name("passbook")
    return str(ours) if ours.exists() else shutil.which("passbook") or "passbook"


def by_hand(arguments: Sequence[str]) -> str:
    """Return the line that repeats a task in a shell."""
    settings = [
        f"{name}={shlex.quote(os.environ[name])}"
        for name in REPEATED_SETTINGS
        if name in os.environ
    ]
    return " ".join([*settings, "passbook", *map(shlex.quote, arguments)])


def plain_environment() -> Mapping[str, str]:
    """Return our environment with output as whole, uncoloured lines."""
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "1000", "PYTHONUNBUFFERED": "1"}


def error_line(lines: Sequence[str]) -> str:
    """Return what a failed command said last; its errors are one line, at the end."""
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "it ended without a word"


class PassbookCommand(BaseOperator):
    """Run `passbook ARGUMENTS`; its output is the task's log.

    What a second try cannot heal (bad data, a broken contract) fails at once.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, arguments: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:  # noqa: ARG002 (Airflow's signature)
        """Run the command to its end.

        Raises:
            AirflowFailException: The data or the contract is at fault.
            AirflowException: Anything else; worth another try.
        """
        self.log.info("To repeat by hand: %s", by_hand(self.arguments))
        lines: list[str] = []
        with self._started() as output:
            for line in output:
                lines.append(COLOUR.sub("", line.rstrip()))
                self.log.info("%s", lines[-1])
        code = self._process.returncode if self._process else 0
        if code < 0:
            raise AirflowException(f"stopped by signal {-code}, not by an error")
        if code in INCURABLE_EXIT_CODES:
            raise AirflowFailException(error_line(lines))
        if code:
            raise AirflowException(f"{error_line(lines)} (exit code {code})")

    @contextmanager
    def _started(self) -> Iterator[Iterator[str]]:
        """Yield the output of the running command, and wait for its end."""
        self._process = subprocess.Popen(
            [passbook(), *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            text=True,
            errors="backslashreplace",
        )
        with self._process as process:
            if process.stdout is None:
                raise AirflowException("the command's output could not be opened")
            yield iter(process.stdout)

    def on_kill(self) -> None:
        """Stop the command; its partition or candidate is then as it was before."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
