"""Plans campaigns: who is contacted how, who is held out, and what can be learned."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from scipy.stats import norm

from ingestion.artefacts import sha256_of, write_json
from ingestion.errors import SettingsError
from ingestion.identifiers import text_literal
from warehouse.bank import Bank
from warehouse.campaign_allocation import (
    Counts,
    Limits,
    Way,
    allocate,
    allocate_in_order,
    worth_of,
)
from warehouse.campaign_files import CampaignFile

CHANNELS = ("phone", "email", "app")
_SQL = Path(__file__).with_name("sql")
_PEOPLE = (_SQL / "campaign_people.sql").read_text("utf-8")
_REASONS = (_SQL / "campaign_reasons.sql").read_text("utf-8")
# What each channel's people need to reach somebody, and nothing else of the customer.
_ADDRESSES = {"phone": "mobile_phone", "email": "email_address", "app": None}
_BALANCED = ("age_years", "deposit_balance_amount", "trailing_contribution_amount")
_GROUPED = ("tier", "branch_id", "channel_code")


@dataclass(frozen=True)
class Planned:
    """What a campaign's plan comes to, and the folder that has its lists."""

    campaign: CampaignFile
    folder: Path
    summary: dict[str, Any]
    reasons: list[dict[str, Any]]
    tiers: list[dict[str, Any]]
    balance: list[dict[str, Any]]

    def told(self) -> dict[str, Any]:
        """Return all of it as one object, as `plan.json` has it."""
        return {
            **self.summary,
            "campaign": self.campaign.model_dump(mode="json"),
            "reasons": self.reasons,
            "tiers": self.tiers,
            "balance": self.balance,
        }


@dataclass(frozen=True)
class Terms:
    """The policy's numbers that a plan goes by, and what a contact costs."""

    confidence_ratio: float
    power_ratio: float
    balance_ratio: float
    unit_cost_amount: float


def plan(
    bank: Bank, campaigns: Sequence[CampaignFile], *, replace: bool = False
) -> list[Planned]:
    """Plan campaigns against each other on the current edition, and write their lists.

    A customer is in one of them at most: in that by which all of them together are
    expected to bring most. Afterwards `campaigns/<id>/` holds `audience.parquet` (every
    customer of the bank, with the reason), `plan.json`, and a CSV, a Parquet and a
    control file for each channel.

    Raises:
        SettingsError: There is no edition, two have one id, an audience cannot be
            asked for, a product is not known, or a plan stands already.
    """
    folders = [bank.settings.home / "campaigns" / c.campaign_id for c in campaigns]
    _hold_plannable(campaigns, folders, replace=replace)
    edition = bank.editions.published()
    as_of = date.fromisoformat(edition.as_of)
    database = bank.editions.published_database(edition.id)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute(f"set memory_limit = {text_literal(bank.settings.memory)}")
        # What does not fit would go beside the edition, which is not to be written.
        spill = str(bank.settings.home / "spill")
        connection.execute(f"set temp_directory = {text_literal(spill)}")
        # An audience is somebody's SQL: it may read the edition and nothing else.
        connection.execute("set enable_external_access = false")
        connection.execute(f"set threads = {bank.settings.threads}")
        terms = _terms(connection, as_of)
        connection.execute(_PEOPLE, [as_of] * 5)
        worths = [
            _worths(connection, number, campaign)
            for number, campaign in enumerate(campaigns)
        ]
        greedy, solved = _choose(connection, campaigns, worths, terms)
        _hold_out(connection, campaigns)
        planned = [
            _written(connection, number, campaign, folder, worths[number], terms)
            for number, (campaign, folder) in enumerate(
                zip(campaigns, folders, strict=True)
            )
        ]
    for one in planned:
        one.summary["edition"] = edition.id
        one.summary["all_expected_amount"] = round(solved, 2)
        one.summary["all_expected_amount_in_order"] = round(greedy, 2)
        _put_in_place(one)
    return planned


def _hold_plannable(
    campaigns: Sequence[CampaignFile], folders: Sequence[Path], *, replace: bool
) -> None:
    ids = [campaign.campaign_id for campaign in campaigns]
    for one in sorted({i for i in ids if ids.count(i) > 1}):
        raise SettingsError(one, "is the id of two campaigns")
    for folder in folders:
        if folder.exists() and not replace:
            raise SettingsError(
                str(folder),
                "has a plan already",
                remedy="Give --replace if its lists have not been handed over.",
            )


def _terms(connection: duckdb.DuckDBPyConnection, as_of: date) -> Terms:
    found = dict(
        connection.execute(
            "select term_code, term_value::double from policy.campaign_terms "
            "where ? >= valid_from and ? < valid_to",
            [as_of, as_of],
        ).fetchall()
    )
    (cost,) = connection.execute(
        "select max(unit_cost_amount)::double from policy.unit_costs "
        "where activity_code = 'campaign_contact' and ? >= valid_from "
        "and ? < valid_to",
        [as_of, as_of],
    ).fetchone() or (None,)
    return Terms(
        found["confidence_ratio"],
        found["power_ratio"],
        found["balance_ratio"],
        float(cost or 0),
    )


def _worths(
    connection: duckdb.DuckDBPyConnection, number: int, campaign: CampaignFile
) -> dict[str, float]:
    """Judge every customer for a campaign; return a response's yearly worth by tier."""
    judged = _reasons(connection, number, campaign)
    try:
        connection.execute(judged)
    except duckdb.Error as error:
        # Its text may hold what is known of a customer.
        raise SettingsError(
            f"{campaign.campaign_id} audience",
            f"fails on a customer's values: {type(error).__name__}",
            remedy="Use try_cast where a column may hold something else.",
        ) from None
    rows = connection.execute(
        "select distinct tier from people order by tier"
    ).fetchall()
    tiers = [tier for (tier,) in rows]
    if campaign.expected.contribution_amount is not None:
        return dict.fromkeys(tiers, campaign.expected.contribution_amount)
    # A tier without accounts of the product is worth what all of them are.
    grouped = connection.execute(
        "with earned as (select account_id, 12 * avg(deposit_interest_amount "
        "+ loan_interest_amount - expected_loss_amount - capital_charge_amount) "
        "::double as amount from intermediate.int_account_contributions "
        "group by account_id) "
        "select people.tier, avg(earned.amount), grouping(people.tier) from earned "
        "inner join intermediate.int_accounts as accounts using (account_id) "
        "inner join intermediate.int_account_owners as owners using (account_id) "
        "inner join people using (customer_key) where accounts.product_id = ? "
        "group by grouping sets ((people.tier), ())",
        [campaign.product_id],
    ).fetchall()
    whole = next((amount for _, amount, is_all in grouped if is_all), None)
    if whole is None:
        raise SettingsError(
            campaign.campaign_id,
            f"what a response brings cannot be told: nobody has {campaign.product_id}",
            remedy="State expected.contribution_amount.",
        )
    by_tier = {tier: amount for tier, amount, is_all in grouped if not is_all}
    return {tier: float(by_tier.get(tier, whole)) for tier in tiers}


def _reasons(
    connection: duckdb.DuckDBPyConnection, number: int, campaign: CampaignFile
) -> str:
    """Return the statement that judges every customer, once it is known to be one."""
    (found,) = connection.execute(
        "select max(risk_number) from intermediate.int_accounts where product_id = ?",
        [campaign.product_id],
    ).fetchone() or (None,)
    if campaign.risk_level_code is not None:
        found = int(campaign.risk_level_code[1:])
    if found is None:
        raise SettingsError(
            campaign.campaign_id,
            f"the risk of {campaign.product_id} is not known: nobody has it",
            remedy="State risk_level_code.",
        )
    predicates = [f"({campaign.audience}\n)"] if campaign.audience is not None else []
    if campaign.segment is not None:
        predicates.append(
            "customers.customer_key in (select customer_key from mart.segments "
            f"where scheme_code = {text_literal(campaign.segment.scheme_code)} "
            f"and segment_code = {text_literal(campaign.segment.segment_code)})"
        )
    bits = " + ".join(
        f"people.is_{channel}_open::integer * {1 << place}"
        for place, channel in enumerate(CHANNELS)
        if channel in campaign.channels
    )
    for predicate in predicates:
        _hold_predicate(connection, campaign, predicate)
    return _REASONS.format(
        reasons=f"reasons_{number}",
        predicate=" and ".join(predicates),
        risk_number=found,
        channel_bits=bits,
    )


def _hold_predicate(
    connection: duckdb.DuckDBPyConnection, campaign: CampaignFile, predicate: str
) -> None:
    """Refuse what is no predicate, by its type before any customer is looked at."""
    where = f"{campaign.campaign_id} audience"
    expected = "a predicate over the columns of mart.customers"
    asked = "mart.customers as customers"
    try:
        statements = connection.extract_statements(
            f"select {predicate} from {asked} limit 0"
        )
        kind = connection.execute(statements[0]).description[0][1]
        connection.execute(f"explain select 1 from {asked} where {predicate}")
    except duckdb.Error as error:
        line = str(error).split("\n")[0]
        raise SettingsError(where, line, expected=expected) from None
    if len(statements) != 1:
        raise SettingsError(where, "is more than one predicate", expected=expected)
    if kind != "BOOLEAN":
        raise SettingsError(
            where, "is not true or false", expected=expected, found=str(kind)
        )


def _choose(
    connection: duckdb.DuckDBPyConnection,
    campaigns: Sequence[CampaignFile],
    worths: Sequence[dict[str, float]],
    terms: Terms,
) -> tuple[float, float]:
    """Put each customer into one campaign and channel at most.

    Returns what all are expected to bring if the worthiest was always taken first, and
    what they are by the plan.
    """
    mask = " + ".join(
        f"(r{n}.channel_bits::bigint << {n * len(CHANNELS)})"
        for n in range(len(campaigns))
    )
    joins = " ".join(
        f"inner join reasons_{n} as r{n} using (customer_key)"
        for n in range(len(campaigns))
    )
    connection.execute(
        "create temp table candidates as with masked as ("
        f"select customer_key, people.tier, {mask} as mask from people {joins}) "
        "select customer_key, tier, mask, "
        "dense_rank() over (order by tier, mask) - 1 as class_number, "
        "row_number() over (partition by tier, mask "
        f"order by md5(customer_key || {text_literal(str(campaigns[0].seed))}), "
        "customer_key) - 1 as place from masked where mask > 0"
    )
    classes = connection.execute(
        "select class_number, tier, mask, count(*) from candidates "
        "group by all order by class_number"
    ).fetchall()
    ways = [
        Way(
            group,
            number,
            channel,
            max(campaign.expected.uplift_ratio * worths[number][tier], 1e-9),
        )
        for group, tier, mask_value, _ in classes
        for number, campaign in enumerate(campaigns)
        for channel in range(len(CHANNELS))
        if mask_value >> (number * len(CHANNELS) + channel) & 1
    ]
    limits = _limits(campaigns, terms, np.array([c[3] for c in classes], np.int64))
    counts = allocate(ways, limits)
    _assign(connection, ways, counts)
    in_order = allocate_in_order(ways, limits)
    return worth_of(ways, in_order), worth_of(ways, counts)


def _limits(campaigns: Sequence[CampaignFile], terms: Terms, sizes: Counts) -> Limits:
    """Return how many each may take, those held out included: they cost nothing."""
    capacities = np.zeros((len(campaigns), len(CHANNELS)), np.int64)
    budgets = np.zeros(len(campaigns), np.int64)
    for number, campaign in enumerate(campaigns):
        contacted = 1 - campaign.control_ratio
        for place, channel in enumerate(CHANNELS):
            if channel in campaign.channels:
                daily = campaign.channels[channel].capacity_per_day  # type: ignore[index]
                capacities[number, place] = math.floor(
                    daily * campaign.contact_days / contacted
                )
        affordable = campaign.budget_amount / max(terms.unit_cost_amount, 1e-9)
        budgets[number] = min(math.floor(affordable / contacted), 1 << 40)
    return Limits(sizes, capacities, budgets)


def _assign(
    connection: duckdb.DuckDBPyConnection, ways: Sequence[Way], counts: Counts
) -> None:
    """Give each class's customers, in an order by chance, to its ways."""
    taken: dict[int, int] = {}
    rows = []
    for way, count in zip(ways, counts.tolist(), strict=True):
        first = taken.get(way.group, 0)
        taken[way.group] = first + count
        if count:
            rows.append((way.group, first, first + count, way.campaign, way.channel))
    connection.execute(
        "create temp table slices (class_number bigint, first_place bigint, "
        "end_place bigint, campaign_number integer, channel_number integer)"
    )
    if rows:
        connection.executemany("insert into slices values (?, ?, ?, ?, ?)", rows)
    connection.execute(
        "create temp table chosen as select candidates.customer_key, "
        "slices.campaign_number, slices.channel_number from candidates "
        "inner join slices on candidates.class_number = slices.class_number "
        "and candidates.place >= slices.first_place "
        "and candidates.place < slices.end_place"
    )


def _hold_out(
    connection: duckdb.DuckDBPyConnection, campaigns: Sequence[CampaignFile]
) -> None:
    """Hold customers out by chance, each with the same chance, evenly over the strata.

    A systematic sample: within a channel of a campaign, customers stand in order of
    tier, branch and balance, and from a start by chance each n-th is held out, the
    share of the file rounded up. So a tier, a branch and any range of balances hold out
    their part, give or take one.
    """
    sizes = connection.execute(
        "select campaign_number, channel_number, count(*) from chosen "
        "group by all order by all"
    ).fetchall()
    connection.execute(
        "create temp table samples (campaign_number integer, channel_number integer, "
        "size bigint, held_out bigint, start bigint)"
    )
    for number, channel, size in sizes:
        campaign = campaigns[number]
        chance = np.random.default_rng([campaign.seed, number, channel])
        held_out = math.ceil(size * campaign.control_ratio - 1e-9)
        start = int(chance.integers(size))
        connection.execute(
            "insert into samples values (?, ?, ?, ?, ?)",
            [number, channel, size, held_out, start],
        )
    connection.execute(
        "create temp table arms as with ordered as (select chosen.*, "
        "row_number() over (partition by campaign_number, channel_number "
        "order by people.tier, people.branch_id, people.deposit_balance_amount, "
        "customer_key) - 1 as place "
        "from chosen inner join people using (customer_key)) "
        "select customer_key, campaign_number, channel_number, "
        "((place + 1) * held_out + start) // size > (place * held_out + start) // size "
        "as is_control from ordered "
        "inner join samples using (campaign_number, channel_number)"
    )


def _written(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    campaign: CampaignFile,
    folder: Path,
    worths: dict[str, float],
    terms: Terms,
) -> Planned:
    """Write the lists of a campaign beside their place; return what they come to."""
    audience = _audience(connection, number, campaign)
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    every = audience.to_arrow_table()
    pq.write_table(every, beside / "audience.parquet", compression="zstd")
    people = connection.execute(
        f"select * from audience_{number} where arm_code is not null"
    ).df()
    for channel in sorted(campaign.channels):
        _hand_over(connection, number, campaign, channel, beside)
    reasons = _counted(every)
    tiers = _by_tier(people, campaign, worths, terms)
    balance = _balance(people, terms)
    summary = _summary(people, campaign, tiers, balance, terms)
    return Planned(campaign, folder, summary, reasons, tiers, balance)


def _put_in_place(planned: Planned) -> None:
    """Write what the plan comes to, then move it where it belongs, as a whole."""
    beside = planned.folder.with_name(f".{planned.folder.name}.new")
    write_json(beside / "plan.json", planned.told())
    if planned.folder.exists():
        shutil.rmtree(planned.folder)
    beside.rename(planned.folder)


def _audience(
    connection: duckdb.DuckDBPyConnection, number: int, campaign: CampaignFile
) -> duckdb.DuckDBPyConnection:
    """Return every customer of the bank with the reason, and the list of the chosen."""
    daily = " ".join(
        f"when {text_literal(channel)} then {limit.capacity_per_day}"
        for channel, limit in campaign.channels.items()
    )
    start = f"{text_literal(str(campaign.start_date))}::date"
    names = " ".join(
        f"when {place} then {text_literal(channel)}"
        for place, channel in enumerate(CHANNELS)
    )
    connection.execute(
        f"create temp table audience_{number} as with joined as ("
        "select people.customer_key, people.tier, people.branch_id, "
        "people.age_years, people.deposit_balance_amount, "
        "people.trailing_contribution_amount, people.core_customer_id, "
        "people.mobile_phone, people.email_address, "
        f"case when arms.campaign_number = {number} then "
        "case when arms.is_control then 'control' else 'treated' end end as arm_code, "
        f"case when arms.campaign_number = {number} then "
        f"case arms.channel_number {names} end end as channel_code, "
        "case when reasons.reason_code is not null then reasons.reason_code "
        "when arms.campaign_number is null then 'no_capacity' "
        f"when arms.campaign_number <> {number} then 'in_another_campaign' "
        "else 'chosen' end as reason_code "
        f"from people inner join reasons_{number} as reasons using (customer_key) "
        "left join arms on people.customer_key = arms.customer_key), "
        "placed as (select joined.*, row_number() over (partition by arm_code, "
        "channel_code order by md5('day' || customer_key)) - 1 as place, "
        "row_number() over (partition by arm_code is null order by customer_key) "
        "as contact_number from joined) "
        "select placed.* exclude (place, contact_number), "
        f"case when arm_code is not null then {text_literal(campaign.campaign_id)} "
        "|| '-' || lpad(contact_number::varchar, 7, '0') end as contact_id, "
        f"case arm_code when 'treated' then {start} "
        f"+ (place // case channel_code {daily} end)::integer "
        f"when 'control' then {start} end as contact_date from placed"
    )
    return connection.execute(
        "select customer_key, tier, branch_id, reason_code, arm_code, channel_code, "
        f"contact_id, contact_date from audience_{number} order by customer_key"
    )


def _hand_over(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    campaign: CampaignFile,
    channel: str,
    folder: Path,
) -> None:
    """Write a channel's list: whom to contact when, by the one address it needs."""
    address = _ADDRESSES[channel]
    table: pa.Table = connection.execute(
        "select contact_id, core_customer_id, contact_date"
        f"{', ' + address if address else ''} from audience_{number} "
        "where arm_code = 'treated' and channel_code = ? "
        "order by contact_date, contact_id",
        [channel],
    ).to_arrow_table()
    files = (folder / f"{channel}.csv", folder / f"{channel}.parquet")
    pa_csv.write_csv(table, files[0])
    pq.write_table(table, files[1])
    for file in files:
        file.chmod(0o600)
    write_json(
        folder / f"{channel}.ctl.json",
        {
            "campaign_id": campaign.campaign_id,
            "channel": channel,
            "rows": table.num_rows,
            "files": [
                {"name": f.name, "bytes": f.stat().st_size, "sha256": sha256_of(f)}
                for f in files
            ],
        },
    )


def _counted(every: pa.Table) -> list[dict[str, Any]]:
    counts = every.group_by(["reason_code"]).aggregate([([], "count_all")])
    rows = [
        {"reason_code": r["reason_code"], "customer_count": r["count_all"]}
        for r in counts.to_pylist()
    ]
    return sorted(rows, key=lambda r: (-r["customer_count"], r["reason_code"]))


def _by_tier(
    people: pd.DataFrame,
    campaign: CampaignFile,
    worths: dict[str, float],
    terms: Terms,
) -> list[dict[str, Any]]:
    """Return what the contacts of each tier cost and should bring in a year."""
    rows = []
    for tier, group in people.groupby("tier"):
        treated = int((group["arm_code"] == "treated").sum())
        gained = treated * campaign.expected.uplift_ratio
        rows.append(
            {
                "tier": tier,
                "treated_count": treated,
                "control_count": len(group) - treated,
                "gained_response_count": round(gained, 1),
                "contribution_amount": round(gained * worths[str(tier)], 2),
                "cost_amount": round(treated * terms.unit_cost_amount, 2),
            }
        )
    return rows


def _balance(people: pd.DataFrame, terms: Terms) -> list[dict[str, Any]]:
    """Return how far both arms differ, in standard deviations, by measure and share.

    Where an arm has nobody there is nothing to hold against each other.
    """
    is_control = people["arm_code"] == "control"
    if is_control.all() or not is_control.any():
        return []
    measures = {name: people[name].astype(float) for name in _BALANCED}
    for name in _GROUPED:
        for value in sorted(people[name].unique()):
            measures[f"{name} {value}"] = (people[name] == value).astype(float)
    rows = []
    for name, values in measures.items():
        treated, control = values[~is_control].mean(), values[is_control].mean()
        spread = values.std(ddof=0)
        apart = (treated - control) / spread if spread else 0.0
        rows.append(
            {
                "measure": name,
                "treated": round(float(treated), 4),
                "control": round(float(control), 4),
                "difference_deviations": round(float(apart), 4),
                "is_balanced": bool(not abs(apart) > terms.balance_ratio),
            }
        )
    return rows


def _summary(
    people: pd.DataFrame,
    campaign: CampaignFile,
    tiers: list[dict[str, Any]],
    balance: list[dict[str, Any]],
    terms: Terms,
) -> dict[str, Any]:
    """Return what the plan comes to: counts, cost, return, and what it can show."""
    treated = int((people["arm_code"] == "treated").sum())
    control = len(people) - treated
    cost = sum(row["cost_amount"] for row in tiers)
    brings = sum(row["contribution_amount"] for row in tiers)
    seen = detectable_uplift(campaign.expected.response_ratio, treated, control, terms)
    last = people["contact_date"].max() if treated else None
    return {
        "campaign_id": campaign.campaign_id,
        "treated_count": treated,
        "control_count": control,
        "last_contact_date": None if last is None else str(pd.Timestamp(last).date()),
        "cost_amount": round(cost, 2),
        "budget_amount": campaign.budget_amount,
        "expected_contribution_amount": round(brings, 2),
        "expected_return_ratio": round((brings - cost) / cost, 3) if cost else None,
        "detectable_uplift_ratio": None if seen is None else round(seen, 4),
        "expected_uplift_ratio": campaign.expected.uplift_ratio,
        "needed_count": needed_count(campaign, terms),
        "can_be_seen": seen is not None and seen <= campaign.expected.uplift_ratio,
        "is_balanced": bool(balance) and all(row["is_balanced"] for row in balance),
    }


def detectable_uplift(
    response_ratio: float, treated: int, control: int, terms: Terms
) -> float | None:
    """Return the least uplift seen at the policy's power; None without two arms.

    Source: two-sided test of two ratios, normal approximation at `response_ratio`.
    """
    if not treated or not control:
        return None
    variance = response_ratio * (1 - response_ratio) * (1 / treated + 1 / control)
    return float(_quantiles(terms) * math.sqrt(variance))


def needed_count(campaign: CampaignFile, terms: Terms) -> int:
    """Return how many customers, both arms, it takes to see the expected uplift."""
    ratio, uplift = campaign.expected.response_ratio, campaign.expected.uplift_ratio
    held = campaign.control_ratio
    spread = ratio * (1 - ratio) * (1 / held + 1 / (1 - held))
    return math.ceil(spread * (_quantiles(terms) / uplift) ** 2)


def _quantiles(terms: Terms) -> float:
    return float(
        norm.ppf(1 - (1 - terms.confidence_ratio) / 2) + norm.ppf(terms.power_ratio)
    )
