"""A real bank, onboarded with contracts alone: the figures to the line and the sum."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.integration.bank_runs import PROJECT, Home, tables

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
