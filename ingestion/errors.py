"""What can go wrong, said in one line: what, where, expected, found, what to do.

Every error that a person may meet is a `PassbookError`. Its exit code says of which
kind it is; `docs/exit-codes.md` lists them, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar


class PassbookError(Exception):
    """An error whose message is one line that a data engineer can act on."""

    exit_code = 1

    def __init__(
        self,
        where: str,
        what: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Compose the line from its parts; parts that are None are left out."""
        self.where = where
        self.what = what
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(self.line())

    def line(self) -> str:
        """Return the whole message as one line without line breaks."""
        parts = [f"{self.where}: {self.what}"]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        text = "; ".join(parts) + "."
        if self.remedy:
            text = f"{text} {self.remedy}"
        return " ".join(text.split())


Kind = TypeVar("Kind", bound=PassbookError)


def joined(errors: Sequence[Kind]) -> Kind:
    """Return the one error, or one of the first's kind that has a line for each."""
    if len(errors) == 1:
        return errors[0]
    combined = type(errors[0])("", "")
    combined.args = ("\n".join(map(str, errors)),)
    return combined


class ContractError(PassbookError):
    """A contract file is not a valid contract."""

    exit_code = 2


class SettingsError(PassbookError):
    """A setting or an argument cannot be used."""

    exit_code = 2


class LandingRefused(PassbookError):
    """An extract was refused; the partition stays as it was."""

    exit_code = 3


class MissingExtract(LandingRefused):
    """The extract is not there, or not complete by its control file."""


class CheckStopped(PassbookError):
    """A rule of severity error failed on landed data."""

    exit_code = 4


class BuildFailed(PassbookError):
    """The candidate could not be built; it was thrown away."""

    exit_code = 5


class GateStopped(PassbookError):
    """The candidate did not pass its gate; the current edition stays."""

    exit_code = 6


class NotReady(PassbookError):
    """Something is not there yet, or held by someone else: try again later."""

    exit_code = 75
