"""What the program did, as JSON lines in `PASSBOOK_HOME/logs`: a file a day.

Every outcome of the ledger is a line, and so is every error with its traceback. People
read the ledger; this is for the machine that collects logs.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from ingestion.tokens import masked_text

LOGGER = "passbook"
KEPT_FILES = 30


class _Quiet(logging.FileHandler):
    """Loses a line that cannot be written, on a full disk say, and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: the step that the line is about says what is wrong."""


def start_log(home: Path) -> None:
    """Have what is logged under `passbook` written below a home folder from now on.

    Of old files the newest 30 stay. Card numbers are masked, wherever they stand.
    """
    folder = home / "logs"
    logger = logging.getLogger(LOGGER)
    for earlier in logger.handlers[:]:
        logger.removeHandler(earlier)
        earlier.close()
    logger.propagate = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The log's own day: what is logged is not of one business date.
        handler = _Quiet(folder / f"{datetime.now(UTC):%Y-%m-%d}.jsonl")
    except OSError:  # Who may only read still gets an answer.
        logger.addHandler(logging.NullHandler())
        return
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                _masked,
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ExtraAdder(),
            ],
        )
    )
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    for old in sorted(folder.glob("*.jsonl"))[:-KEPT_FILES]:
        old.unlink(missing_ok=True)


def _masked(_logger: object, _name: str, line: Any) -> str:
    return masked_text(str(line))
