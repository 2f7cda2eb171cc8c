"""A bank of campaigns of which the truth is known: effects and breaks are planted."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks._sample_nights import model_seconds
from warehouse.bank import SHIPPED_CONTRACTS, Bank
from warehouse.build import build, open_candidate, seal
from warehouse.campaign_files import CampaignFile
from warehouse.night import land_and_check
from warehouse.settings import load_settings

FIRST = date(2026, 1, 5)
CONTACT_DAYS, ANSWER_DAYS, RUN_DAYS = 20, 10, 30
AS_OF = FIRST + timedelta(days=RUN_DAYS + 1)
CONTROL_RATIO = 0.25
BASE_RATIO = 0.05
EFFECTS = (0.0, 0.03)
BRANCHES = 10
DEPARTMENTS, EMPLOYEES_EACH = 6, 5
# Each step with how often a contact fails there, and how that is told.
STEPS = (
    ("attempted", 0.04, "not_contacted"),
    ("reached", 0.35, "no_answer"),
    ("interested", 0.50, "not_interested"),
    ("applied", 0.40, "not_interested"),
    ("fulfilled", 0.20, "rejected_by_risk"),
)
LISTED = "listed"


@dataclass(frozen=True)
class Break:
    """A step at which a department, or one of its employees, fails too often."""

    step: str
    department: str
    employee: str | None
    ratio: float
    failure: str


BREAKS = (
    Break("attempted", "D002", None, 0.40, "capacity_missed"),
    Break("fulfilled", "D005", None, 0.80, "application_stalled"),
    Break("interested", "D003", "E013", 0.95, "agent_hung_up"),
)


@dataclass(frozen=True)
class Size:
    """How many customers there are, in a campaign's audience, and campaigns a effect."""

    customers: int
    audience: int
    campaigns: int


@dataclass(frozen=True)
class CampaignBank:
    """The folders of a bank, and the true effect of each of its campaigns."""

    contracts: Path
    extracts: Path
    effect_of: dict[str, float]


def write_campaign_bank(root: Path, size: Size, seed: int) -> CampaignBank:
    """Write contracts and extracts of a bank with campaigns for a product each."""
    effect_of = {
        f"C{number:04d}": effect
        for number, effect in enumerate(
            [e for e in EFFECTS for _ in range(size.campaigns)], 1
        )
    }
    customers = [f"{number:08d}" for number in range(size.customers)]
    draws = [
        _draw(np.random.default_rng([seed, number]), campaign, effect, customers, size)
        for number, (campaign, effect) in enumerate(effect_of.items())
    ]
    contacts = pd.concat([contacts for contacts, _ in draws], ignore_index=True)
    accounts = pd.concat([accounts for _, accounts in draws], ignore_index=True)
    holders = accounts[["account_id", "core_customer_id"]].assign(
        account_holder_id="H" + accounts["account_id"], role_code="owner"
    )
    tables = {
        "core_banking": {
            "customers": _customers(customers),
            "accounts": accounts.drop(columns="core_customer_id"),
            "account_holders": holders,
            "products": _products(effect_of),
        },
        "marketing": {"campaigns": _campaigns(effect_of), "contacts": contacts},
    }
    bank = CampaignBank(root / "contracts", root / "extracts", effect_of)
    bank.contracts.mkdir(parents=True)
    for channel, feeds in tables.items():
        (bank.extracts / channel).mkdir(parents=True)
        for feed, table in feeds.items():
            table.to_parquet(bank.extracts / channel / f"{feed}.parquet", index=False)
        (bank.contracts / f"{channel}.odcs.yaml").write_text(
            json.dumps(_contract(channel, feeds)), encoding="utf-8"
        )
    return bank


def open_bank(root: Path) -> Bank:
    """Return the bank that was written into a folder."""
    return Bank(
        load_settings(
            {
                **os.environ,
                "PASSBOOK_HOME": str(root / "home"),
                "PASSBOOK_EXTRACTS": str(root / "extracts"),
                "PASSBOOK_CONTRACTS": str(root / "contracts"),
                "PASSBOOK_KEY_FILE": str(root / "card.key"),
            }
        )
    )


def built(root: Path) -> tuple[Path, dict[str, float]]:
    """Land and build it; return the candidate's database and each model's seconds."""
    bank = open_bank(root)
    land_and_check(bank, AS_OF, lambda _: None)
    with bank.editions.writing():
        done = build(bank, AS_OF)
    return done.candidate.database, model_seconds(done.runs.built)


def publish_grown(root: Path, customers: int) -> None:
    """Publish what was built with as many customers, who can be reached or not."""
    bank = open_bank(root)
    candidate, _ = bank.editions.standing_candidate()
    with open_candidate(bank, candidate.database) as connection:
        connection.execute(
            "create temp table grown as select customers.* replace ("
            "customer_key || '-' || n as customer_key, "
            "source_record_id || '-' || n as source_record_id, "
            "hash(customer_key, n, 1) % 10 < 8 as is_marketing_allowed, "
            "hash(customer_key, n, 2) % 10 < 7 as is_call_allowed, "
            "hash(customer_key, n, 3) % 10 < 6 as is_email_allowed, "
            "'+861' || hash(customer_key, n) % 10000000000 as mobile_phone, "
            "customer_key || n || '@mail.example' as email_address, "
            "hash(customer_key, n, 4) % 2 as online_interaction_count, "
            "hash(customer_key, n, 5) % 200000 as deposit_balance_amount, "
            "18 + hash(customer_key, n, 6) % 70 as age_years, "
            "true as is_risk_level_current, "
            "'C' || (1 + hash(customer_key, n, 7) % 5) as declared_risk_level_code, "
            "['premium', 'ordinary', 'potential'][1 + (hash(customer_key, n, 8) % 3)::integer] "
            "as tier) "
            "from mart.customers as customers, "
            "range(1, 2 + ? // (select count(*) from mart.customers)) as copies(n) "
            "limit ?",
            [customers, customers],
        )
        connection.execute("delete from mart.customers")
        connection.execute("insert into mart.customers from grown order by all")
        connection.execute("drop table grown")
    seal(bank, candidate)
    kept = bank.settings.keep_editions
    bank.editions.publish(candidate, AS_OF.isoformat(), (), kept)


def five_campaigns() -> list[CampaignFile]:
    """Return campaigns that want the same customers, each for a product of its own."""
    common = {
        "goal": "many accounts",
        "objective_code": "cross_sell",
        "department_id": "D001",
        "employee_id": "E001",
        "start_date": AS_OF,
        "end_date": AS_OF + timedelta(days=RUN_DAYS),
        "contact_days": CONTACT_DAYS,
        "budget_amount": 1_000_000,
        "control_ratio": 0.2,
        "channels": {
            "phone": {"capacity_per_day": 500},
            "email": {"capacity_per_day": 5_000},
            "app": {"capacity_per_day": 5_000},
        },
    }
    return [
        CampaignFile.model_validate(
            {
                **common,
                "campaign_id": f"PLAN{number}",
                "campaign_name": f"Plan {number}",
                "product_id": f"PC{number:04d}",
                "risk_level_code": f"R{number}",
                "audience": f"deposit_balance_amount > {number * 10_000}",
                "expected": {
                    "response_ratio": BASE_RATIO,
                    "uplift_ratio": 0.01 * number,
                    "contribution_amount": 1_000 / number**0.5,
                },
            }
        )
        for number in range(1, 6)
    ]


def _contract(channel: str, feeds: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the shipped contract of a channel for one undated Parquet file a feed."""
    shipped = SHIPPED_CONTRACTS / f"{channel}.odcs.yaml"
    contract: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    contract["schema"] = [s for s in contract["schema"] if s["name"] in feeds]
    for schema in contract["schema"]:
        name = schema["name"]
        schema["customProperties"] = [
            {
                "property": "layout",
                "value": {"format": "parquet", "path": f"{name}.parquet"},
            },
            {
                "property": "delivery",
                "value": {
                    "cadence": "static",
                    "content": "snapshot",
                    "effective_date": FIRST.isoformat(),
                },
            },
            {"property": "control", "value": {"kind": "none"}},
        ]
        schema["properties"] = [
            _as_it_is(p) for p in schema["properties"] if p["name"] in feeds[name]
        ]
    return contract


def _as_it_is(column: dict[str, Any]) -> dict[str, Any]:
    """Return a column of which the file has the name and the values of the contract."""
    customs = [
        c for c in column.get("customProperties", ()) if c["property"] == "identifier"
    ]
    kept = {
        k: v
        for k, v in column.items()
        if k not in {"physicalName", "customProperties", "transformSourceObjects"}
    }
    return {**kept, "customProperties": customs} if customs else kept


def _customers(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "core_customer_id": ids,
            "full_name": [f"Person {one}" for one in ids],
            "branch_id": [f"B{int(one) % BRANCHES:02d}" for one in ids],
        }
    )


def _products(effect_of: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": [f"P{campaign}" for campaign in effect_of],
            "product_name": [f"Product of {campaign}" for campaign in effect_of],
            "product_kind_code": "savings",
            "risk_level_code": "R1",
        }
    )


def _campaigns(effect_of: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "campaign_id": list(effect_of),
            "campaign_name": [f"Campaign {campaign}" for campaign in effect_of],
            "objective_code": "cross_sell",
            "product_id": [f"P{campaign}" for campaign in effect_of],
            "start_date": FIRST,
            "end_date": FIRST + timedelta(days=RUN_DAYS),
            "control_ratio": CONTROL_RATIO,
        }
    )


def _draw(
    rng: np.random.Generator,
    campaign: str,
    effect: float,
    customers: list[str],
    size: Size,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the contacts of a campaign and the accounts opened for it.

    Who opens an account goes by the arm alone, so that the effect is exactly the true
    one; where a contact breaks goes by who holds it.
    """
    who = rng.choice(len(customers), size.audience, replace=False)
    is_control = np.zeros(size.audience, bool)
    is_control[: round(size.audience * CONTROL_RATIO)] = True
    day = rng.integers(0, CONTACT_DAYS, size.audience)
    employee = rng.integers(0, DEPARTMENTS * EMPLOYEES_EACH, size.audience)
    contacts = pd.DataFrame(
        {
            "contact_id": [f"{campaign}-{n:06d}" for n in range(size.audience)],
            "campaign_id": campaign,
            "core_customer_id": [customers[n] for n in who],
            "contacted_at": pd.Timestamp(FIRST, tz="UTC")
            + pd.to_timedelta(day, unit="D")
            + pd.Timedelta(hours=6),
            "contact_channel_code": np.where(is_control, "none", "phone"),
            "is_control": is_control,
            "employee_id": [f"E{n + 1:03d}" for n in employee],
            "department_id": [f"D{n // EMPLOYEES_EACH + 1:03d}" for n in employee],
        }
    )
    step, failure = _furthest(rng, contacts)
    contacts["step_code"] = np.where(is_control, LISTED, step)
    contacts["failure_code"] = np.where(is_control, "held_out", failure)
    contacts.loc[contacts["failure_code"] == "", "failure_code"] = None
    contacts.loc[is_control, ["employee_id", "department_id"]] = None
    opens = rng.random(size.audience) < BASE_RATIO + np.where(is_control, 0, effect)
    answer = day + rng.integers(0, ANSWER_DAYS, size.audience)
    accounts = pd.DataFrame(
        {
            "account_id": [f"A{campaign}{n:06d}" for n in np.flatnonzero(opens)],
            "product_id": f"P{campaign}",
            "opened_date": [FIRST + timedelta(days=int(n)) for n in answer[opens]],
            "currency_code": "CNY",
            "core_customer_id": contacts["core_customer_id"][opens].to_numpy(),
        }
    )
    return contacts, accounts


def _furthest(
    rng: np.random.Generator, contacts: pd.DataFrame
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the furthest step of each contact and why no further, "" for the last."""
    furthest = np.full(len(contacts), LISTED, object)
    why = np.full(len(contacts), "", object)
    goes_on = np.ones(len(contacts), bool)
    for name, usual, usual_failure in STEPS:
        ratio = np.full(len(contacts), usual)
        failure = np.full(len(contacts), usual_failure, object)
        for broken in BREAKS:
            if broken.step == name:
                holds = (contacts["department_id"] == broken.department).to_numpy()
                if broken.employee:
                    holds = (
                        holds & (contacts["employee_id"] == broken.employee).to_numpy()
                    )
                ratio[holds], failure[holds] = broken.ratio, broken.failure
        fails = goes_on & (rng.random(len(contacts)) < ratio)
        why[fails] = failure[fails]
        goes_on &= ~fails
        furthest[goes_on] = name
    return furthest, why
