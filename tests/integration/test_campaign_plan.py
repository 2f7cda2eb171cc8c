"""A planned campaign contacts whom it may, holds out by chance, and says why not."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from ingestion.artefacts import sha256_of
from ingestion.errors import SettingsError
from tests.integration.bank_runs import Home
from tests.integration.oracle import straight_bank
from warehouse.bank import Bank
from warehouse.campaign_files import read_campaign
from warehouse.campaign_plans import plan
from warehouse.settings import load_settings

Row = dict[str, Any]
PLAN: Row = {
    "campaign_id": "NEXT1",
    "campaign_name": "Savings for whoever has a little",
    "goal": "20 accounts",
    "objective_code": "cross_sell",
    "product_id": "TD12",
    "department_id": "D002",
    "employee_id": "E000035",
    "start_date": "2026-03-10",
    "end_date": "2026-04-09",
    "contact_days": 5,
    "audience": "deposit_balance_amount > 100 -- who has a little",
    "channels": {"phone": {"capacity_per_day": 3}, "email": {"capacity_per_day": 8}},
    "budget_amount": 400.0,
    "control_ratio": 0.25,
    "expected": {"response_ratio": 0.05, "uplift_ratio": 0.2},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    straight = straight_bank(tmp_path_factory.getbasetemp()).home
    return straight.copied(tmp_path_factory.mktemp("planned") / "home")


def written(folder: Path, **changes: Any) -> Path:
    campaign = {k: v for k, v in {**PLAN, **changes}.items() if v is not None}
    path = folder / f"{campaign['campaign_id']}.yaml"
    path.write_text(yaml.safe_dump(campaign, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def planned(home: Home, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Plan three campaigns that want the same customers."""
    folder = tmp_path_factory.mktemp("files")
    files = [
        written(folder),
        written(folder, campaign_id="NEXT2", product_id="WM02", audience="true"),
        written(
            folder,
            campaign_id="NEXT3",
            audience=None,
            segment={"scheme_code": "rfm", "segment_code": "new_or_returning"},
        ),
    ]
    rows: list[Row] = json.loads(
        home.must("campaign", "plan", *map(str, files), "--json")
    )
    return rows


@pytest.fixture(scope="module")
def audiences(home: Home, planned: list[Row]) -> dict[str, list[Row]]:
    return {
        row["campaign_id"]: pq.read_table(
            Path(row["folder"]) / "audience.parquet"
        ).to_pylist()
        for row in planned
    }


def test_every_customer_has_a_reason_in_every_campaign(
    home: Home, planned: list[Row], audiences: dict[str, list[Row]]
) -> None:
    keys = {key for (key,) in home.rows("select customer_key from mart.customers")}
    for row in planned:
        rows = audiences[row["campaign_id"]]
        assert {r["customer_key"] for r in rows} == keys
        assert (
            len(rows) == len(keys) == sum(r["customer_count"] for r in row["reasons"])
        )
        assert {r["reason_code"] == "chosen" for r in rows if r["arm_code"]} == {True}
        assert row["treated_count"] > 0
        assert row["control_count"] > 0


def test_reasons_are_the_customers(home: Home, audiences: dict[str, list[Row]]) -> None:
    """Whom a campaign may contact is told again from the customers alone."""
    found = {r["customer_key"]: r["reason_code"] for r in audiences["NEXT2"]}
    is_core = "starts_with(source_record_id, 'core_banking:customer:')"
    expected = "case "
    for condition, reason in (
        (
            f"not {is_core}",
            "no_core_record",
        ),
        ("tier = 'restricted'", "restricted"),
        ("open_case_count > 0", "open_complaint"),
        ("is_marketing_allowed is not true", "no_consent"),
        (
            "not coalesce(is_risk_level_current and "
            "declared_risk_level_code >= 'C3', false)",
            "unsuitable",
        ),
    ):
        expected += f"when {condition} then '{reason}' "
    due = home.rows(f"select customer_key, {expected} end from mart.customers")
    told = {reason for _, reason in due if reason}
    assert told >= {"no_consent", "unsuitable", "restricted"}
    later = {
        *("contacted_enough", "no_open_channel", "no_capacity"),
        *("in_another_campaign", "chosen"),
    }
    for key, reason in due:
        assert found[str(key)] == reason if reason else found[str(key)] in later


def test_a_customer_is_in_one_campaign_at_most(
    audiences: dict[str, list[Row]],
) -> None:
    chosen = [
        r["customer_key"] for rows in audiences.values() for r in rows if r["arm_code"]
    ]
    assert len(chosen) == len(set(chosen)) > 20
    elsewhere = {
        r["customer_key"]
        for rows in audiences.values()
        for r in rows
        if r["reason_code"] == "in_another_campaign"
    }
    assert elsewhere <= set(chosen)


def test_capacity_and_budget_hold_on_every_day(
    planned: list[Row], audiences: dict[str, list[Row]]
) -> None:
    daily = {k: v["capacity_per_day"] for k, v in PLAN["channels"].items()}
    for row in planned:
        days: dict[tuple[str, str], int] = {}
        for r in audiences[row["campaign_id"]]:
            if r["arm_code"] == "treated":
                day = (r["channel_code"], r["contact_date"].isoformat())
                days[day] = days.get(day, 0) + 1
        assert all(count <= daily[channel] for (channel, _), count in days.items())
        assert {day for _, day in days} <= {f"2026-03-{n}" for n in range(10, 15)}
        assert row["cost_amount"] == row["treated_count"] * 8 <= PLAN["budget_amount"]


def test_the_control_group_is_its_share_of_every_channel(
    planned: list[Row], audiences: dict[str, list[Row]]
) -> None:
    for row in planned:
        for channel in PLAN["channels"]:
            arms = [
                r["arm_code"]
                for r in audiences[row["campaign_id"]]
                if r["channel_code"] == channel
            ]
            assert arms.count("control") == -(-len(arms) // 4)


def test_a_channel_gets_its_list_and_no_address_but_its_own(
    planned: list[Row], audiences: dict[str, list[Row]]
) -> None:
    for row in planned:
        folder = Path(row["folder"])
        for channel, address in (("phone", "mobile_phone"), ("email", "email_address")):
            control = json.loads((folder / f"{channel}.ctl.json").read_text())
            with (folder / f"{channel}.csv").open(newline="") as stream:
                listed = list(csv.DictReader(stream))
            due = {
                r["contact_id"]
                for r in audiences[row["campaign_id"]]
                if r["arm_code"] == "treated" and r["channel_code"] == channel
            }
            assert {r["contact_id"] for r in listed} == due
            assert control["rows"] == len(listed)
            assert pq.read_table(folder / f"{channel}.parquet").num_rows == len(listed)
            assert all(r[address] and r["core_customer_id"] for r in listed)
            for file in control["files"]:
                assert sha256_of(folder / file["name"]) == file["sha256"]
                assert (folder / file["name"]).stat().st_mode & 0o077 == 0
            if listed:
                names = {"contact_id", "core_customer_id", "contact_date", address}
                assert set(listed[0]) == names


def test_the_same_files_plan_the_same(
    home: Home, planned: list[Row], tmp_path: Path
) -> None:
    again = home.copied(tmp_path / "again")
    file = written(tmp_path)
    first, second = (
        json.loads(again.must("campaign", "plan", str(file), "--replace", "--json"))
        for _ in range(2)
    )
    assert first == second
    refused = again.run("campaign", "plan", str(file))
    assert refused.returncode == 2
    assert "has a plan already" in refused.stderr
    assert "NEXT1" in {row["campaign_id"] for row in planned}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audience": "deposit_amount > 3"}, "deposit_amount"),
        ({"audience": "true); drop table mart.customers; select (1"}, "audience"),
        (
            {"audience": "(select count(*) from read_csv('/etc/passwd')) > 0"},
            "disabled",
        ),
        ({"audience": "full_name"}, "is not true or false"),
        ({"audience": "full_name::integer > 3"}, "fails on a customer's values"),
        ({"control_ratio": 0.9}, "control_ratio"),
        ({"budgte_amount": 3}, "did you mean 'budget_amount'"),
        ({"campaign_id": "../../etc"}, "campaign_id"),
        ({"contact_days": 90}, "90 contact_days in 31 days"),
        ({"audience": None}, "audience or segment is needed"),
        ({"product_id": "XX99"}, "XX99 is not known"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(
    changes: Row, said: str, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "plan.yaml"
    campaign = {"campaign_id": "REFUSED", **changes}
    written(tmp_path, **{**campaign, "campaign_id": "REFUSED"}).rename(path)
    if "campaign_id" in changes:
        path.write_text(path.read_text().replace("REFUSED", changes["campaign_id"]))
    with pytest.raises(SettingsError) as caught:
        plan(Bank(load_settings(home.environment)), [read_campaign(path)])
    (line,) = str(caught.value).splitlines()
    assert said in line
    assert not (home.root / "campaigns" / "REFUSED").exists()


def test_a_plan_for_nobody_says_so(home: Home, tmp_path: Path) -> None:
    file = written(tmp_path, campaign_id="NOBODY", audience="age_years > 200")
    (row,) = json.loads(home.must("campaign", "plan", str(file), "--json"))
    assert (row["treated_count"], row["control_count"], row["balance"]) == (0, 0, [])
    assert [r["reason_code"] for r in row["reasons"]] == ["outside_audience"]
    assert not row["can_be_seen"]
    assert not row["is_balanced"]


def test_what_is_not_a_campaign_is_refused(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    for text in ("- a list\n", "a: [\n", ""):
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"broken\.yaml"):
            read_campaign(path)
    assert home.run("campaign", "plan", str(tmp_path / "none.yaml")).returncode == 2
