"""The night as its user meets it: editions, readers, kills, refusals, card numbers."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.tokens import passes_luhn
from tests.damage import flip_a_bit
from tests.integration.bank_runs import Home, tables
from tests.integration.readers import answer, start_reader

DAYS = ("2026-03-01", "2026-03-02")
FIRST_NIGHT = "first_night"
KILL_WITHIN_SECONDS = 120.0


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bank")
    home = Home(root / "unused", root / "extracts", root / "card.key")
    home.must(
        *("sample", "--customers", "250", "--days", "3"),
        *("--dirt", "heavy", "--seed", "11"),
    )
    for day in DAYS:
        _write_cards_into_mail(root / "extracts", day)
    return root / "extracts"


def _write_cards_into_mail(extracts: Path, day: str) -> None:
    """Have every customer who writes on a day name a card, as some really do."""
    messages = extracts / "email" / day / "messages.jsonl"
    card = sorted(_card_numbers(extracts))[0]
    spaced = " ".join(card[i : i + 4] for i in range(0, len(card), 4))
    text = messages.read_text(encoding="utf-8")
    messages.write_text(text.replace('"body":"', f'"body":"我的卡号 {spaced}, '))
    _seal_again(messages.parent, "messages", messages)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secret") / "card.key"


@pytest.fixture(scope="module")
def unbroken(
    extracts: Path, key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Home:
    """A bank whose two nights ran undisturbed, but for a reader all through one.

    Beside it is the bank as it was after the first.
    """
    home = Home(tmp_path_factory.mktemp("unbroken") / "home", extracts, key_file)
    home.must("night", "--date", DAYS[0])
    home.copied(home.root.with_name(FIRST_NIGHT))
    before = answer(home)
    reader = start_reader(home, home.root.with_name("answers"))
    home.must("night", "--date", DAYS[1])
    after = answer(home)
    answers, error = reader.stop()
    assert not error
    home.root.joinpath("reader.json").write_text(
        json.dumps({"before": before, "after": after, "answers": answers})
    )
    return home


def test_a_reader_sees_one_whole_edition_at_any_time(unbroken: Home) -> None:
    seen = json.loads(unbroken.root.joinpath("reader.json").read_text())
    assert len(seen["answers"]) > 20
    assert seen["before"] != seen["after"]
    assert all(a in (seen["before"], seen["after"]) for a in seen["answers"])
    assert seen["answers"][0] == seen["before"]
    assert seen["answers"][-1] == seen["after"]


def test_an_edition_leans_on_no_other_file(unbroken: Home, tmp_path: Path) -> None:
    alone = tmp_path / "alone.duckdb"
    shutil.copy(unbroken.database, alone)
    with duckdb.connect(str(alone), read_only=True) as connection:
        connection.execute("set enable_external_access = false")
        schemas = connection.execute(
            "select distinct table_schema from information_schema.tables"
        ).fetchall()
        count = connection.execute("select count(*) from mart.customers").fetchall()
    assert {s for (s,) in schemas} >= {"mart", "identity", "ops", "policy"}
    assert not {s for (s,) in schemas} & {"raw", "staging"}
    assert count[0][0] > 0


def test_every_landed_row_is_reconciled(unbroken: Home) -> None:
    rows = unbroken.rows("select feed, difference from ops.reconciliation")
    assert len(rows) > 10
    assert all(difference == 0 for _, difference in rows)


def test_a_night_that_was_killed_ends_as_one_that_was_not(unbroken: Home) -> None:
    home = replace(unbroken, root=unbroken.root.with_name(FIRST_NIGHT))
    before = home.database.resolve()
    for moment in (_is_landing, _is_building, _is_built):
        _kill_when(home, moment)
        assert home.database.resolve() == before
        assert home.rows("select count(*) from mart.customers")[0][0]
    home.must("night", "--date", DAYS[1])
    broken, whole = tables(home), tables(unbroken)
    assert set(broken) == set(whole)
    assert len(broken) > 20
    for name, rows in whole.items():
        assert broken[name] == rows, name


def _is_landing(home: Home) -> bool:
    return any((home.root / "lake" / ".incoming").glob("*"))


def _is_building(home: Home) -> bool:
    return any((home.root / "candidates").glob("*/bank.duckdb.wal"))


def _is_built(home: Home) -> bool:
    return any((home.root / "candidates").glob("*/quality"))


def _kill_when(home: Home, moment: Callable[[Home], bool]) -> None:
    night = home.start("night", "--date", DAYS[1])
    deadline = time.monotonic() + KILL_WITHIN_SECONDS
    while not moment(home):
        assert night.poll() is None, f"the night ended before {moment.__name__}"
        assert time.monotonic() < deadline, f"never {moment.__name__}"
        time.sleep(0.002)
    night.send_signal(signal.SIGKILL)
    assert night.wait() == -signal.SIGKILL


def test_a_rerun_of_a_night_changes_nothing(unbroken: Home) -> None:
    before = unbroken.database.resolve()
    said = unbroken.must("night", "--date", DAYS[1])
    assert "nothing changed" in said
    assert unbroken.database.resolve() == before


def test_rollback_goes_back_and_forth_and_the_ledger_says_why(unbroken: Home) -> None:
    latest = unbroken.database.resolve().parent.name
    refused = unbroken.run("rollback")
    assert refused.returncode == 2
    assert "--reason: is missing" in refused.stderr
    unbroken.must("rollback", "--reason", "a wrong price")
    assert unbroken.rows("select cast(as_of_date as varchar) from ops.build") == [
        (DAYS[0],)
    ]
    said = json.loads(
        (unbroken.root / f"ledger/rollback/bank/{DAYS[0]}.json").read_text()
    )
    assert said["message"] == f"from {latest} to edition-000001: a wrong price"
    asked = "select count(*) from mart.interactions"
    (now,) = json.loads(unbroken.must("sql", asked, "--json"))
    (then,) = json.loads(unbroken.must("sql", asked, "--edition", latest, "--json"))
    assert now["count_star()"] < then["count_star()"]
    unbroken.must("rollback", latest, "--reason", "the price was right")
    assert unbroken.database.resolve().parent.name == latest


def test_two_editions_are_compared_by_table_and_by_row(unbroken: Home) -> None:
    ids = ("edition-000001", "edition-000002")
    assert json.loads(unbroken.must("diff", ids[0], ids[0], "--json")) == []
    found = json.loads(unbroken.must("diff", *ids, "--json"))
    (interactions,) = [d for d in found if d["table"] == "mart.interactions"]
    (counted,) = unbroken.rows(
        "select count(*), count(*) filter (where business_date = date '2026-03-02') "
        "from mart.interactions"
    )
    assert interactions["rows_after"] == counted[0]
    assert interactions["rows_new"] >= counted[1] > 0
    assert interactions["rows_before"] - interactions["rows_gone"] == (
        interactions["rows_after"] - interactions["rows_new"]
    )
    rows = json.loads(
        unbroken.must("diff", *ids, "--table", "mart.bank_overview", "--json")
    )
    assert {r["edition"] for r in rows} == {"before", "after"}
    wrong = unbroken.run("diff", *ids, "--table", "mart.nothing")
    assert wrong.returncode == 2
    assert "is no table of both editions" in wrong.stderr


def test_a_night_is_told_on_one_screen(unbroken: Home) -> None:
    shown = unbroken.must("status")
    for part in ("night of 2026-03-02: published", "call_center", "gate", "rejected"):
        assert part in shown
    told = json.loads(unbroken.must("status", "--date", DAYS[0], "--json"))
    assert told["business_date"] == DAYS[0]
    landed = {(f["channel"], f["feed"]): f["landed"] for f in told["feeds"]}
    (count,) = unbroken.rows(
        "select sum(landed_rows) from ops.loaded_partitions "
        "where business_date = date '2026-03-01' and feed = 'transactions'"
    )
    assert landed["atm", "transactions"] == count[0]
    assert [s["step"] for s in told["steps"]] == ["build", "gate", "publish"]


def test_every_model_and_landing_told_its_lineage(unbroken: Home) -> None:
    lines = (unbroken.root / "lineage" / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    ended = {
        e["job"]["name"]: {d["name"] for d in e["inputs"]}
        for e in events
        if e["eventType"] == "COMPLETE"
    }
    assert "intermediate.int_customer_basics" in ended["dbt.customers"]
    assert "policy.tier_policy" in ended["dbt.int_tier_assessments"]
    assert "raw.atm__transactions" in ended["dbt.stg_atm__transactions"]
    assert {"land.atm.transactions", "publish"} <= set(ended)


def test_the_log_has_what_happened_as_json(unbroken: Home) -> None:
    lines = [
        json.loads(line)
        for path in (unbroken.root / "logs").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    steps = {line["outcome"]["step"] for line in lines if "outcome" in line}
    assert steps >= {"land", "check", "monitor", "build", "gate", "publish"}


def test_a_whole_bank_is_well_and_a_damaged_edition_is_not_built_on(
    unbroken: Home, tmp_path: Path
) -> None:
    assert "all is well" in unbroken.must("doctor")
    root = tmp_path / "home"
    shutil.copytree(unbroken.root, root, symlinks=True)
    home = Home(root, unbroken.extracts, unbroken.key_file)
    flip_a_bit(home.database.resolve())
    night = home.run("night", "--date", "2026-03-03")
    assert night.returncode == 5
    assert "the current edition is damaged" in night.stderr
    assert "Run: passbook rollback edition-000001 --reason TEXT" in night.stderr
    found = home.run("doctor", "--json")
    assert found.returncode == 1
    assert [f["subject"] for f in json.loads(found.stdout)] == ["edition-000002"]
    home.must("rollback", "edition-000001", "--reason", "the second is damaged")
    home.must("night", "--date", DAYS[1], "--skip-landing")
    assert tables(home)["mart.customers"] == tables(unbroken)["mart.customers"]


@pytest.fixture
def spoiled(unbroken: Home, extracts: Path, tmp_path: Path) -> Home:
    """The third day, with three feeds that cannot be believed."""
    copy = tmp_path / "extracts"
    shutil.copytree(extracts, copy)
    day = "2026-03-03"
    calls = copy / "call_center" / day / "calls.csv"
    text = calls.read_text(encoding="gb18030").replace("通话编号", "通话号", 1)
    calls.write_text(text, encoding="gb18030")
    _seal_again(copy / "call_center" / day, "calls", calls)
    control = copy / "atm" / day / "transactions.ctl.json"
    said = json.loads(control.read_text())
    said["sums"]["amount"] = "1.00"
    said["feed"] = "transactions"
    control.write_text(json.dumps(said))
    _drop_later_sequences(copy / "atm" / day)
    payments = copy / "online_banking" / day / "payments.csv"
    payments.write_text(payments.read_text().replace("TRF_OUT", "SWIFT"))
    _seal_again(copy / "online_banking" / day, "payments", payments)
    root = tmp_path / "home"
    shutil.copytree(unbroken.root, root, symlinks=True)
    return Home(root, copy, unbroken.key_file)


def _drop_later_sequences(folder: Path) -> None:
    for later in folder.glob("*.[2-9].*"):
        later.unlink()


def _seal_again(folder: Path, feed: str, data: Path) -> None:
    """Write the control file that a sender of just this file would have written."""
    import hashlib

    _drop_later_sequences(folder)
    control = folder / f"{feed}.ctl.json"
    said = json.loads(control.read_text())
    content = data.read_bytes()
    said["files"][0] |= {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "name": data.name,
    }
    control.write_text(json.dumps(said))


def test_a_feed_that_cannot_be_believed_stops_only_itself(spoiled: Home) -> None:
    before = spoiled.database.resolve().parent.name
    done = spoiled.run("night", "--date", "2026-03-03")
    assert done.returncode == 3
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3, done.stderr
    missing, wrong_sum, unknown = sorted(lines, key=_subject_order)
    for part in ("通话编号", "通话号", "call_center.odcs.yaml", "land the day again"):
        assert part in missing
    assert re.search(r"sum of 'amount'.*expected 1\.00.*found [\d,.]+", wrong_sum)
    assert re.search(r"too many rows.*unknown_code.*expected.*found", unknown)
    assert spoiled.database.resolve().parent.name == before
    manifests = spoiled.root.glob("lake/manifests/*/*/*03-03.json")
    landed = {path.parent.name for path in manifests}
    assert {"cases", "customers", "sessions", "logins", "balances"} <= landed
    assert not {"calls", "transactions", "payments"} & landed
    assert "Traceback" not in done.stdout + done.stderr


def _subject_order(line: str) -> int:
    return ["call_center.calls", "atm.trans", "online_banking.pay"].index(
        next(
            s
            for s in ("call_center.calls", "atm.trans", "online_banking.pay")
            if line.startswith(s)
        )
    )


def test_no_card_number_is_anywhere_under_home(unbroken: Home, extracts: Path) -> None:
    cards = _card_numbers(extracts)
    assert len(cards) > 100
    inputs = "".join(
        path.read_text(encoding="latin-1")
        for name in ("*.jsonl", "calls*.csv", "payments*.csv")
        for path in extracts.rglob(name)
    )
    assert _numbers(inputs) & cards, "no card in free text, so nothing is proved"
    looked = 0
    for path in unbroken.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            looked += 1
            assert not _numbers(_text_of(path)) & cards, path
    assert looked > 100


def _card_numbers(extracts: Path) -> set[str]:
    numbers: set[str] = set()
    for path in extracts.rglob("cards*.csv"):
        numbers |= _numbers(path.read_text(encoding="utf-8", errors="ignore"))
    return numbers


def _numbers(text: str) -> set[str]:
    found = re.findall(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)", text)
    digits = {re.sub(r"\D", "", number) for number in found}
    return {number for number in digits if passes_luhn(number)}


def _text_of(path: Path) -> str:
    if path.suffix == ".parquet":
        return _table_text(pq.ParquetFile(path).read())
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            names = connection.execute(
                "select schema_name, table_name from duckdb_tables()"
            ).fetchall()
            return "\n".join(
                _table_text(connection.execute(f"from {s}.{t}").to_arrow_table())
                for s, t in names
            )
    return path.read_bytes().decode("latin-1")


def _table_text(table: pa.Table) -> str:
    return "\n".join(
        str(value)
        for column in table.columns
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        for value in column.unique().to_pylist()
    )
