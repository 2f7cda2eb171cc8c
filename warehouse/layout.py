"""Which version of the code a home folder was written by, as far as its files differ.

A home of an earlier layout is brought to the present one, step by step; one of a later
layout is refused, for this code would misread it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ingestion.artefacts import write_json
from ingestion.errors import SettingsError

NOTE = "layout.json"
# How a home is brought from each layout to the next; the present one is their number.
# Layout 0 is of before there was a note: it differs by the note alone.
STEPS: tuple[Callable[[Path], None], ...] = (lambda _home: None,)


def hold_layout(home: Path, steps: Sequence[Callable[[Path], None]] = STEPS) -> None:
    """Bring a home to the present layout, or refuse it.

    Each step is noted when it is done, so that one that was killed is done again.

    Raises:
        SettingsError: It was written by a later version of the code, or its note cannot
            be read.
    """
    found = _layout(home)
    if found > len(steps):
        raise SettingsError(
            str(home),
            "was written by a later version of Passbook",
            expected=f"layout {len(steps)} or earlier",
            found=f"layout {found}",
            remedy="Install that version, or set PASSBOOK_HOME to another folder.",
        )
    for number in range(found, len(steps)):
        steps[number](home)
        write_json(home / NOTE, {"layout": number + 1})


def _layout(home: Path) -> int:
    path = home / NOTE
    if not path.exists():
        return 0
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["layout"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            str(path),
            f"cannot be read: {error}",
            remedy=f'Write {{"layout": {len(STEPS)}}} into it if this version of '
            "Passbook wrote the folder.",
        ) from None
