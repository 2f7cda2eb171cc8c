"""The identity verbs as an operator and a steward use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.artefacts import sha256_of
from tests.integration.bank_runs import Home

DAY = "2026-03-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("identity")
    home = Home(root / "home", root / "extracts", root / "card.key")
    home.must(
        *("sample", "--customers", "600", "--days", "1"),
        *("--dirt", "heavy", "--seed", "5"),
    )
    home.must("night", "--date", DAY)
    return home


def answer(home: Home, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(home.must(*words, "--json"))
    return rows


def figures(rows: list[dict[str, Any]], subject: str) -> dict[str, float]:
    return {r["figure"]: r["value"] for r in rows if r["subject"] == subject}


def linked(home: Home) -> tuple[str, str, str]:
    rows = home.rows(
        "select left_record_id, right_record_id, one.customer_key from identity.pairs "
        "inner join identity.customer_identity as one "
        "on left_record_id = one.record_id "
        "inner join identity.customer_identity as other "
        "on right_record_id = other.record_id "
        "and one.customer_key = other.customer_key "
        "where one.link_rule_code = 'linked_by_score' and veto_code is null "
        "and other.record_kind = 'core_customer' order by all limit 1"
    )
    one, other, key = rows[0]
    return str(one), str(other), str(key)


def test_a_report_holds_the_edition_against_the_truth(home: Home) -> None:
    accuracy = figures(answer(home, "identity", "report"), "accuracy")
    assert accuracy["records"] > 900
    assert accuracy["precision"] >= 0.995
    assert accuracy["recall"] >= 0.94
    assert accuracy["mixed"] == 0


def test_two_records_of_one_customer_are_explained_link_by_link(home: Home) -> None:
    one, other, key = linked(home)
    (found,) = answer(home, "explain", one, other)
    assert found["verdict"] == f"one customer: {key}"
    assert {link["rule"] for link in found["links"]} & {"score", "same national_id"}
    assert {c["comparison"] for c in found["comparisons"]} >= {"full_name", "phone"}
    assert any(c["weight"] > 5 for c in found["comparisons"])
    assert all(link["since_date"] == DAY for link in found["links"])
    phone = next(c for c in found["comparisons"] if c["comparison"] == "phone")
    assert "+86" not in json.dumps([phone["left"], phone["right"]])


def test_a_customer_is_explained_to_its_last_record(home: Home) -> None:
    _, _, key = linked(home)
    records = home.rows(
        f"select record_id from identity.customer_identity where customer_key = '{key}'"
    )
    (found,) = answer(home, "explain", key)
    assert len(found["links"]) == len(records) - 1
    told = home.rows(
        "select tier || ' from ' || valid_from || ' on: ' || reason "
        f"from mart.customer_tiers where customer_key = '{key}' order by valid_from"
    )
    told += home.rows(
        "select scheme_code || ' ' || segment_code || ': ' || evidence "
        f"from mart.segments where customer_key = '{key}' order by scheme_code"
    )
    signals = home.rows(
        "select 'signal ' || signal_code || ' (' || subject || '), ' "
        "|| round(score, 2) || ': ' || evidence from mart.customer_signals "
        f"where customer_key = '{key}' "
        "order by is_warning desc, score desc, subject"
    )
    assert signals
    told += signals
    assert found["notes"][-len(told) :] == [note for (note,) in told]


def test_who_is_known_by_a_number_alone_is_explained_without_it(home: Home) -> None:
    rows = home.rows(
        "select customer_key from identity.customer_identity "
        "where link_rule_code = 'known_to_one_channel' and record_kind = 'phone' "
        "order by all limit 1"
    )
    (found,) = answer(home, "explain", str(rows[0][0]))
    assert any("first seen in phone:..." in note for note in found["notes"])
    assert "+86" not in json.dumps(found)


def test_a_stranger_is_refused_by_name(home: Home) -> None:
    done = home.run("explain", "core_banking:customer:nobody")
    assert done.returncode != 0
    assert "is no record or customer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_decision_is_previewed_obeyed_and_undone(home: Home, tmp_path: Path) -> None:
    one, other, key = linked(home)
    before = answer(home, "identity", "report")
    home.must("identity", "different", one, other, "--by", "ana", "--note", "twins")
    (seen,) = answer(home, "identity", "preview")
    assert seen["split"] == 1
    assert seen["customers_after"] == seen["customers_before"] + 1
    assert linked(home)[2] == key, "a preview published something"
    home.must("night", "--date", DAY)
    (found,) = answer(home, "explain", one, other)
    assert found["verdict"].startswith("not one customer")
    assert any("ana decided" in note for note in found["notes"])
    home.must("identity", "undo", one, other, "--by", "ana")
    home.must("night", "--date", DAY)
    (back,) = answer(home, "explain", one, other)
    assert back["verdict"] == f"one customer: {key}"
    assert figures(answer(home, "identity", "report"), "accuracy") == figures(
        before, "accuracy"
    )
    made = answer(home, "identity", "decisions")
    assert [d["code"] for d in made] == ["different", "undone"]


def test_the_queue_masks_what_an_analyst_may_not_see(home: Home) -> None:
    rows = answer(home, "identity", "review", "--limit", "5")
    steward = Home(
        home.root, home.extracts, home.key_file, (("PASSBOOK_ROLE", "steward"),)
    )
    whole = answer(steward, "identity", "review", "--limit", "5")
    assert len(rows) == len(whole) > 1
    assert [r["review_id"] for r in rows] == [r["review_id"] for r in whole]
    names = [(r["full_name"], w["full_name"]) for r, w in zip(rows, whole, strict=True)]
    assert all(shown != name for shown, name in names if name)
    assert all("*" in shown for shown, _ in names if shown and len(shown) > 1)


def test_a_model_is_trained_tried_used_and_left_again(home: Home) -> None:
    (trained,) = answer(home, "identity", "train")
    folder = Path(trained["folder"])
    assert {p.name for p in folder.iterdir()} == {
        "model.json",
        "match_weights.png",
        "precision_recall.png",
    }
    assert all(p.stat().st_size > 5_000 for p in folder.glob("*.png"))
    assert trained["sessions"]
    assert all(s["converged"] for s in trained["sessions"])
    recalls = {b["block"]: b["recall"] for b in trained["blocks"]}
    assert recalls["phone"] > 0.5
    (seen,) = answer(home, "identity", "preview", "--model", trained["version"])
    assert seen["customers_before"] > 500
    home.must("identity", "use", trained["version"])
    home.must("night", "--date", DAY)
    accuracy = figures(answer(home, "identity", "report"), "accuracy")
    assert accuracy["precision"] >= 0.99
    home.must("identity", "use", "default")
    missing = home.run("identity", "use", "nothing")
    assert missing.returncode != 0
    assert trained["version"] in missing.stderr


def test_keys_of_an_edition_by_earlier_code_live_on(home: Home) -> None:
    query = "from identity.customer_identity order by record_id"
    events = "select count(*) from identity.key_event"
    before, told = home.rows(query), home.rows(events)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("drop view identity.customer_identity")
        connection.execute("alter table identity.records drop column customer_key")
        connection.execute("update ops.build set code_version = 'earlier'")
    _publish_as_it_is(home)
    home.must("night", "--date", DAY)
    assert home.rows(query) == before
    assert home.rows(events) == told


def _publish_as_it_is(home: Home) -> None:
    """Write down what the current edition's file is, as its publishing would have."""
    note = home.database.with_name("edition.json")
    path = home.database.resolve()
    said = json.loads(note.read_text())
    said |= {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    note.write_text(json.dumps(said))
