"""The ledger: one small JSON outcome a step, written by rename.

No step waits for another to write, and each outcome stands for the latest attempt at
its step, subject and business date. `ops.outcomes` of an edition is a copy of it.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# What a file of an outcome that is gone, cut off or not one at all raises.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class Outcome:
    """What one attempt at a step came to."""

    step: str
    subject: str
    business_date: str
    verdict: str
    message: str = ""
    rows_in: int = 0
    rows_out: int = 0
    rejected: int = 0
    seconds: float = 0.0
    fingerprint: str = ""
    code_version: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    finished_at: str = ""

    def line(self) -> str:
        """Return the outcome as one line for people."""
        where = f"{self.subject} {self.business_date}: "
        text = f"{where}{self.verdict}"
        if self.step == "land" and self.verdict in {"landed", "unchanged"}:
            text += f", {self.rows_in:,} in, {self.rows_out:,} landed"
            if self.rejected:
                text += f", {self.rejected:,} rejected"
        # An error begins with where it is, which the line says already.
        message = self.message.removeprefix(where)
        return f"{text} ({message})" if message else text


@dataclass(frozen=True)
class Ledger:
    """The folder of outcomes."""

    root: Path

    def write(self, outcome: Outcome) -> Outcome:
        """Record an outcome, in place of the last one of its step, subject and date."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stamped = Outcome(**{**asdict(outcome), "finished_at": now})
        path = self._path(outcome.step, outcome.subject, outcome.business_date)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{uuid.uuid4().hex}")
        text = json.dumps(asdict(stamped), ensure_ascii=False, default=str)
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
        log = logging.getLogger("passbook")
        log.info(stamped.line(), extra={"outcome": asdict(stamped)})
        return stamped

    def read(self, step: str, subject: str, business_date: str) -> Outcome | None:
        """Return the latest outcome, None where there is none that can be read."""
        path = self._path(step, subject, business_date)
        return _readable(path)

    def paths(self) -> list[Path]:
        """Return the file of every outcome, in order of step, subject and date."""
        return sorted(self.root.glob("*/*/*.json"))

    def all(self) -> Iterator[Outcome]:
        """Yield every outcome that can be read, in order of step, subject and date.

        One that cannot is passed over: no night may fail for what was said of another.
        """
        for path in self.paths():
            outcome = _readable(path)
            if outcome:
                yield outcome

    @staticmethod
    def fault(path: Path) -> str | None:
        """Return why the file of an outcome cannot be read, None where it can."""
        try:
            _read(path)
        except _UNREADABLE as error:
            return str(error)
        return None

    def _path(self, step: str, subject: str, business_date: str) -> Path:
        return self.root / step / subject / f"{business_date}.json"


def _readable(path: Path) -> Outcome | None:
    try:
        return _read(path)
    except _UNREADABLE:
        return None


def _read(path: Path) -> Outcome:
    values = json.loads(path.read_text(encoding="utf-8"))
    # An outcome of a later version may say more than this one knows.
    known = {f.name for f in fields(Outcome)}
    return Outcome(**{k: v for k, v in values.items() if k in known})
