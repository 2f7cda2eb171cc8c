"""An extract is the files that its control file or its pattern names."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.extract import control_paths, extract_folder, is_complete
from tests.conftest import DAY, Channel, feed, key


def agreed(channel: Channel, cadence: str = "daily", kind: str = "file") -> Any:
    delivery = {"cadence": cadence, "effective_date": "2026-01-01"}
    layout = {"format": "csv", "path": "f*.csv"}
    return channel.agree(feed("f", [key()], layout, {"kind": kind}, delivery)).feed("f")


def test_control_files_are_those_of_the_feed_in_order_of_sequence(
    channel: Channel,
) -> None:
    names = [
        "f.ctl.json",
        "f.10.ctl.json",
        "f.9.ctl.json",
        "f_more.ctl.json",
        "f.x.ctl.json",
        "f.0.ctl.json",
        "g.ctl.json",
        "f.ctl.json.part",
    ]
    for name in names:
        channel.deliver(b"", name)
    found = [p.name for p in control_paths(agreed(channel), channel.folder)]
    assert found == ["f.ctl.json", "f.9.ctl.json", "f.10.ctl.json"]


@pytest.mark.parametrize(("kind", "name"), [("file", "f.ctl.json"), ("none", "f1.csv")])
def test_completeness_is_the_arrival_of_what_comes_last(
    channel: Channel, kind: str, name: str
) -> None:
    due = agreed(channel, kind=kind)
    extracts = channel.root / "extracts"
    assert not is_complete(due, extracts, DAY)
    channel.deliver(b"", name)
    assert is_complete(due, extracts, DAY)
    assert not is_complete(due, extracts, date(2026, 3, 2))


def test_undated_files_lie_in_the_channels_folder_or_beside_it(
    channel: Channel, tmp_path: Path
) -> None:
    static = agreed(channel, "static")
    assert extract_folder(static, tmp_path, DAY) == tmp_path
    (tmp_path / "c").mkdir()
    assert extract_folder(static, tmp_path, DAY) == tmp_path / "c"
    assert extract_folder(agreed(channel), tmp_path, DAY) == tmp_path / "c/2026-03-01"
