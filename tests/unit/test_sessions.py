"""A database in memory writes what does not fit where it is told to, and clears it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.sessions import in_memory


def test_what_does_not_fit_in_memory_goes_to_the_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, spill = tmp_path / "here", tmp_path / "spill"
    here.mkdir()
    monkeypatch.chdir(here)
    with in_memory(spill) as connection:
        connection.execute("set memory_limit = '60MB'; set threads = 1")
        connection.execute(
            "create table much as select range as n, md5(range::varchar) as word "
            "from range(3_000_000)"
        )
        assert list(spill.iterdir())
    assert list(here.iterdir()) == []
    assert not spill.exists() or list(spill.iterdir()) == []
