"""The log is JSON lines, one a thing that happened, without card numbers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from warehouse.ledger import Ledger, Outcome
from warehouse.logs import KEPT_FILES, LOGGER, start_log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    start_log(tmp_path)
    yield tmp_path / "logs"
    logger = logging.getLogger(LOGGER)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


def lines(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_outcome_is_a_line_with_all_that_the_ledger_has(
    log: Path, tmp_path: Path
) -> None:
    outcome = Outcome("land", "atm.transactions", "2026-03-01", "landed", rows_in=7)
    written = Ledger(tmp_path / "ledger").write(outcome)
    (line,) = lines(log)
    assert line["event"] == "atm.transactions 2026-03-01: landed, 7 in, 0 landed"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert line["outcome"] == json.loads(json.dumps(vars(written)))


def test_an_error_is_a_line_with_its_traceback_and_no_card_number(log: Path) -> None:
    try:
        raise ValueError("cannot cast 4111 1111 1111 1111")
    except ValueError as error:
        logging.getLogger(LOGGER).error("the build failed", exc_info=error)
    (line,) = lines(log)
    assert "Traceback" in line["exception"]
    assert "cannot cast" in line["exception"]
    assert "1111 1111" not in json.dumps(line)


def test_started_again_it_writes_each_line_once(log: Path, tmp_path: Path) -> None:
    start_log(tmp_path)
    logging.getLogger(LOGGER).warning("once")
    assert [line["event"] for line in lines(log)] == ["once"]


def test_old_files_are_removed(tmp_path: Path, log: Path) -> None:
    for number in range(KEPT_FILES + 5):
        (log / f"2020-01-{number:03}.jsonl").write_text("{}")
    start_log(tmp_path)
    names = sorted(p.name for p in log.glob("*.jsonl"))
    assert len(names) == KEPT_FILES
    assert names[0] > "2020-01-004"


def test_who_may_not_write_still_gets_an_answer(tmp_path: Path, log: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    start_log(tmp_path / "file")
    logging.getLogger(LOGGER).warning("lost")
    assert list(log.glob("*.jsonl"))


def test_a_line_that_cannot_be_written_is_lost_in_silence(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = logging.getLogger(LOGGER).handlers
    handler = next(h for h in handlers if isinstance(h, logging.FileHandler))
    # Closed, the stream once more says that nothing fits.
    with suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        handler.stream.close()
        handler.stream = full
        logging.getLogger(LOGGER).warning("lost")
        handler.stream = None  # type: ignore[assignment]
    assert capsys.readouterr().err == ""
    assert log.exists()
