"""A real bank, onboarded with contracts alone: the figures to the line and the sum."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.integration.bank_runs import PROJECT, Home, run_dbt, tables
from tests.integration.oracle import (
    PARTS,
    Oracle,
    assert_right,
)
from tests.integration.oracle_bank import rows_of
from warehouse.attrition import Panel, read_panel, train
from warehouse.attrition_model import load_attrition_model

EXTRACTS = PROJECT.parent / "shared" / "data" / "eagle_bank"
CONTRACTS = PROJECT / "docs" / "onboarding" / "eagle_bank" / "contracts"
NIGHT = "2014-03-30"

pytestmark = pytest.mark.skipif(
    not EXTRACTS.is_dir(),
    reason=f"the Eagle bank's extracts are not at {EXTRACTS}",
)


def _home(root: Path, key_file: Path) -> Home:
    return Home(
        root,
        EXTRACTS,
        key_file,
        (
            ("PASSBOOK_CONTRACTS", str(CONTRACTS)),
            ("PASSBOOK_TIMEZONE", "America/New_York"),
            ("PASSBOOK_COUNTRY", "US"),
            ("PASSBOOK_CURRENCY", "USD"),
        ),
    )


@pytest.fixture(scope="module")
def eagle(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("eagle")
    home = _home(root / "home", root / "card.key")
    home.must("night", "--date", NIGHT)
    return home


def _ledger() -> Iterator[list[str]]:
    with (EXTRACTS / "trans.asc").open(encoding="ascii", newline="") as stream:
        next(stream)
        for line in stream:
            yield next(csv.reader([line], delimiter=";"))


def _records(name: str, encoding: str = "utf-8-sig") -> int:
    with (EXTRACTS / name).open(encoding=encoding, newline="") as stream:
        return sum(1 for _ in csv.reader(stream)) - 1


def test_every_line_of_every_file_is_landed_or_rejected(eagle: Home) -> None:
    landed = dict(
        eagle.rows(
            "select subject, (rows_in, rows_out, rejected) "
            "from ops.outcomes where step = 'land'"
        )
    )
    due = {
        "core_banking.customers": _records("client.csv"),
        "core_banking.accounts": _records("account.csv"),
        "core_banking.account_holders": _records("disposition.csv"),
        "core_banking.cards": _records("card.csv"),
        "core_banking.loans": _records("loan.csv"),
        "core_banking.standing_orders": _records("order.csv"),
        "core_banking.departments": _records("district.csv"),
        "call_center.calls": _records("CRMCallCenterLogs.csv"),
        "call_center.cases": _records("crm_events.csv"),
        "marketing.reviews": _records("CRMReviews.csv", "cp1252"),
    }
    for subject, lines in due.items():
        assert landed[subject] == (lines, lines, 0), subject
    lines = sum(1 for _ in _ledger())
    assert lines == 49_103
    shared = ("atm.transactions", "online_banking.payments", "core_banking.postings")
    assert sum(landed[s][1] + landed[s][2] for s in shared) == lines
    assert landed["core_banking.balances"] == (lines, lines - 1, 1)


def test_only_the_truncated_last_line_of_the_ledger_is_rejected(eagle: Home) -> None:
    rejects = eagle.rows(
        "select source_file, source_line, reason_code from ops.rejects "
        "where feed = 'postings'"
    )
    assert rejects == [("trans.asc", 49_104, "unclosed_quote")]


def test_the_timeline_has_the_ledgers_amounts_to_the_cent(eagle: Home) -> None:
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in _ledger():
        if len(row) == 10 and row[2] <= "940330":
            kind = "cash" if row[4].startswith(("VKLAD", "VYBER")) else "transfer"
            kind = kind if row[4] else "interest"
            sums[kind] += Decimal(row[5])  # type: ignore[assignment]
            counts[kind] += 1
    assert len(counts) == 3
    found = {
        kind: (count, amount)
        for kind, count, amount in eagle.rows(
            "select case channel when 'atm' then 'cash' when 'online_banking' then "
            "'transfer' else 'interest' end, count(*), sum(amount) "
            "from mart.interactions where kind_code = 'transaction' group by all"
        )
    }
    assert found == {k: (counts[k], sums[k]) for k in counts}


def test_calls_and_complaints_stand_in_the_same_timeline(eagle: Home) -> None:
    with (EXTRACTS / "CRMCallCenterLogs.csv").open(encoding="utf-8-sig") as stream:
        calls = sum(1 for r in csv.DictReader(stream) if r["Date received"] <= NIGHT)
    with (EXTRACTS / "crm_events.csv").open(encoding="utf-8") as stream:
        cases = sum(
            1
            for r in csv.DictReader(stream)
            if "-".join(reversed(r["date_received"].split("-"))) <= NIGHT
        )
    found = dict(
        eagle.rows(
            "select feed, count(*) from mart.interactions "
            "where channel = 'call_center' group by feed"
        )
    )
    assert found == {"calls": calls, "cases": cases}


def test_a_transfer_that_an_order_ordered_is_a_standing_order(eagle: Home) -> None:
    with (EXTRACTS / "order.csv").open() as stream:
        orders = {
            (r["account_id"], r["account_to"], Decimal(r["amount"]))
            for r in csv.DictReader(stream)
        }
    due = sum(
        1
        for r in _ledger()
        if len(r) == 10
        and r[4] == "PREVOD NA UCET"
        and r[2] <= "940330"
        and (f"A{int(r[1]):08d}", r[9], Decimal(r[5])) in orders
    )
    assert due > 6_000
    assert eagle.rows(
        "select count(*) from mart.interactions where activity_code = 'standing_order'"
    ) == [(due,)]


def test_every_client_is_one_customer_and_a_user_is_a_proxy(eagle: Home) -> None:
    with (EXTRACTS / "disposition.csv").open() as stream:
        roles = Counter(r["type"] for r in csv.DictReader(stream))
    assert eagle.rows(
        "select count(*), count(distinct customer_key) "
        "from identity.customer_identity where record_kind = 'core_customer'"
    ) == [(5_369, 5_369)]
    assert eagle.rows(
        "select relationship_code, count(*) from identity.relationships group by all"
    ) == [("proxy", roles["User"])]
    assert eagle.rows(
        "select count(*) from identity.customer_identity where record_kind = 'account' "
        "and customer_key is not null"
    ) == [(4_500,)]


def test_a_backfill_of_the_range_ends_as_the_night_did(
    eagle: Home, tmp_path: Path
) -> None:
    home = _home(tmp_path / "home", eagle.key_file)
    home.must("backfill", "--from", "2013-01-01", "--to", NIGHT)
    backfilled, night = tables(home), tables(eagle)
    assert set(backfilled) == set(night)
    for name, rows in night.items():
        assert backfilled[name] == rows, name


def test_the_bank_was_onboarded_without_code() -> None:
    files = [p for p in CONTRACTS.parent.rglob("*") if p.is_file()]
    assert files
    assert {p.suffix for p in files} <= {".yaml", ".md"}
    assert duckdb.__version__ == "1.5.5"


# The marts against an independent computation


@pytest.fixture(scope="module")
def oracle(eagle: Home) -> Oracle:
    as_of = date.fromisoformat(NIGHT)
    return Oracle.of(eagle.root, eagle.database, as_of, "America/New_York", "USD")


def test_every_customers_contribution_is_right_to_the_cent(
    eagle: Home, oracle: Oracle
) -> None:
    """Of the loans no feed tells the balance: they are owed by their terms."""
    rows = rows_of(eagle.database, "customer_contribution_monthly")
    found = {(r["customer_key"], r["month_start"]): r for r in rows}
    assert set(found) == set(oracle.contribution)
    assert len(found) > 15_000
    assert_right(found, oracle.contribution_parts)
    for name in PARTS:
        assert any(row[name] for row in rows), f"{name} was never put to test"


def test_every_customers_profile_is_what_the_lake_tells(
    eagle: Home, oracle: Oracle
) -> None:
    found = {r["customer_key"]: r for r in rows_of(eagle.database, "customers")}
    assert sorted(found) == oracle.customer_keys
    assert_right(found, {key: oracle.profile(key) for key in found})


def test_every_customers_tiers_and_segments_are_the_policys(
    eagle: Home, oracle: Oracle
) -> None:
    rounded = {
        (r["customer_key"], r["month_start"]): r["contribution_amount"]
        for r in rows_of(eagle.database, "customer_contribution_monthly")
    }
    tiers: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    rows = rows_of(eagle.database, "customer_tiers")
    for r in sorted(rows, key=lambda r: r["valid_from"]):
        tiers[r["customer_key"]].append((r["valid_from"], r["valid_to"], r["tier"]))
    assert dict(tiers) == oracle.tiers(rounded)
    assert len({tier for periods in tiers.values() for *_, tier in periods}) > 2
    segments: dict[str, dict[str, str]] = defaultdict(dict)
    for r in rows_of(eagle.database, "segments"):
        segments[r["customer_key"]][r["scheme_code"]] = r["segment_code"]
    due = {key: oracle.segments(key) for key in oracle.customer_keys}
    assert dict(segments) == due


def test_every_channels_days_are_right_to_the_cent(eagle: Home, oracle: Oracle) -> None:
    rows = rows_of(eagle.database, "channel_service")
    found = {(r["channel"], r["business_date"]): r for r in rows}
    due = oracle.channel_days()
    assert set(found) == set(due)
    assert_right(found, due)


# Metrics


def test_what_stands_is_not_added_up_over_months(eagle: Home) -> None:
    words = ("metric", "customers", "contribution", "--json", "--by")
    months = json.loads(eagle.must(*words, "month"))
    years = {row["year"][:4]: row for row in json.loads(eagle.must(*words, "year"))}
    assert len(years) >= 3
    for year, row in years.items():
        its = [m for m in months if m["month"].startswith(year)]
        assert row["customers"] == its[-1]["customers"]
        flows = [Decimal(m["contribution"]) for m in its]
        assert Decimal(row["contribution"]) == sum(flows)


# The forecast of attrition


@dataclass(frozen=True)
class Futures:
    """What is forecast from the bank's months, with the future that came and another.

    In the other, what each customer did after `month` is what somebody else did.
    """

    month: date
    features: list[tuple[object, ...]]
    other_features: list[tuple[object, ...]]
    panel: Panel
    other_panel: Panel


SHUFFLED = """
create temp table swapped as
with chosen as (
    select customer_key, count(*) over () as n,
        -- By what the bank calls the customer, so that it is the same swap every time.
        row_number() over (order by hash(customers.source_record_id)) as number
    from mart.profile_history as history
    inner join mart.customers using (customer_key)
    where month_start = $month and history.deposit_balance_amount >= 5000
)
select one.customer_key, other.customer_key as other_key
from chosen as one inner join chosen as other on other.number = one.number % one.n + 1;

create temp table standing as
select customer_key, max(deposit_balance_amount) filter (where month_start = $month)
    as deposit, sum(interaction_count) as count
from mart.profile_history
where month_start between $month - to_months(2) and $month
group by all;

create temp table futures as
select mine.customer_key, mine.month_start, its.* exclude (customer_key, month_start)
    replace (
        (its.deposit_balance_amount::double * mine_now.deposit / its_now.deposit)
            ::decimal(18, 2) as deposit_balance_amount,
        (its.interaction_count::double * mine_now.count / its_now.count)::bigint
            as interaction_count
    )
from mart.profile_history as mine
inner join swapped on mine.customer_key = swapped.customer_key
inner join mart.profile_history as its
    on its.customer_key = swapped.other_key and its.month_start = mine.month_start
inner join standing as mine_now on mine_now.customer_key = mine.customer_key
inner join standing as its_now on its_now.customer_key = its.customer_key
where mine.month_start > $month;

create or replace table mart.profile_history as
select history.*
from mart.profile_history as history
anti join futures on history.customer_key = futures.customer_key
    and history.month_start = futures.month_start
union all by name
from futures;
"""


def _panel_until(database: Path, month: date) -> tuple[list[tuple[object, ...]], Panel]:
    with duckdb.connect(str(database), read_only=True) as connection:
        features = connection.execute(
            "from intermediate.int_attrition_features where month_start <= ? "
            "order by month_start, customer_key",
            [month],
        ).fetchall()
        panel = read_panel(connection)
    return features, panel.of([m for m in panel.months if m <= month])


@pytest.fixture(scope="module")
def futures(eagle: Home, tmp_path_factory: pytest.TempPathFactory) -> Futures:
    month = date(2013, 10, 1)
    folder = tmp_path_factory.mktemp("futures")
    other = folder / "bank.duckdb"
    shutil.copy(eagle.database, other)
    with duckdb.connect(str(other)) as connection:
        for statement in SHUFFLED.split(";\n"):
            if statement.strip():
                connection.execute(statement.replace("$month", f"date '{month}'"))
    as_of = date.fromisoformat(NIGHT)
    models = ("int_attrition_features", "attrition_months")
    done = run_dbt(other, as_of, folder, "run", "--select", *models)
    assert done.returncode == 0, done.stdout
    return Futures(
        month,
        *(
            part
            for pair in zip(
                _panel_until(eagle.database, month),
                _panel_until(other, month),
                strict=True,
            )
            for part in pair
        ),
    )


def test_features_of_a_month_are_not_moved_by_its_future(futures: Futures) -> None:
    assert len(futures.features) > 3_000
    assert futures.features == futures.other_features


def test_a_forecast_gains_nothing_when_the_future_is_shuffled(futures: Futures) -> None:
    """As many are lost, but for roundings, and each by somebody else's lot."""
    judged = train(futures.panel, "the bank", 1).judgements[0]
    shuffled = train(futures.other_panel, "another future", 1).judgements[0]
    lost = int(futures.panel.of([futures.month]).lost.sum())
    assert lost > 100
    other_lost = int(futures.other_panel.of([futures.month]).lost.sum())
    assert other_lost == pytest.approx(lost, rel=0.1)
    assert judged.auc > 0.75
    assert judged.first_tenth_lift > 2.5
    # Four standard errors of an AUC of one half.
    assert abs(shuffled.auc - 0.5) < 4 / math.sqrt(12 * lost), shuffled
    assert shuffled.first_tenth_lift < 1.8


@pytest.fixture(scope="module")
def forecasting(eagle: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same bank, a night after it has trained a forecast."""
    root = tmp_path_factory.mktemp("forecasting") / "home"
    shutil.copytree(eagle.root, root, symlinks=True)
    home = _home(root, eagle.key_file)
    home.must("attrition", "train", "--use")
    home.must("night", "--date", NIGHT, "--skip-landing")
    return home


def test_a_forecast_beats_the_rule_out_of_time(forecasting: Home) -> None:
    told = json.loads(forecasting.must("attrition", "train", "--json"))[0]
    model, rule = told["judgements"]
    assert (model["score"], rule["score"]) == ("model", "rule")
    assert model["auc"] > rule["auc"] + 0.2
    assert model["first_tenth_lift"] > 2 * rule["first_tenth_lift"]
    assert model["coverage_ratio"] > rule["coverage_ratio"]
    assert told["judged_losses"] > 100
    assert told["judged_after_months"][-7:] < told["judged_months"][:7]
    folder = Path(told["folder"])
    assert (folder / "model.json").resolve().is_file()
    assert {p.name for p in folder.glob("*.png")} == {"calibration.png", "lift.png"}


def test_signals_are_what_the_saved_model_forecasts(forecasting: Home) -> None:
    path = forecasting.root / "attrition" / "models" / "current" / "model.json"
    model = load_attrition_model(path)
    codes = [f.feature_code for f in model.features]
    rows = forecasting.rows(
        f"select customer_key, {', '.join(codes)} from "
        "intermediate.int_attrition_features where month_start = '2014-02-01'"
    )
    due = {}
    for key, *values in rows:
        weight = model.intercept + sum(
            f.coefficient * (float(v) - f.mean_value) / f.scale_value  # type: ignore[arg-type]
            for f, v in zip(model.features, values, strict=True)
        )
        chance = 1 / (1 + math.exp(-weight))
        if chance >= model.alarm_probability:
            due[key] = pytest.approx(chance, abs=1e-9)
    found = forecasting.rows(
        "select customer_key, score, evidence from mart.customer_signals "
        "where signal_code = 'attrition_forecast'"
    )
    assert 50 < len(due) < len(rows) / 3
    assert {key: score for key, score, _ in found} == due
    told = f"months (model {model.version})"
    assert all(told in str(evidence) for *_, evidence in found)


def test_a_bank_without_a_forecast_has_the_rule_alone(
    eagle: Home, forecasting: Home
) -> None:
    raised = "select distinct signal_code from mart.customer_signals"
    both = {("attrition",), ("attrition_forecast",)}
    assert both & set(eagle.rows(raised)) == {("attrition",)}
    assert both & set(forecasting.rows(raised)) == both


def test_an_unknown_forecast_is_refused(forecasting: Home) -> None:
    refused = forecasting.run("attrition", "use", "nosuch")
    assert refused.returncode == 2
    assert "is no saved model" in refused.stderr
    assert "passbook attrition train" in refused.stderr


def test_a_broken_forecast_does_not_take_the_place_of_the_one_in_use(
    forecasting: Home,
) -> None:
    models = forecasting.root / "attrition" / "models"
    before = (models / "current").readlink()
    (models / "broken").mkdir()
    (models / "broken" / "model.json").write_text("{}")
    refused = forecasting.run("attrition", "use", "broken")
    assert refused.returncode == 2
    assert "is no attrition model" in refused.stderr
    assert (models / "current").readlink() == before
