"""A home folder of an earlier version is brought forward, one of a later is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion.errors import SettingsError
from warehouse.layout import NOTE, STEPS, hold_layout


def layout(home: Path) -> int:
    found: int = json.loads((home / NOTE).read_text())["layout"]
    return found


def test_a_new_home_and_one_without_a_note_get_the_present_layout(
    tmp_path: Path,
) -> None:
    hold_layout(tmp_path)
    assert layout(tmp_path) == len(STEPS)
    hold_layout(tmp_path)
    assert layout(tmp_path) == len(STEPS)


def test_an_earlier_home_takes_the_steps_it_lacks_in_order(tmp_path: Path) -> None:
    taken: list[int] = []
    steps = [lambda _home, n=n: taken.append(n) for n in range(4)]
    (tmp_path / NOTE).write_text('{"layout": 2}')
    hold_layout(tmp_path, steps)
    assert taken == [2, 3]
    assert layout(tmp_path) == 4


def test_a_step_that_fails_is_taken_again(tmp_path: Path) -> None:
    taken: list[int] = []

    def fails(_home: Path) -> None:
        taken.append(1)
        if len(taken) < 2:
            raise OSError("disk full")

    for attempt in range(2):
        if attempt == 0:
            with pytest.raises(OSError, match="disk full"):
                hold_layout(tmp_path, [lambda _home: None, fails])
            assert layout(tmp_path) == 1
        else:
            hold_layout(tmp_path, [lambda _home: None, fails])
    assert (taken, layout(tmp_path)) == ([1, 1], 2)


def test_a_later_home_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text(json.dumps({"layout": len(STEPS) + 1}))
    with pytest.raises(SettingsError, match=r"later version.*Install that version"):
        hold_layout(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"layout": "x"}', "[]"])
def test_a_note_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE).write_text(text)
    with pytest.raises(SettingsError, match="cannot be read"):
        hold_layout(tmp_path)
