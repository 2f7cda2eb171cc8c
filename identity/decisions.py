"""What people decided about two records: obeyed by every night until it is undone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from ingestion.errors import SettingsError

DecisionCode = Literal["same", "different", "undone"]


@dataclass(frozen=True)
class Decision:
    """One word about two records; the later one about the same two holds."""

    left_record_id: str
    right_record_id: str
    code: DecisionCode
    decided_date: date
    decided_by: str
    note: str = ""

    def row(self) -> tuple[str, str, str, date, str, str]:
        """Return it as a row of `identity.decisions`."""
        return (
            self.left_record_id,
            self.right_record_id,
            self.code,
            self.decided_date,
            self.decided_by,
            self.note,
        )


class Decisions:
    """A folder of decisions, one small file each, in order of their number.

    They stand beside the editions and not in one, so that no rollback forgets them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Decision]:
        """Return every decision that was ever made, oldest first."""
        return [_read(path) for path in sorted(self._folder.glob("*.json"))]

    def in_force(self) -> list[Decision]:
        """Return what holds now, in order of the records."""
        latest = {(d.left_record_id, d.right_record_id): d for d in self.all()}
        return sorted(
            (d for d in latest.values() if d.code != "undone"),
            key=lambda d: (d.left_record_id, d.right_record_id),
        )

    def decide(
        self, one: str, other: str, code: DecisionCode, by: str, note: str, on: date
    ) -> Decision:
        """Write a decision about two records and return it.

        Raises:
            SettingsError: The two are one record, or there is nothing to undo.
        """
        if one == other:
            raise SettingsError(one, "is one record: a decision is about two")
        left, right = sorted((one, other))
        decided = Decision(left, right, code, on, by, note)
        standing = [(d.left_record_id, d.right_record_id) for d in self.in_force()]
        if code == "undone" and (left, right) not in standing:
            raise SettingsError(f"{left} and {right}", "there is no decision to undo")
        self._write(decided)
        return decided

    def _write(self, decided: Decision) -> None:
        """Write the next number's file; of two at once the second takes the next."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(decided), ensure_ascii=False, default=str, indent=1)
        part = self._folder / f".{uuid.uuid4().hex}"
        part.write_text(text + "\n", encoding="utf-8")
        try:
            for number in _numbers(self._folder):
                try:
                    (self._folder / f"{number:06d}.json").hardlink_to(part)
                    return
                except FileExistsError:
                    continue
        finally:
            part.unlink()


def _numbers(folder: Path) -> Iterable[int]:
    last = max((int(p.stem) for p in folder.glob("[0-9]*.json")), default=0)
    return range(last + 1, last + 1_000_000)


def _read(path: Path) -> Decision:
    """Return the decision of a file.

    Raises:
        SettingsError: It is not one; nothing is guessed about what people decided.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["decided_date"] = date.fromisoformat(values["decided_date"])
        decided = Decision(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(str(path), f"is no decision: {error}") from None
    if decided.code not in get_args(DecisionCode):
        raise SettingsError(str(path), f"is no decision: {decided.code!r}")
    return decided
