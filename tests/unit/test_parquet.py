"""Parquet lands as any other file does, and a damaged one not at all."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ingestion.formats.parquet as parquet
from ingestion.contract import Contract
from ingestion.errors import LandingRefused
from tests.conftest import Channel, column, feed, key


def packed(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def agreed(channel: Channel, *more: dict[str, Any]) -> Contract:
    return channel.agree(
        feed("f", [key(), *more], {"format": "parquet", "path": "f.csv"})
    )


def test_typed_columns_land_without_loss(channel: Channel) -> None:
    contract = agreed(
        channel,
        column("amount", "number", physicalType="decimal(18,2)"),
        column("seen_at", "timestamp"),
        column("local_at", "timestamp"),
        column("day", "date"),
        column("is_new", "boolean"),
        column("count", "integer"),
    )
    moment = datetime(2026, 3, 1, 2, 0, 0, 123456, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array(["a"]).dictionary_encode(),
            "amount": pa.array([Decimal("12.5000")], pa.decimal128(20, 4)),
            "seen_at": pa.array([moment], pa.timestamp("ns", "America/New_York")),
            "local_at": pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")),
            "day": pa.array([moment.date()], pa.date32()),
            "is_new": [True],
            "count": [2**53 + 1],
        }
    )
    channel.deliver(packed(table))
    assert channel.land(contract).landed == 1
    (row,) = channel.rows(contract)
    assert row["amount"] == Decimal("12.50")
    assert row["seen_at"] == moment.replace(tzinfo=None)
    # Without a zone it is the bank's own clock: Shanghai is eight hours ahead.
    assert row["local_at"] == moment.replace(day=28, month=2, hour=18, tzinfo=None)
    assert (row["day"], row["is_new"]) == (moment.date(), True)
    assert row["count"] == 2**53 + 1


def test_rows_are_numbered_through_all_batches(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 10)
    contract = agreed(channel)
    ids = [None if n % 7 == 0 else str(n) for n in range(1, 51)]
    channel.deliver(packed(pa.table({"id": ids})))
    landed = channel.land(contract)
    assert (landed.records_in, landed.landed, landed.rejected) == (50, 43, 7)
    assert [r["source_line"] for r in channel.rejects(contract)] == list(
        range(7, 50, 7)
    )


WHOLE = packed(pa.table({"id": [str(n) for n in range(1000)]}))
DAMAGED = {
    "empty": b"",
    "truncated": WHOLE[:-20],
    "cut in half": WHOLE[: len(WHOLE) // 2],
    "no Parquet": b"id\n1\n",
    "magic only": b"PAR1PAR1",
    "broken footer": WHOLE[:-60] + bytes(52) + WHOLE[-8:],
    "doubled column": packed(pa.table([["1"], ["2"]], names=["id", "id"])),
    "bytes that are no text": packed(pa.table({"id": [b"\xff\xfe"]})),
    "renamed and empty": packed(pa.table({"idd": pa.array([], pa.string())})),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_refused_whole(channel: Channel, data: bytes) -> None:
    contract = agreed(channel)
    channel.deliver(data)
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    assert "\n" not in str(refused.value)
    assert not (channel.root / "lake" / "raw").exists()


def test_there_are_cases_to_test() -> None:
    assert DAMAGED
