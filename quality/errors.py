"""What can go wrong with a check itself, as opposed to the data that it checks."""

from __future__ import annotations

from ingestion.errors import PassbookError


class GateError(PassbookError):
    """A rule could not be put to the data: nothing is said about the data itself."""
