"""A partition is replaced in one instant, and its manifest says what it is."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from tests.conftest import DAY, Channel, feed, key

CSV = {"format": "csv", "path": "f.csv"}


def test_staging_leaves_nothing_whatever_happens(channel: Channel) -> None:
    lake = channel.lake
    with lake.staging() as folder:
        (folder / "half").write_bytes(b"x")
    assert not folder.exists()
    with pytest.raises(ZeroDivisionError), lake.staging():
        _ = 1 / 0
    assert list((lake.root / ".incoming").iterdir()) == []


def test_dates_are_those_with_a_partition_in_order(channel: Channel) -> None:
    contract = channel.agree(feed("f", [key()], CSV))
    for day in (date(2026, 3, 2), DAY):
        channel.day = day
        channel.deliver(f"id\n{day}\n".encode())
        channel.land(contract)
    lake, only = channel.lake, contract.feed("f")
    assert lake.dates(only) == [DAY, date(2026, 3, 2)]
    assert [s["business_date"] for s in lake.all_standing()] == [
        "2026-03-01",
        "2026-03-02",
    ]
    lake.drop(only, DAY)
    assert lake.dates(only) == [date(2026, 3, 2)]


def test_what_a_killed_landing_left_goes_with_the_next_one(channel: Channel) -> None:
    left = channel.lake.root / ".incoming" / "left"
    left.mkdir(parents=True)
    with channel.lake.staging() as folder:
        assert not left.exists()
        (folder / "half").write_bytes(b"x")
        with channel.lake.staging():
            assert (folder / "half").exists()
        channel.lake.clear_staging()
        assert (folder / "half").exists()


KILLED_AT_A_RENAME = """
import os, sys
from pathlib import Path
import ingestion.landing
from tests.conftest import Channel
from ingestion.contract import load_contract
channel = Channel(Path(sys.argv[1]))
contract = load_contract(channel.root / "contracts" / "c.odcs.yaml")
left = int(sys.argv[2])

def hook(event, args):
    global left
    left -= event == "os.rename"
    if left < 0:
        os._exit(9)

sys.addaudithook(hook)
channel.land(contract)
"""


def killed_at(channel: Channel, rename: int) -> int:
    command = [sys.executable, "-c", KILLED_AT_A_RENAME, str(channel.root), str(rename)]
    return subprocess.run(command, check=False).returncode


def test_a_landing_that_is_killed_half_way_is_not_believed(channel: Channel) -> None:
    contract = channel.agree(feed("f", [key()], CSV))
    channel.deliver(b"id\n1\n")
    channel.land(contract)
    channel.deliver(b"id\n1\n2\n")
    assert killed_at(channel, 1) == 9
    assert list(channel.lake.all_standing()) == []
    channel.deliver(b"id\n1\n")
    assert channel.land(contract).verdict == "landed"
    assert [r["id"] for r in channel.rows(contract)] == ["1"]


def test_a_landing_that_is_killed_leaves_the_earlier_one_as_it_was(
    channel: Channel,
) -> None:
    contract = channel.agree(feed("f", [key()], CSV))
    channel.deliver(b"id\n1\n")
    channel.land(contract)
    path = channel.lake.partition(contract.feed("f"), DAY)
    before = path.read_bytes()
    channel.deliver(b"id\n1\n2\n")
    assert killed_at(channel, 0) == 9
    assert path.read_bytes() == before
    assert list((channel.root / "lake" / ".incoming").iterdir())
    assert channel.land(contract).landed == 2
    channel.lake.clear_staging()
    assert not (channel.root / "lake" / ".incoming").exists()
