"""The table of exit codes is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import quality.errors  # noqa: F401
from ingestion.errors import PassbookError

TABLE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def kinds(base: type[PassbookError]) -> set[type[PassbookError]]:
    return {base}.union(*(kinds(kind) for kind in base.__subclasses__()))


def documented() -> dict[str, int]:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| .+ \| .+ \|$", TABLE.read_text(), re.MULTILINE
    )
    return {name: int(code) for code, name in rows}


def test_every_kind_of_error_is_documented_with_its_exit_code() -> None:
    found = {kind.__name__: kind.exit_code for kind in kinds(PassbookError)}
    assert len(found) > 5
    assert documented() == found


@pytest.mark.parametrize("kind", sorted(kinds(PassbookError), key=lambda k: k.__name__))
def test_an_error_is_one_line_with_all_its_parts(kind: type[PassbookError]) -> None:
    error = kind("atm", "broke\nin two", expected="a\n b", found="c", remedy="Mend it.")
    assert str(error) == "atm: broke in two; expected a b; found c. Mend it."
    assert 0 < kind.exit_code < 126
