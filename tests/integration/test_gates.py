"""Landed feeds and candidates are held against their contracts, on a real DuckDB."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contract import Contract, load_contract
from ingestion.errors import ContractError
from ingestion.lake import Lake
from quality.candidate import GatedCandidate, gate_candidate
from quality.errors import GateError
from quality.landed import CheckedFeed, check_feed

DAY = date(2026, 3, 1)
PHONE = "+8613800001111"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: passbook.call_center
name: call_center
version: 1.0.0
status: active
schema:
  - name: calls
    logicalType: object
    customProperties:
      - {property: layout, value: {format: csv, path: calls.csv}}
    quality:
      - {name: calls_arrived, type: library, metric: rowCount, mustBeGreaterThan: 0}
      - name: most_calls_are_answered
        type: sql
        query: >-
          select avg(case when c.outcome_code = 'answered' then 1 else 0 end)
          from {object} as c inner join (select 1 as one) as other on true
          where c.call_id in (select call_id from {object})
          and not regexp_full_match(c.call_id, '(?:x){3}')
        mustBeGreaterOrEqualTo: 0.5
        severity: warning
    properties:
      - {name: call_id, logicalType: string, primaryKey: true, required: true,
         classification: public, description: Id.}
      - {name: caller_phone, logicalType: string, classification: direct_identifier,
         description: Number., logicalTypeOptions: {pattern: "[+][0-9]{6,14}"}}
      - {name: started_at, logicalType: timestamp, required: true,
         classification: public, description: Start.}
      - {name: wait_seconds, logicalType: integer, classification: public,
         description: Wait., logicalTypeOptions: {minimum: 0, maximum: 7200}}
      - {name: outcome_code, logicalType: string, required: true,
         classification: public, description: Outcome., customProperties:
           [{property: codes, value: {A: answered, B: abandoned}}]}
"""
SCHEMA = pa.schema(
    [
        ("call_id", pa.string()),
        ("caller_phone", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("wait_seconds", pa.int64()),
        ("outcome_code", pa.string()),
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
    ]
)


def contract_in(folder: Path, text: str = CONTRACT) -> Contract:
    path = folder / "call_center.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def call(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "call_id": f"C{number}",
        "caller_phone": PHONE,
        "started_at": datetime(2026, 3, 1, 9),  # noqa: DTZ001 - UTC by contract
        "wait_seconds": 30,
        "outcome_code": "answered",
        "source_file": "calls.csv",
        "source_line": number + 1,
    } | changes


class Night:
    """A lake of one feed in a folder of its own."""

    def __init__(self, folder: Path, text: str = CONTRACT) -> None:
        self.contract = contract_in(folder, text)
        self.feed = self.contract.feeds[0]
        self.lake = Lake(folder / "lake")
        self.folder = folder / "quality"

    def land(self, rows: list[dict[str, Any]], day: date = DAY) -> None:
        path = self.lake.partition(self.feed, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)

    def check(self, partitions: Mapping[str, int]) -> CheckedFeed:
        standing = {"business_date": str(DAY), "partitions": dict(partitions)}
        return check_feed(self.feed, self.lake, standing, self.folder)

    def checked(self, rows: list[dict[str, Any]]) -> CheckedFeed:
        self.land(rows)
        return self.check({str(DAY): len(rows)})


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def written(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in files}


def test_sound_rows_pass(night: Night) -> None:
    checked = night.checked([call(n) for n in range(1, 4)])
    assert (checked.verdict, checked.message) == ("pass", "")
    assert (checked.feed, checked.rows, checked.failed) == ("call_center.calls", 3, 0)
    assert checked.rules == 12


def test_a_missing_value_stops_and_names_the_first_line(night: Night) -> None:
    rows = [call(n) for n in range(1, 20)]
    rows[15]["started_at"] = rows[17]["started_at"] = None
    checked = night.checked(rows)
    assert checked.verdict == "stop"
    assert checked.message == (
        "call_center.calls 2026-03-01: column 'started_at': 2 of 19 rows have no value "
        "(first: calls.csv line 17)"
    )


def test_an_unknown_code_stops(night: Night) -> None:
    checked = night.checked([call(1), call(2, outcome_code="lost")])
    assert checked.verdict == "stop"
    assert "outcome_code" in checked.message


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"wait_seconds": 9000}, "1 of 3 rows are not between 0 and 7,200"),
        ({"caller_phone": "secret 4711"}, "1 of 3 rows do not have the form"),
        ({"call_id": "C1"}, "2 of 3 rows share their key with another row"),
    ],
)
def test_a_rule_that_only_warns_lets_the_night_go_on(
    night: Night, changes: dict[str, Any], part: str
) -> None:
    checked = night.checked([call(1), call(2), call(3, **changes)])
    assert (checked.verdict, checked.failed) == ("warn", 1)
    assert part in checked.message


def test_a_query_of_the_contract_says_what_it_found(night: Night) -> None:
    rows = [call(n, outcome_code="abandoned") for n in range(1, 4)]
    checked = night.checked([*rows, call(4)])
    assert checked.verdict == "warn"
    assert "to be at least 0.5, found 0.25" in checked.message


def test_errors_are_told_before_warnings(night: Night) -> None:
    checked = night.checked([call(1, wait_seconds=-1), call(2, outcome_code=None)])
    assert checked.verdict == "stop"
    message = checked.message
    assert message.index("outcome_code") < message.index("wait_seconds")


def test_no_rows_where_rows_are_due_stop(night: Night) -> None:
    checked = night.checked([])
    assert checked.verdict == "stop"
    assert "number of rows to be more than 0, found 0" in checked.message


def test_no_rows_where_none_are_due_pass(tmp_path: Path) -> None:
    text = re.sub(
        r"    quality:.*?    properties:", "    properties:", CONTRACT, flags=re.S
    )
    assert "calls_arrived" not in text
    assert Night(tmp_path, text).checked([]).verdict == "pass"


def test_rows_lost_since_the_landing_stop(night: Night) -> None:
    night.land([call(1)])
    checked = night.check({str(DAY): 2})
    assert checked.verdict == "stop"
    assert "expected 2 rows as the landing counted, found 1" in checked.message


def test_a_column_that_is_not_there_stops(night: Night) -> None:
    path = night.lake.partition(night.feed, DAY)
    path.parent.mkdir(parents=True)
    table = pa.Table.from_pylist([call(1)], schema=SCHEMA)
    pq.write_table(table.drop_columns(["wait_seconds"]), path)
    checked = night.check({str(DAY): 1})
    assert checked.verdict == "stop"
    assert "columns of the contract are missing: 'wait_seconds'" in checked.message


def test_a_column_of_another_type_stops(night: Night) -> None:
    path = night.lake.partition(night.feed, DAY)
    path.parent.mkdir(parents=True)
    table = pa.Table.from_pylist([call(1)], schema=SCHEMA)
    place = SCHEMA.get_field_index("wait_seconds")
    pq.write_table(table.set_column(place, "wait_seconds", pa.array([1.5])), path)
    checked = night.check({str(DAY): 1})
    assert checked.verdict == "stop"
    assert "wait_seconds is DOUBLE, not BIGINT" in checked.message


def test_all_partitions_of_a_landing_are_checked(night: Night) -> None:
    night.land([call(1), call(2)])
    night.land([call(3, outcome_code=None)], date(2026, 3, 2))
    checked = night.check({"2026-03-01": 2, "2026-03-02": 1})
    assert (checked.verdict, checked.rows) == ("stop", 3)


def test_a_partition_that_is_gone_is_not_a_failure_of_the_data(night: Night) -> None:
    with pytest.raises(GateError, match="not in the lake"):
        night.check({str(DAY): 1})


def test_a_rule_that_breaks_is_not_a_failure_of_the_data_and_quotes_no_value(
    tmp_path: Path,
) -> None:
    start = CONTRACT.index("        query: >-")
    end = CONTRACT.index("        mustBeGreaterOrEqualTo")
    query = "        query: select sum(cast(caller_phone as integer)) from {object}\n"
    night = Night(tmp_path, CONTRACT[:start] + query + CONTRACT[end:])
    with pytest.raises(GateError, match="most_calls_are_answered") as raised:
        night.checked([call(1, caller_phone="Li Wei")])
    assert "Li Wei" not in str(raised.value)
    assert "Conversion Error" in str(raised.value)


def test_an_entry_that_nobody_can_check_is_refused(tmp_path: Path) -> None:
    text = CONTRACT.replace("metric: rowCount", "metric: freshness")
    with pytest.raises(ContractError, match="freshness"):
        Night(tmp_path, text).checked([call(1)])


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse every connection, and keep who was called."""
    called: list[Any] = []

    def refuse(_: socket.socket, address: Any) -> None:
        called.append(address)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return called


def test_a_check_needs_no_network_and_writes_only_its_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offline: list[Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    home.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(home))
    night = Night(tmp_path)
    night.checked([call(1, wait_seconds=-1)])
    assert offline == []
    assert list(elsewhere.iterdir()) == []
    assert list(home.rglob("*")) == []
    assert sorted(written(night.folder)) == [
        "call_center.calls/2026-03-01.html",
        "call_center.calls/2026-03-01.json",
        "call_center.calls/2026-03-01.verdict.json",
        "index.html",
    ]
    assert capfd.readouterr() == ("", "")


def test_what_is_kept_has_no_personal_value_and_needs_no_network(night: Night) -> None:
    rows = [call(n, caller_phone=f"secret {n}") for n in range(1, 30)]
    rows.append(call(30, outcome_code=None, call_id="C1"))
    assert night.checked(rows).verdict == "stop"
    for name, text in written(night.folder).items():
        assert "secret" not in text, name
        assert PHONE not in text, name
        assert not re.search(r"(?i)https?://|src\s*=|<script|@import|url\(", text), name


def test_links_of_the_pages_lead_to_files(night: Night) -> None:
    night.checked([call(1, wait_seconds=-1)])
    followed = 0
    for page in night.folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        ids = set(re.findall(r'id="([^"]+)"', text))
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            inside = link.startswith("#")
            assert link[1:] in ids if inside else (page.parent / link).is_file(), link
            followed += 1
    assert followed > 3


def test_the_index_lists_each_feed_and_date_with_its_verdict(night: Night) -> None:
    night.checked([call(1)])
    night.checked([call(1, outcome_code=None)])
    index = written(night.folder)["index.html"]
    assert index.count('href="call_center.calls/2026-03-01.html"') == 1
    assert '<span class="verdict stop">stop</span>' in index
    kept = json.loads(written(night.folder)["call_center.calls/2026-03-01.json"])
    assert kept["verdict"]["verdict"] == "stop"
    assert kept["validation_result"]["success"] is False
    assert len(kept["validation_result"]["results"]) == 12


def test_text_of_a_contract_cannot_become_markup(tmp_path: Path) -> None:
    entry = "- {name: calls_arrived, description: '<img src=x>', "
    night = Night(tmp_path, CONTRACT.replace("- {name: calls_arrived, ", entry))
    night.checked([call(1)])
    page = written(night.folder)["call_center.calls/2026-03-01.html"]
    assert "<img" not in page


STAGED = """
create schema staging; create schema ops; create schema mart;
create table staging.stg_call_center__calls as
    select
        'C' || n as call_id, '+8613800001111' as caller_phone,
        timestamp '2026-03-01 09:00:00' as started_at,
        cast(30 as bigint) as wait_seconds,
        'answered' as outcome_code, 'calls.csv' as source_file,
        cast(n + 1 as bigint) as source_line, date '2026-03-01' as business_date
    from range(1, 11) as numbers (n);
create table ops.reconciliation as
    select
        'call_center' as channel, 'calls' as feed, date '2026-03-01' as business_date,
        12 as landed_rows, 2 as duplicate_rows, 0 as excluded_rows,
        10 as loaded_rows, 0 as difference;
create table ops.changed_partitions as
    select channel, feed, business_date from ops.reconciliation;
create table mart.customers as select 1 as customer_key;
create table mart.contribution_reconciliation as
    select
        date '2026-03-01' as month_start, 'fee' as line_code, 8 as ledger_amount,
        6 as customer_amount, 2 as unexplained_amount,
        'reconciled' as reconciliation_code;
create schema policy;
create table policy.tier_overrides as select 'R1' as record_id, 'premium' as tier;
create schema identity;
create table identity.customer_identity as
    select 'R1' as record_id, 'A' as customer_key;
"""


def gated(folder: Path, *changes: str) -> GatedCandidate:
    database = folder / "bank.duckdb"
    with duckdb.connect(str(database)) as connection:
        for statement in (*STAGED.split(";"), *changes):
            connection.execute(statement)
    contracts = {"call_center": contract_in(folder)}
    return gate_candidate(database, contracts, folder / "quality")


def test_a_sound_candidate_passes_and_is_left_at_rest(tmp_path: Path) -> None:
    gate = gated(tmp_path)
    assert (gate.verdict, gate.messages, gate.failed) == ("pass", (), 0)
    assert gate.rules == 18
    assert sorted(written(tmp_path / "quality")) == sorted(
        ["index.html"]
        + [
            f"{subject}{ending}"
            for subject in (
                "call_center.calls",
                "mart.contribution_reconciliation",
                "mart.customers",
                "ops.reconciliation",
                "policy.tier_overrides",
            )
            for ending in (".html", ".json", ".verdict.json")
        ]
    )
    with duckdb.connect(str(tmp_path / "bank.duckdb")) as connection:
        connection.execute("create table writable as select 1 as one")
    assert {p.name for p in tmp_path.iterdir()} == {
        "bank.duckdb",
        "call_center.odcs.yaml",
        "quality",
    }


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            "insert into staging.stg_call_center__calls "
            "select * from staging.stg_call_center__calls limit 1",
            "2 of 11 rows share their key with another row",
        ),
        (
            "update ops.reconciliation set difference = 1",
            "1 of 1 rows do not reconcile",
        ),
        ("update ops.reconciliation set loaded_rows = 9", "landed 12, duplicate 2"),
        ("update ops.reconciliation set difference = null", "do not reconcile"),
        ("delete from ops.reconciliation", "at least one row, found 0"),
        ("drop table ops.reconciliation", "ops.reconciliation: "),
        ("delete from mart.customers", "mart.customers: expected at least one row"),
        ("drop table mart.customers", "mart.customers: "),
        (
            "update mart.contribution_reconciliation "
            "set reconciliation_code = 'unexplained'",
            "fee of 2026-03-01: ledger 8, customers 6, unexplained 2",
        ),
        (
            "drop table mart.contribution_reconciliation",
            "mart.contribution_reconciliation: ",
        ),
        ("delete from staging.stg_call_center__calls", "call_center.calls: "),
        ("drop table staging.stg_call_center__calls", "staging: "),
        (
            "alter table staging.stg_call_center__calls drop column business_date",
            "'business_date'",
        ),
        (
            "update staging.stg_call_center__calls set outcome_code = null "
            "where call_id = 'C3'",
            "(first: calls.csv line 4)",
        ),
    ],
)
def test_a_candidate_that_is_not_sound_is_stopped(
    tmp_path: Path, change: str, part: str
) -> None:
    gate = gated(tmp_path, change)
    assert gate.verdict == "stop"
    assert any(part in message for message in gate.messages), gate.messages
    index = written(tmp_path / "quality")["index.html"]
    assert '<span class="verdict stop">' in index


def test_the_same_key_on_two_days_is_two_events(tmp_path: Path) -> None:
    gate = gated(
        tmp_path,
        "insert into staging.stg_call_center__calls "
        "select * replace (date '2026-03-02' as business_date) "
        "from staging.stg_call_center__calls",
    )
    assert gate.verdict == "pass"


def test_a_candidate_may_warn(tmp_path: Path) -> None:
    gate = gated(
        tmp_path, "update staging.stg_call_center__calls set wait_seconds = -1"
    )
    assert gate.verdict == "warn"
    assert len(gate.messages) == 1


def test_an_override_that_names_nobody_is_told_and_stops_nothing(
    tmp_path: Path,
) -> None:
    gate = gated(tmp_path, "insert into policy.tier_overrides values ('R2', 'premium')")
    assert gate.verdict == "warn"
    (message,) = gate.messages
    assert "1 of 2 rows name a record that no customer has" in message
    assert "R2: premium" in message


def test_a_feed_that_stayed_as_it_was_may_show_no_rows(tmp_path: Path) -> None:
    other = STAGED.split("create table ops")[0].split("create table ")[1]
    gate = gated(
        tmp_path,
        "create table " + other.replace("call_center__calls", "call_center__cases"),
        "delete from staging.stg_call_center__calls",
        "delete from ops.changed_partitions",
    )
    # Nothing at all is in staging that a contract knows: that alone is the fault.
    assert [m.split(":")[0] for m in gate.messages] == ["staging"]


def test_a_feed_without_model_is_left_alone(tmp_path: Path) -> None:
    gate = gated(tmp_path, "create table staging.stg_fax__pages as select 1 as one")
    assert gate.verdict == "pass"
