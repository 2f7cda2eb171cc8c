"""What changed in a file is landed where it can be, and named where to edit."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contract import Contract
from ingestion.errors import ContractError, LandingRefused
from tests.conftest import Channel, column, feed, key

CODES = {"A": "active", "C": "closed"}


def agreed(channel: Channel, **layout: Any) -> Contract:
    columns = [key(), column("note"), column("state", codes=CODES)]
    described = {"format": "csv", "path": "f.csv", **layout}
    return channel.agree(feed("f", columns, described))


def line_of(channel: Channel, text: str) -> str:
    path = channel.root / "contracts" / "c.odcs.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    # The item of a list begins where its keys do.
    place = next(n for n, line in enumerate(lines) if line.strip() == text)
    item = " " * (len(lines[place]) - len(lines[place].lstrip(" -")) - 2) + "- "
    start = max(n for n in range(place + 1) if lines[n].startswith(item))
    return f"c.odcs.yaml line {start + 1}"


def test_a_new_column_lands_in_a_map_without_card_numbers(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(
        b"id,fee,note,state,remark\n1,5,a,A,card 4111 1111 1111 1111\n2,,b,C,\n"
    )
    landed = channel.land(contract)
    assert landed.rejected == 0
    extra = [dict(row["extra"]) for row in channel.rows(contract)]
    assert extra == [
        {"fee": "5", "remark": "card ****1111"},
        {"fee": "", "remark": ""},
    ]
    (warning,) = landed.warnings
    assert "'fee', 'remark'" in warning
    assert "c.odcs.yaml line" in warning


def test_a_column_that_is_known_and_not_wanted_is_passed_over(channel: Channel) -> None:
    contract = agreed(channel, ignored_columns=["fee"])
    channel.deliver(b"id,fee,note,state\n1,5,a,A\n")
    landed = channel.land(contract)
    assert landed.warnings == ()
    assert channel.rows(contract)[0]["extra"] is None


def test_new_keys_of_json_objects_land_in_the_map_too(channel: Channel) -> None:
    columns = [key(), column("address", physicalName="from.address")]
    layout = {"format": "json_lines", "path": "f.csv"}
    contract = channel.agree(feed("f", columns, layout))
    channel.deliver(
        b'{"id": "1", "from": {"address": "a@b.cn"}}\n'
        b'{"id": "2", "from": {"address": "c", "name": "d"}, "tags": ["x", 1]}\n'
    )
    landed = channel.land(contract)
    assert [dict(r["extra"] or ()) for r in channel.rows(contract)] == [
        {},
        {"from.name": "d", "tags": '["x",1]'},
    ]
    assert "'from.name', 'tags'" in landed.warnings[0]


def test_parquet_of_other_types_lands_by_value(channel: Channel) -> None:
    columns = [
        key(),
        column("amount", "number", physicalType="decimal(18,2)"),
        column("count", "integer"),
        column("at", "timestamp"),
        column("note"),
    ]
    contract = channel.agree(feed("f", columns, {"format": "parquet", "path": "f.csv"}))
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int16()),
            "amount": pa.array([1.5, 1e15]),
            "count": pa.array([3.0, 4e5], pa.float32()),
            "at": pa.array([0, 10**15], pa.timestamp("ns")),
            "note": pa.array([{"a": 1}, None], pa.struct([("a", pa.int8())])),
            "blob": pa.array([b"\xff", b"a"]),
            "kinds": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, channel.folder / "f.csv")
    assert channel.land(contract).rejected == 0
    first, second = channel.rows(contract)
    assert (first["id"], str(first["amount"]), first["count"]) == ("1", "1.50", 3)
    assert (second["id"], str(second["amount"]), second["count"]) == (
        "2",
        "1000000000000000.00",
        400_000,
    )
    assert str(second["at"]) == "1970-01-12 05:46:40"
    assert first["note"] == '{"a": 1}'
    assert dict(second["extra"]) == {"blob": "61", "kinds": "y"}


def test_a_renamed_optional_column_is_named_with_its_line(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,notes,state\n1,a,A\n")
    landed = channel.land(contract)
    assert [row["note"] for row in channel.rows(contract)] == [None]
    said = " ".join(landed.warnings)
    assert "optional column 'note' is not in the file; if it is called 'notes'" in said
    assert line_of(channel, "name: note") in said


def test_a_renamed_required_column_refuses_the_file_and_names_its_line(
    channel: Channel,
) -> None:
    contract = agreed(channel)
    channel.deliver(b"ids,note,state\n1,a,A\n")
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    assert "the nearest is 'ids'" in str(refused.value)
    assert line_of(channel, "name: id") in str(refused.value)


def test_columns_in_another_order_are_no_change(channel: Channel) -> None:
    contract = agreed(channel)
    channel.deliver(b"state,id,note\nA,1,a\n")
    landed = channel.land(contract)
    assert (landed.rejected, landed.warnings) == (0, ())


def test_new_codes_are_counted_and_named_with_the_line_to_edit(
    channel: Channel,
) -> None:
    contract = agreed(channel)
    channel.deliver(b"id,note,state\n1,a,X\n2,b,X\n3,c,Y\n4,d,A\n")
    landed = channel.land(contract)
    assert landed.reasons == {"unknown_code": 3}
    (warning,) = landed.warnings
    assert "'X' (2x), 'Y' (1x)" in warning
    assert line_of(channel, "name: state") in warning


def test_a_number_that_became_wider_is_rejected_and_not_cut(channel: Channel) -> None:
    columns = [key(), column("count", "integer", physicalType="smallint")]
    contract = channel.agree(feed("f", columns, {"format": "csv", "path": "f.csv"}))
    channel.deliver(b"id,count\n1,32767\n2,32768\n3,-32769\n")
    landed = channel.land(contract)
    assert landed.reasons == {"not_a_integer": 2}
    assert {r["expected"] for r in channel.rejects(contract)} == {"smallint"}
    (warning,) = landed.warnings
    assert "'count': 2 rows rejected, not_a_integer, expected smallint" in warning
    assert line_of(channel, "name: count") in warning


def test_a_value_that_is_to_be_kept_costs_no_row(channel: Channel) -> None:
    contract = channel.agree(
        feed(
            "f",
            [
                key(),
                column("born", "date", date_formats=["%Y%m%d"], unreadable="keep"),
                column("since", "date"),
            ],
            {"format": "csv", "path": "f.csv"},
        )
    )
    channel.deliver(
        b"id,born,since\n1,19560409,2020-01-01\n2,19551192,2020-01-01\n"
        b"3,,2020-01-01\n4,19990101,never\n"
    )
    landed = channel.land(contract)
    assert (landed.landed, landed.rejected) == (3, 1)
    rows = channel.rows(contract)
    assert [r["born"] for r in rows] == [date(1956, 4, 9), None, None]
    assert [dict(r["extra"] or ()) for r in rows] == [{}, {"born": "19551192"}, {}]
    assert [r["column_name"] for r in channel.rejects(contract)] == ["since"]


def test_what_cannot_be_kept_is_not_agreed(channel: Channel) -> None:
    with pytest.raises(ContractError, match="may be empty"):
        channel.agree(
            feed(
                "f",
                [key(unreadable="keep")],
                {"format": "csv", "path": "f.csv"},
            )
        )
