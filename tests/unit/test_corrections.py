"""A day is landed from the files that are its own, the latest ones, and still ones."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ingestion.formats.byte_lines as byte_lines
from ingestion.contract import Contract
from ingestion.errors import LandingRefused
from tests.conftest import DAY, Channel, column, feed, key

NEXT = date(2026, 3, 2)


def agreed(channel: Channel, kind: str = "none", **delivery: Any) -> Contract:
    columns = [key(), column("at", "timestamp", required=True)]
    layout = {"format": "csv", "path": "f*.csv"}
    return channel.agree(feed("f", columns, layout, {"kind": kind}, delivery))


def vouch(channel: Channel, control: str, data: bytes, **said: Any) -> None:
    name = f"f{hashlib.sha256(data).hexdigest()[:8]}.csv"
    channel.deliver(data, name)
    document = {
        "channel": "c",
        "feed": "f",
        "business_date": channel.day.isoformat(),
        "files": [
            {
                "name": name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "rows": data.count(b"\n") - 1,
                "bytes": len(data),
            }
        ],
        "rows": data.count(b"\n") - 1,
        **said,
    }
    (channel.folder / control).write_text(json.dumps(document), encoding="utf-8")


ONE = b"id,at\n1,2026-03-01 10:00:00\n"
TWO = b"id,at\n1,2026-03-01 10:00:00\n2,2026-03-01 11:00:00\n"


def test_a_corrected_file_replaces_the_day_and_the_earlier_one_is_kept(
    channel: Channel,
) -> None:
    contract = agreed(channel, "file")
    vouch(channel, "f.ctl.json", ONE)
    first = channel.land(contract)
    vouch(channel, "f.2.ctl.json", TWO, sequence=2)
    second = channel.land(contract)
    assert (second.sequence, second.landed) == (2, 2)
    assert second.superseded == ("f.ctl.json",)
    lake, only = channel.lake, contract.feed("f")
    (kept,) = lake.superseded(only, DAY)
    assert (kept["fingerprint"], kept["landed"]) == (first.fingerprint, 1)
    folder = lake.superseded_folder(only, DAY) / first.fingerprint[:16]
    assert pq.read_table(folder / "2026-03-01.parquet").num_rows == 1
    assert channel.land(contract).verdict == "unchanged"
    assert len(lake.superseded(only, DAY)) == 1


def test_a_landing_that_only_the_contract_changed_keeps_no_copy(
    channel: Channel,
) -> None:
    channel.deliver(ONE)
    channel.land(agreed(channel))
    contract = agreed(channel, required=False)
    assert channel.land(contract).verdict == "landed"
    assert channel.lake.superseded(contract.feed("f"), DAY) == []


def test_two_control_files_that_claim_one_sequence_are_refused(
    channel: Channel,
) -> None:
    contract = agreed(channel, "file")
    vouch(channel, "f.ctl.json", ONE)
    vouch(channel, "f.1.ctl.json", TWO)
    with pytest.raises(LandingRefused, match="both claim to be the last"):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


def test_a_later_control_file_with_an_older_sequence_is_refused(
    channel: Channel,
) -> None:
    contract = agreed(channel, "file")
    vouch(channel, "f.ctl.json", ONE, sequence=3)
    vouch(channel, "f.2.ctl.json", TWO, sequence=2)
    with pytest.raises(LandingRefused, match="both claim to be the last"):
        channel.land(contract)


def test_the_same_control_file_twice_is_no_conflict(channel: Channel) -> None:
    contract = agreed(channel, "file")
    vouch(channel, "f.ctl.json", ONE)
    vouch(channel, "f.1.ctl.json", ONE)
    assert channel.land(contract).landed == 1


def test_a_file_of_another_day_is_refused(channel: Channel) -> None:
    contract = agreed(channel, date_column="at")
    channel.deliver(b"id,at\n1,2026-02-28 10:00:00\n2,2026-03-02 10:00:00\n")
    with pytest.raises(LandingRefused, match="is of another day"):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


def test_the_day_is_the_banks_own(channel: Channel) -> None:
    contract = agreed(channel, date_column="at")
    channel.deliver(b"id,at\n1,2026-03-01 00:00:00\n2,2026-03-01 23:59:59\n")
    assert channel.land(contract).warnings == ()


def test_a_file_mostly_of_other_days_is_warned_of(channel: Channel) -> None:
    contract = agreed(channel, date_column="at")
    channel.deliver(
        b"id,at\n1,2026-03-01 10:00:00\n2,2026-02-28 10:00:00\n3,2026-02-28 10:00:00\n"
    )
    (warning,) = channel.land(contract).warnings
    assert warning == "2 of 3 rows are of other days than 2026-03-01 by 'at'"


def test_the_same_events_under_another_date_are_refused(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(ONE)
    channel.land(contract)
    channel.day = NEXT
    channel.deliver(ONE)
    with pytest.raises(LandingRefused, match="same file as that of 2026-03-01"):
        channel.land(contract)


@pytest.mark.parametrize("data", [b"id,at\n", ONE], ids=["no rows", "a snapshot"])
def test_a_quiet_day_may_look_like_the_one_before(
    channel: Channel, data: bytes
) -> None:
    content = "snapshot" if data == ONE else "events"
    contract = agreed(channel, content=content)
    for day in (DAY, NEXT):
        channel.day = day
        channel.deliver(data)
        assert channel.land(contract).verdict == "landed"


@pytest.mark.parametrize("change", ["grow", "replace", "remove"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    contract = agreed(channel)
    path = channel.deliver(ONE)
    honest = byte_lines.read_blocks

    def meddling(file: Path) -> Any:
        yield from honest(file)
        if change == "grow":
            with path.open("ab") as stream:
                stream.write(b"2,2026-03-01 11:00:00\n")
        elif change == "replace":
            path.with_name("new").write_bytes(ONE)
            path.with_name("new").replace(path)
        else:
            path.unlink()

    monkeypatch.setattr(byte_lines, "read_blocks", meddling)
    with pytest.raises(LandingRefused, match="changed while it was read"):
        channel.land(contract)
    assert not (channel.root / "lake" / "raw").exists()


def test_a_refused_landing_leaves_its_rejects_to_look_at(channel: Channel) -> None:
    columns = [key(), column("at", "timestamp", required=True)]
    layout = {"format": "csv", "path": "f*.csv"}
    ceiling = {"max_count": 1, "max_ratio": 0.5}
    contract = channel.agree(feed("f", columns, layout, rejects=ceiling))
    channel.deliver(b"id,at\n1,x\n2,y\n3,2026-03-01 10:00:00\n")
    with pytest.raises(LandingRefused, match="passbook rejects c 2026-03-01"):
        channel.land(contract)
    lake, only = channel.lake, contract.feed("f")
    assert pq.read_table(lake.refused(only, DAY)).num_rows == 2
    assert not lake.rejects(only, DAY).exists()
    # The source mends one of them: the day lands, and the rest is in the rejects.
    channel.deliver(b"id,at\n1,2026-03-01 09:00:00\n2,y\n3,2026-03-01 10:00:00\n")
    landed = channel.land(contract)
    assert (landed.landed, landed.rejected) == (2, 1)
    assert not lake.refused(only, DAY).exists()
    # The contract learns the format of the last one: nothing is rejected any more.
    columns[1]["customProperties"] = [
        {"property": "null_values", "value": ["y"]},
    ]
    columns[1]["required"] = False
    contract = channel.agree(feed("f", columns, layout, rejects=ceiling))
    assert channel.land(contract).rejected == 0
    assert not lake.rejects(only, DAY).exists()
