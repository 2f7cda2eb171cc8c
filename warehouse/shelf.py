"""Where a bank's own models lie: a folder a version, and one of them in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import SettingsError

MODEL = "model.json"
_CURRENT = "current"


@dataclass(frozen=True)
class Shelf:
    """Saved models of one kind; `remedy` is the command that makes one."""

    folder: Path
    remedy: str

    @property
    def current(self) -> Path | None:
        """The file of the model in use, if one is."""
        path = self.folder / _CURRENT / MODEL
        return path if path.exists() else None

    def path(self, version: str) -> Path:
        """Return the file of a saved model.

        Raises:
            SettingsError: There is none of that version.
        """
        saved = sorted(p.parent.name for p in self.folder.glob(f"*/{MODEL}"))
        saved = [name for name in saved if name != _CURRENT]
        if version not in saved:
            raise SettingsError(
                version,
                "is no saved model",
                expected=", ".join(saved) or "none is saved",
                remedy=f"Run: {self.remedy}",
            )
        return self.folder / version / MODEL

    def use(self, version: str) -> None:
        """Make a saved model the one in use, at one instant.

        Raises:
            SettingsError: There is none of that version.
        """
        self.path(version)
        part = self.folder / f".{_CURRENT}-{os.getpid()}"
        part.unlink(missing_ok=True)
        part.symlink_to(version)
        part.replace(self.folder / _CURRENT)

    def drop(self) -> None:
        """Have no model in use; the saved ones stay."""
        (self.folder / _CURRENT).unlink(missing_ok=True)
