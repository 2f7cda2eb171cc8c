"""What people decided is kept, in order, and is undone by a further word only."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from identity.decisions import Decisions
from identity.masking import shown
from ingestion.errors import SettingsError

DAY = date(2026, 3, 1)


def test_the_latest_word_about_a_pair_holds(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions")
    assert decisions.in_force() == []
    decisions.decide("b", "a", "same", "ana", "", DAY)
    decisions.decide("a", "b", "different", "bo", "saw both", DAY)
    decisions.decide("c", "d", "same", "ana", "", DAY)
    decisions.decide("d", "c", "undone", "ana", "", DAY)
    assert [(d.left_record_id, d.code, d.decided_by) for d in decisions.in_force()] == [
        ("a", "different", "bo")
    ]
    assert [d.code for d in decisions.all()] == ["same", "different", "same", "undone"]


def test_what_cannot_be_decided_is_refused(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions")
    with pytest.raises(SettingsError, match="one record"):
        decisions.decide("a", "a", "same", "ana", "", DAY)
    with pytest.raises(SettingsError, match="no decision to undo"):
        decisions.decide("a", "b", "undone", "ana", "", DAY)
    assert decisions.all() == []


@pytest.mark.parametrize("text", ["", "{}", '{"code": "perhaps"}', "[1]"])
def test_a_broken_file_of_decisions_stops_and_is_named(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "000001.json").write_text(text)
    with pytest.raises(SettingsError, match=r"000001\.json.*is no decision"):
        Decisions(tmp_path).in_force()


MASKED = {
    ("full_name", "王小明"): "王**",
    ("full_name", "smith john"): "s**** j***",
    ("phone", "+8613800138000"): "...8000",
    ("phone", "+861"): "...",
    ("email", "wang@mail.example"): "w...@mail.example",
    ("birth_date", "1980-01-02"): "1980-..-..",
    ("record_id", "phone:+8613800138000"): "phone:...8000",
    ("record_id", "core_banking:customer:1"): "core_banking:customer:1",
    ("sex_code", "male"): "male",
}


@pytest.mark.parametrize(("value", "due"), MASKED.items())
def test_an_analyst_sees_so_much_and_a_steward_all(
    value: tuple[str, str], due: str
) -> None:
    assert shown(*value, "analyst") == due
    assert shown(*value, "steward") == value[1]
    assert shown(value[0], None, "analyst") is None
