"""The marts are what plain pandas makes of the lake, and of nothing but the lake."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.integration.bank_runs import Home, differing_tables
from tests.integration.oracle import (
    AS_OF,
    DAYS,
    PARTS,
    ZERO,
    Lake,
    Oracle,
    StraightBank,
    Table,
    assert_right,
    candidate_of,
    exact,
    is_rounding_of,
    land,
    mart,
    shown,
    straight_bank,
)

ZONE = "Asia/Shanghai"
COSTS = {"cost_to_serve_amount", "expected_loss_amount", "capital_charge_amount"}
TAX_RATIO = Decimal("0.25")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> StraightBank:
    return straight_bank(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def oracle(bank: StraightBank) -> Oracle:
    return Oracle.of(bank.home.root, bank.home.database, AS_OF, ZONE)


def test_interactions_are_the_landed_rows_by_channel_feed_and_date(
    bank: StraightBank, oracle: Oracle
) -> None:
    def figures(rows: Table) -> dict[tuple[object, ...], list[object]]:
        found: dict[tuple[object, ...], list[object]] = defaultdict(lambda: [0, ZERO])
        for r in rows:
            group = found[
                r["channel"], r["feed"], r["business_date"], r["activity_code"]
            ]
            group[0] += 1  # type: ignore[operator]
            group[1] += exact(r["amount"])  # type: ignore[operator]
        return dict(found)

    due = figures(oracle.interactions.to_dict("records"))
    assert {(channel, feed) for channel, feed, _, _ in due} >= {
        ("atm", "transactions"),
        ("call_center", "calls"),
        ("core_banking", "postings"),
        ("email", "messages"),
        ("marketing", "contacts"),
        ("online_banking", "payments"),
    }
    assert figures(mart(bank, "interactions")) == due


def test_interactions_tell_of_each_record_what_its_channel_told(
    bank: StraightBank, oracle: Oracle
) -> None:
    columns = (
        *("channel", "feed", "business_date", "record_id", "activity_code"),
        *("kind_code", "direction_code", "occurred_at", "outcome_code"),
        *("category_code", "amount", "wait_seconds", "duration_seconds"),
        "satisfaction_score",
    )

    def lines(rows: Table) -> Counter[tuple[object, ...]]:
        return Counter(tuple(r[c] for c in columns) for r in rows)

    found = lines(mart(bank, "interactions"))
    due = lines(oracle.interactions.to_dict("records"))
    assert list((found - due).items())[:3] == list((due - found).items())[:3] == []


def test_customer_contribution_monthly_is_right_to_the_cent(
    bank: StraightBank, oracle: Oracle
) -> None:
    found = {
        (r["customer_key"], r["month_start"]): r
        for r in mart(bank, "customer_contribution_monthly")
    }
    assert set(found) == set(oracle.contribution)
    assert_right(found, oracle.contribution_parts)
    for row in found.values():
        signed = {n: -row[n] if n in COSTS else row[n] for n in PARTS}
        taxed = sum(signed.values()) - signed["capital_charge_amount"]
        assert is_rounding_of(row["tax_amount"], exact(taxed * TAX_RATIO))
        whole = sum(signed.values()) - row["tax_amount"]
        assert row["contribution_amount"] == whole
        assert row["currency_code"] == "CNY"
    for name in PARTS:
        assert any(row[name] for row in found.values()), f"{name} was never put to test"


def test_customer_tiers_are_what_the_policy_makes_of_contribution(
    bank: StraightBank, oracle: Oracle
) -> None:
    rounded = {
        (r["customer_key"], r["month_start"]): r["contribution_amount"]
        for r in mart(bank, "customer_contribution_monthly")
    }
    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for r in sorted(mart(bank, "customer_tiers"), key=lambda r: r["valid_from"]):
        found[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
    due = oracle.tiers(rounded)
    assert {tier for periods in due.values() for *_, tier in periods} >= {
        "premium",
        "ordinary",
        "potential",
    }
    differing = {k: (found.get(k), due[k]) for k in due if found.get(k) != due[k]}
    assert not differing, shown(differing)
    assert set(found) == set(due)


def test_the_curve_adds_up_the_customers_from_the_most_profitable(
    bank: StraightBank, oracle: Oracle
) -> None:
    rounded = {
        (r["customer_key"], r["month_start"]): r["contribution_amount"]
        for r in mart(bank, "customer_contribution_monthly")
    }
    rows = mart(bank, "contribution_curve")
    found = {
        (r["month_start"], r["customer_percent"]): (
            r["top_customer_count"],
            r["customer_count"],
            r["cumulative_contribution_amount"],
            r["total_contribution_amount"],
        )
        for r in rows
    }
    assert found == oracle.curve(rounded)
    for r in rows:
        total = r["total_contribution_amount"]
        share = r["cumulative_share_ratio"]
        if total > 0:
            assert share == pytest.approx(
                float(r["cumulative_contribution_amount"] / total)
            )
        else:
            assert share is None


def test_migration_counts_every_customer_once_a_month(
    bank: StraightBank, oracle: Oracle
) -> None:
    tiers: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
    for r in mart(bank, "customer_tiers"):
        tiers[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
    rows = mart(bank, "tier_migration")
    found = {
        (r["month_start"], r["earlier_tier"], r["tier"]): r["customer_count"]
        for r in rows
    }
    assert found == oracle.migration(tiers)
    shares: dict[tuple[object, object], float] = defaultdict(float)
    for r in rows:
        shares[r["month_start"], r["earlier_tier"]] += r["share_of_earlier_ratio"]
    assert all(share == pytest.approx(1) for share in shares.values())


def test_every_customer_is_in_the_segments_of_the_policy(
    bank: StraightBank, oracle: Oracle
) -> None:
    found = {
        (r["customer_key"], r["scheme_code"]): r["segment_code"]
        for r in mart(bank, "segments")
    }
    due = {
        (key, scheme): segment
        for key in oracle.customer_keys
        for scheme, segment in oracle.segments(key).items()
    }
    differing = {k: (found.get(k), due[k]) for k in due if found.get(k) != due[k]}
    assert not differing, shown(differing)
    assert set(found) == set(due)
    assert len(set(due.values())) > 15, "few segments were put to test"


def _members(bank: StraightBank) -> pd.DataFrame:
    return pd.DataFrame(mart(bank, "segments"))[
        ["customer_key", "scheme_code", "segment_code"]
    ]


def test_segment_profiles_are_averages_against_the_bank(bank: StraightBank) -> None:
    customers = pd.DataFrame(mart(bank, "customers")).set_index("customer_key")
    members = _members(bank)
    rows = mart(bank, "segment_profiles")
    measures = {r["measure_code"] for r in rows}
    assert len(measures) > 10
    numbers = customers[sorted(measures)].astype(float)
    groups = dict(tuple(members.groupby(["scheme_code", "segment_code"])))
    assert len(rows) == len(groups) * len(measures)
    for r in rows:
        measure = r["measure_code"]
        some = numbers.loc[
            groups[r["scheme_code"], r["segment_code"]]["customer_key"], measure
        ]
        everyone = numbers[measure]
        assert (r["customer_count"], r["known_count"]) == (len(some), some.count())
        if not some.count():
            assert r["segment_average"] is None
            continue
        assert r["segment_average"] == pytest.approx(some.mean(), rel=1e-6)
        assert r["bank_average"] == pytest.approx(everyone.mean(), rel=1e-6)
        if everyone.mean():
            lift = some.mean() / everyone.mean()
            assert r["lift_ratio"] == pytest.approx(lift, rel=1e-6)
        if everyone.std(ddof=0) > 1e-6:
            effect = (some.mean() - everyone.mean()) / everyone.std(ddof=0)
            assert r["effect_size"] == pytest.approx(effect, rel=1e-4, abs=1e-6)


def test_segment_needs_are_shares_of_members_who_asked(
    bank: StraightBank, oracle: Oracle
) -> None:
    asked = oracle.asked()
    everyone = len(oracle.customer_keys)
    due = {}
    for (scheme, segment), group in _members(bank).groupby(
        ["scheme_code", "segment_code"]
    ):
        members = set(group["customer_key"])
        for (activity, category), keys in asked.items():
            if keys & members:
                share, whole = len(keys & members) / len(members), len(keys) / everyone
                due[scheme, segment, activity, category] = (
                    *(len(keys & members), len(members)),
                    *(pytest.approx(share), pytest.approx(whole)),
                    pytest.approx(share / whole),
                )
    found = {
        tuple(
            r[c]
            for c in ("scheme_code", "segment_code", "activity_code", "category_code")
        ): (
            *(r["asking_count"], r["customer_count"]),
            *(r["asking_ratio"], r["bank_asking_ratio"], r["lift_ratio"]),
        )
        for r in mart(bank, "segment_needs")
    }
    assert found == due


def test_segment_months_add_up_the_contribution_of_members(bank: StraightBank) -> None:
    months = pd.DataFrame(mart(bank, "customer_contribution_monthly"))
    joined = _members(bank).merge(months, on="customer_key")
    grouped = joined.groupby(["scheme_code", "segment_code", "month_start"])
    due = {
        key: (
            len(group),
            sum(group["contribution_amount"]),
            sum(group["cost_to_serve_amount"]),
        )
        for key, group in grouped
    }
    found = {
        (r["scheme_code"], r["segment_code"], r["month_start"]): (
            r["active_customer_count"],
            r["contribution_amount"],
            r["cost_to_serve_amount"],
        )
        for r in mart(bank, "segment_months")
    }
    assert found == due


def test_customers_have_the_profile_that_the_lake_tells(
    bank: StraightBank, oracle: Oracle
) -> None:
    found = {r["customer_key"]: r for r in mart(bank, "customers")}
    assert sorted(found) == oracle.customer_keys
    assert_right(found, {key: oracle.profile(key) for key in found})


def test_the_sources_of_facts_tell_what_the_profile_does(
    bank: StraightBank, oracle: Oracle
) -> None:
    profiles = {r["customer_key"]: r for r in mart(bank, "customers")}
    sources = mart(bank, "customer_sources")
    facts = {(r["customer_key"], r["fact_code"]): r for r in sources}
    named = {"full_name", "birth_date", "mobile_phone", "email_address"}
    named |= {"postal_address"}
    assert set(facts) == {
        (key, fact)
        for key, row in profiles.items()
        for fact in named
        if row[fact] is not None
    }
    assert {r["rule_code"] for r in sources} >= {"opened_first", "opened_last", "login"}
    assert all(oracle.customer_of[r["record_id"]] == r["customer_key"] for r in sources)


def test_customers_have_the_tier_and_contribution_of_their_own_tables(
    bank: StraightBank,
) -> None:
    trailing: dict[str, Decimal] = defaultdict(Decimal)
    for r in mart(bank, "customer_contribution_monthly"):
        trailing[r["customer_key"]] += r["contribution_amount"]
    tiers = {
        r["customer_key"]: (r["tier"], r["valid_from"], r["reason"])
        for r in mart(bank, "customer_tiers")
        if r["valid_from"] <= AS_OF < r["valid_to"]
    }
    for r in mart(bank, "customers"):
        key = r["customer_key"]
        assert (r["tier"], r["tier_from_date"], r["tier_reason"]) == tiers[key]
        assert r["trailing_contribution_amount"] == trailing[key]


def test_channel_service_is_right_to_the_cent(
    bank: StraightBank, oracle: Oracle
) -> None:
    found = {
        (r["channel"], r["business_date"]): r for r in mart(bank, "channel_service")
    }
    due = oracle.channel_days()
    assert set(found) == set(due)
    assert_right(found, due)


def test_bank_overview_is_right_to_the_cent(bank: StraightBank, oracle: Oracle) -> None:
    found = {r["business_date"]: r for r in mart(bank, "bank_overview")}
    parts = Counter(r["business_date"] for r in mart(bank, "branch_overview"))
    due = oracle.bank_days()
    assert set(found) == set(due) == set(DAYS)
    for day, row in due.items():
        # The sum of the branches: each of them is rounded to the cent.
        allowed = Fraction(parts[day], 200)
        assert parts[day] > 10
        for name, value in row.items():
            if isinstance(value, Fraction):
                assert abs(exact(found[day][name]) - value) <= allowed, (day, name)
            else:
                assert found[day][name] == value, (day, name)


def test_cost_to_serve_is_the_same_by_channel_by_customer_and_by_day(
    bank: StraightBank, oracle: Oracle
) -> None:
    by_channel = sum(r["cost_to_serve_amount"] for r in mart(bank, "channel_service"))
    by_day = sum(r["cost_to_serve_amount"] for r in mart(bank, "bank_overview"))
    costs = oracle.interactions.to_dict("records")
    of_nobody = sum((r["cost"] for r in costs if not r["customer_key"]), ZERO)
    by_customer = sum(
        r["cost_to_serve_amount"] for r in mart(bank, "customer_contribution_monthly")
    )
    assert by_channel == by_day
    assert exact(by_channel) == exact(by_customer) + of_nobody


# The same lake in another order


@pytest.fixture(scope="module")
def other_order(bank: StraightBank) -> Home:
    """The third day first, then the first, then the second, a night for each."""
    root = bank.home.root.with_name("other_order")
    home = Home(root, bank.home.extracts, bank.home.key_file)
    for day in (DAYS[2], DAYS[0], DAYS[1]):
        land(home, day)
        home.must("night", "--date", day.isoformat(), "--skip-landing")
    return home


def test_every_table_is_a_function_of_the_lake_whatever_the_order_of_days(
    bank: StraightBank, other_order: Home
) -> None:
    (counted,) = other_order.rows(
        "select (select count(*) from ops.changed_partitions), "
        "(select count(*) from ops.loaded_partitions)"
    )
    assert 0 < counted[0] < counted[1], "the last night built everything anew"
    differing = differing_tables(bank.home, other_order)
    assert not differing, shown(differing)


# Who is who


@dataclass(frozen=True)
class Truth:
    """A bank without dirt: core ids and logins, their true people and our keys."""

    people: dict[str, str]
    keys: dict[str, str]
    # Logins that state no core id. Their phone is often the family's, so that by
    # identifiers alone some of them must stay customers of their own.
    unproved: set[str]


@pytest.fixture(scope="module")
def truth(bank: StraightBank) -> Truth:
    root = bank.home.root.with_name("clean")
    home = Home(root, root / "extracts", bank.home.key_file)
    home.must(
        *("sample", "--customers", "300", "--days", "1"),
        *("--start", DAYS[0].isoformat(), "--dirt", "none", "--seed", "7"),
    )
    land(home, DAYS[0])
    home.must("build", "--date", DAYS[0].isoformat())
    logins = Lake(root / "lake", DAYS[0]).snapshot(
        "online_banking", "logins", "login_id"
    )
    return Truth(
        _people(root),
        _keys(candidate_of(home)),
        {
            f"online_banking:login:{r['login_id']}"
            for r in logins
            if r["core_customer_id"] is None
        },
    )


def _people(root: Path) -> dict[str, str]:
    prefixes = {
        "core_customer": "core_banking:customer:",
        "login": "online_banking:login:",
    }
    with (root / "truth" / "who_is_who.csv").open(encoding="utf-8") as stream:
        return {
            prefixes[r["record_kind"]] + r["record_value"]: r["person_id"]
            for r in csv.DictReader(stream)
            if r["record_kind"] in prefixes
        }


def _keys(database: Path) -> dict[str, str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return dict(
            connection.execute(
                "select record_id, customer_key from identity.customer_identity "
                "where record_kind in ('core_customer', 'login')"
            ).fetchall()
        )


def test_all_core_ids_and_proved_logins_of_a_person_have_one_key(truth: Truth) -> None:
    keys_of: dict[str, list[str]] = defaultdict(list)
    for record in truth.keys.keys() - truth.unproved:
        keys_of[truth.people[record]].append(truth.keys[record])
    assert sum(len(keys) > 1 for keys in keys_of.values()) > 100
    assert [p for p, keys in keys_of.items() if len(set(keys)) > 1] == []


def test_no_two_people_share_a_key(truth: Truth) -> None:
    people_of: dict[str, set[str]] = defaultdict(set)
    for record, key in truth.keys.items():
        people_of[key].add(truth.people[record])
    assert len(people_of) > 200
    assert [k for k, people in people_of.items() if len(people) > 1] == []


def test_a_person_with_two_core_ids_is_one_customer(truth: Truth) -> None:
    core = [r for r in truth.keys if r.startswith("core_banking:customer:")]
    counted = Counter(truth.people[record] for record in core)
    twice = [record for record in core if counted[truth.people[record]] > 1]
    assert len(twice) > 1
    assert len({truth.keys[r] for r in twice}) == len({truth.people[r] for r in twice})
