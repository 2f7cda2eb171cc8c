from __future__ import annotations

import csv
import hashlib
import io
import json
import mailbox
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from stdnum import luhn
from stdnum.cn import ric

from ingestion.contract import Contract, Feed, load_contracts
from ingestion.sample import SampleSpec, SampleSummary, write_sample_bank

CONTRACTS = Path(__file__).parents[2] / "ingestion" / "contracts"
CREDITS = {"salary", "pension", "interest_credit", "transfer_in", "cash_deposit"}
DEBITS = {
    "card_purchase",
    "fee",
    "penalty_interest",
    "loan_payment",
    "transfer_out",
    "bill_payment",
    "rent",
    "card_withdrawal",
    "cash_withdrawal",
}
EVENT_FEEDS = {
    "online_banking.sessions",
    "online_banking.payments",
    "core_banking.postings",
    "atm.transactions",
    "call_center.calls",
    "email.messages",
}


@dataclass(frozen=True)
class Written:
    spec: SampleSpec
    contracts: Mapping[str, Contract]
    root: Path
    summary: SampleSummary

    @property
    def feeds(self) -> list[Feed]:
        return [f for contract in self.contracts.values() for f in contract.feeds]

    def folder(self, feed: Feed, day: int) -> Path:
        date = self.spec.business_dates[day].isoformat()
        return self.root / "extracts" / feed.channel / date

    def rows(self, channel: str, name: str, day: int) -> pd.DataFrame:
        """Read a feed with logical names and codes, by pandas and the contract."""
        feed = self.contracts[channel].feed(name)
        path = self.folder(feed, day) / feed.layout.path
        columns = {c.physical_name: c for c in feed.columns if c.last4_of is None}
        if feed.layout.format == "parquet":
            table = pd.read_parquet(path)
        elif feed.layout.format == "fixed_width":
            table = fixed_width_rows(feed, path)
        else:
            table = pd.read_csv(
                path, dtype=str, encoding=feed.layout.encoding, keep_default_na=False
            )
        for physical, column in columns.items():
            if column.codes:
                table[physical] = table[physical].map(column.codes)
        return table.rename(columns={p: c.name for p, c in columns.items()})

    def truth(self, name: str) -> list[dict[str, str]]:
        with (self.root / "truth" / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def fixed_width_rows(feed: Feed, path: Path) -> pd.DataFrame:
    columns = [c for c in feed.columns if c.last4_of is None]
    rows = []
    for line in path.read_bytes().splitlines():
        cells, start = [], 0
        for column in columns:
            width = column.width or 0
            cells.append(line[start : start + width].decode("gb18030").strip())
            start += width
        rows.append(cells)
    return pd.DataFrame(rows, columns=[c.physical_name for c in columns])


def write(root: Path, spec: SampleSpec) -> Written:
    contracts = load_contracts(CONTRACTS)
    summary = write_sample_bank(
        spec, contracts, root / "extracts", root / "truth", root / "late"
    )
    return Written(spec, contracts, root, summary)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Written:
    spec = SampleSpec(customers=4000, days=3, dirt="none")
    return write(tmp_path_factory.mktemp("clean"), spec)


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Written:
    spec = SampleSpec(customers=3000, days=3, dirt="heavy")
    return write(tmp_path_factory.mktemp("heavy"), spec)


def digest(root: Path) -> str:
    total = hashlib.sha256()
    files = sorted(path for path in root.rglob("*") if path.is_file())
    assert files
    for path in files:
        total.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return total.hexdigest()


def control_files(written: Written) -> Iterator[tuple[Path, dict[str, object]]]:
    paths = sorted(written.root.rglob("*.ctl.json"))
    assert paths
    for path in paths:
        yield path, json.loads(path.read_text())


def cents(values: pd.Series) -> pd.Series:
    return values.map(lambda text: int(Decimal(text) * 100)).astype("int64")


SMALL = SampleSpec(customers=200, days=2, dirt="heavy")
WRITE_SMALL = """
import sys
from pathlib import Path
from ingestion.contract import load_contracts
from ingestion.sample import SampleSpec, write_sample_bank
root, contracts = Path(sys.argv[1]), load_contracts(Path(sys.argv[2]))
spec = SampleSpec(customers=200, days=2, dirt="heavy")
write_sample_bank(spec, contracts, root / "extracts", root / "truth", root / "late")
"""


def test_the_same_spec_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, SMALL)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_bytes_do_not_depend_on_hash_seed_or_timezone(tmp_path: Path) -> None:
    write(tmp_path / "here", SMALL)
    subprocess.run(
        [sys.executable, "-c", WRITE_SMALL, str(tmp_path / "there"), str(CONTRACTS)],
        cwd=CONTRACTS.parents[1],
        env={**os.environ, "PYTHONHASHSEED": "4711", "TZ": "America/Lima"},
        check=True,
    )
    assert digest(tmp_path / "here") == digest(tmp_path / "there")


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    names = [
        set(
            write(
                tmp_path / str(seed), SampleSpec(100, 1, seed=seed, dirt="none")
            ).rows("core_banking", "customers", 0)["full_name"]
        )
        for seed in (1, 2)
    ]
    assert len(names[0] & names[1]) < 20


def test_blocks_do_not_share_people(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("spec", "people", "registry", "accounts", "campaigns"):
        monkeypatch.setattr(f"ingestion.sample.{module}.BLOCK_CUSTOMERS", 300)
    bank = write(tmp_path, SampleSpec(customers=800, days=2, dirt="none"))
    assert bank.spec.block_sizes == (300, 300, 200)
    for channel, name in (
        ("core_banking", "customers"),
        ("core_banking", "cards"),
        ("core_banking", "accounts"),
        ("online_banking", "payments"),
        ("online_banking", "logins"),
        ("marketing", "contacts"),
    ):
        key = bank.contracts[channel].feed(name).primary_key[0]
        assert bank.rows(channel, name, 1)[key].is_unique, name
    national = bank.rows("core_banking", "customers", 0)["national_id"]
    assert national.nunique() == 800


def test_every_feed_of_the_contracts_is_written_on_every_day(clean: Written) -> None:
    for feed in clean.feeds:
        for day in range(clean.spec.days):
            folder = clean.folder(feed, day)
            assert (folder / feed.layout.path).is_file(), feed.id
            assert (folder / f"{feed.name}.ctl.json").is_file(), feed.id
    assert all(clean.summary.rows[feed.id] for feed in clean.feeds)


@pytest.mark.parametrize("bank", ["clean", "heavy"])
def test_control_files_agree_with_their_files(
    bank: str, request: pytest.FixtureRequest
) -> None:
    for path, control in control_files(request.getfixturevalue(bank)):
        assert sum(f["rows"] for f in control["files"]) == control["rows"]
        for file in control["files"]:
            data = (path.parent / file["name"]).read_bytes()
            assert len(data) == file["bytes"]
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            if file["name"].endswith((".csv", ".dat", ".jsonl")):
                header = file["name"].endswith(".csv")
                assert data.count(b"\n") - header == file["rows"], path


def test_control_sums_are_the_sums_of_the_columns(clean: Written) -> None:
    seen = 0
    for feed in clean.feeds:
        for name in feed.control.sums:
            control = json.loads(
                (clean.folder(feed, 1) / f"{feed.name}.ctl.json").read_text()
            )
            values = clean.rows(feed.channel, feed.name, 1)[name]
            total = sum((Decimal(v) for v in values if v), Decimal(0))
            assert Decimal(control["sums"][name]) == total
            seen += 1
    assert seen >= 6


def day_changes(bank: Written, day: int) -> pd.Series:
    """Signed cents by account over a day's payments, postings and cash operations."""
    cash = bank.rows("atm", "transactions", day)
    cash = cash[cash["outcome_code"] == "approved"]
    moves = pd.concat(
        [
            bank.rows("online_banking", "payments", day),
            cash,
            bank.rows("core_banking", "postings", day),
        ]
    )[["account_id", "activity_code", "amount"]]
    activities = set(moves["activity_code"]) - {"balance_inquiry", "pin_change"}
    assert activities <= CREDITS | DEBITS
    sign = moves["activity_code"].map(
        lambda a: 1 if a in CREDITS else -1 if a in DEBITS else 0
    )
    return (cents(moves["amount"]) * sign).groupby(moves["account_id"]).sum()


@pytest.mark.parametrize("day", [1, 2])
def test_balances_roll_forward_by_the_days_bookings(clean: Written, day: int) -> None:
    kinds = clean.rows("core_banking", "products", day).set_index("product_id")
    accounts = clean.rows("core_banking", "accounts", day).set_index("account_id")
    kind = accounts["product_id"].map(kinds["product_kind_code"])
    before, after = (
        clean.rows("core_banking", "balances", d).set_index("account_id")[
            "balance_amount"
        ]
        for d in (day - 1, day)
    )
    opening = cents(before).reindex(after.index, fill_value=0)
    change = day_changes(clean, day).reindex(after.index, fill_value=0)
    is_card = kind.reindex(after.index) == "credit_card"
    is_loan = kind.reindex(after.index).isin(["mortgage", "consumer_loan"])
    expected = opening + change.where(~is_card, -change)
    assert (cents(after)[~is_loan] == expected[~is_loan]).all()
    assert (change[~is_loan] != 0).sum() > 1000
    assert (cents(after) >= 0).all()


def test_an_instalment_lowers_the_loan_that_it_pays(clean: Written) -> None:
    postings = clean.rows("core_banking", "postings", 1)
    paid = cents(postings[postings["activity_code"] == "loan_payment"]["amount"]).sum()
    penalty = cents(
        postings[postings["activity_code"] == "penalty_interest"]["amount"]
    ).sum()
    loans = set(clean.rows("core_banking", "loans", 1)["account_id"])
    owed = [
        cents(b[b["account_id"].isin(loans)]["balance_amount"]).sum()
        for b in (clean.rows("core_banking", "balances", d) for d in (0, 1))
    ]
    assert paid > 0
    assert owed[1] == owed[0] - paid + penalty


def test_cards_pass_luhn_and_no_two_are_equal(clean: Written) -> None:
    cards = clean.rows("core_banking", "cards", 0)["card_token"]
    assert cards.is_unique
    assert cards.map(luhn.is_valid).all()
    assert set(cards.str.len()) == {16, 19}
    assert set(cards.str[0]) == {"4", "6"}


def test_national_ids_have_checksum_and_birth_date(clean: Written) -> None:
    people = clean.rows("core_banking", "customers", 0)
    checks = people["national_id"].map(lambda i: ric.calc_check_digit(i) == i[-1])
    assert checks.all()
    birth = people["birth_date"].str.replace("-", "")
    assert (people["national_id"].str[6:14] == birth).all()
    is_male = people["national_id"].str[16].astype(int) % 2 == 1
    assert (is_male == (people["sex_code"] == "male")).all()


def test_twins_have_one_national_id_and_two_core_ids(clean: Written) -> None:
    people = clean.rows("core_banking", "customers", 0)
    assert people["core_customer_id"].is_unique
    assert people["national_id"].nunique() == clean.spec.customers
    twins = len(people) - clean.spec.customers
    assert 0.01 < twins / clean.spec.customers < 0.03


def test_families_share_phones_and_accounts(clean: Written) -> None:
    kinds = Counter(row["kind"] for row in clean.truth("relationships.csv"))
    assert set(kinds) == {"household", "joint", "proxy", "shared_phone"}
    assert 0.03 < kinds["shared_phone"] / clean.spec.customers < 0.08
    roles = Counter(clean.rows("core_banking", "account_holders", 0)["role_code"])
    assert roles["joint_owner"] == kinds["joint"] > 0
    assert roles["proxy"] == kinds["proxy"] > 0


def test_some_who_call_write_or_log_in_are_not_customers(clean: Written) -> None:
    rows = clean.truth("who_is_who.csv")
    customers = {r["person_id"] for r in rows if r["record_kind"] == "core_customer"}
    outside = Counter(r["record_kind"] for r in rows if r["person_id"] not in customers)
    assert {"phone", "login", "email"} <= set(outside)
    assert "card" not in outside
    logins = clean.rows("online_banking", "logins", 0)
    assert logins["core_customer_id"].isna().sum() > outside["login"]


def test_a_switchboard_and_withheld_numbers_call(clean: Written) -> None:
    phones = pd.concat(
        [clean.rows("call_center", "calls", day)["caller_phone"] for day in range(3)]
    )
    assert (phones == "").any()
    assert phones.str.startswith("0216228800").any()


def test_wealth_is_skewed(clean: Written) -> None:
    balances = clean.rows("core_banking", "balances", 0)
    loans = set(clean.rows("core_banking", "loans", 0)["account_id"])
    held = cents(balances[~balances["account_id"].isin(loans)]["balance_amount"])
    ordered = held.sort_values(ascending=False)
    assert ordered.head(len(ordered) // 5).sum() > 0.6 * ordered.sum()


def test_a_customer_has_about_two_and_a_half_events_a_day(clean: Written) -> None:
    events = sum(clean.summary.rows[name] for name in EVENT_FEEDS)
    assert 2.2 < events / clean.spec.customers / clean.spec.days < 2.8


def test_purchases_follow_the_clock(clean: Written) -> None:
    postings = clean.rows("core_banking", "postings", 1)
    bought = postings[postings["activity_code"] == "card_purchase"]
    hours = bought["booked_at"].str[11:13].astype(int)
    assert (hours.between(8, 21)).mean() > 0.8
    dining = hours[bought["category_code"] == "dining"]
    assert dining.isin([11, 12, 17, 18, 19]).mean() > 0.5


def test_restricted_customers_are_about_one_percent(clean: Written) -> None:
    codes = clean.rows("core_banking", "customers", 0)["restriction_code"]
    assert 0.004 < codes.notna().mean() < 0.02


def test_a_case_comes_again_when_it_closes(clean: Written) -> None:
    days = [clean.rows("call_center", "cases", day) for day in range(3)]
    opened = days[0][days[0]["status_code"] == "open"].set_index("case_id")
    later = pd.concat(days[1:]).set_index("case_id")
    again = later.index.intersection(opened.index)
    assert len(again)
    assert (later.loc[again, "status_code"] == "closed").all()
    assert (later.loc[again, "opened_at"] == opened.loc[again, "opened_at"]).all()
    assert (later.loc[again, "closed_at"] > later.loc[again, "opened_at"]).all()


def test_the_treated_convert_more_and_one_person_loses_applications(
    clean: Written,
) -> None:
    outcomes = pd.DataFrame(clean.truth("campaign_outcomes.csv"))
    is_control = outcomes["is_control"] == "true"
    assert 0.15 < is_control.mean() < 0.25
    rate = (outcomes["converted"] == "true").groupby(is_control).mean()
    assert rate[False] > 2 * rate[True] > 0
    lost = outcomes[outcomes["failure_code"] == "application_lost"]
    culprit = json.loads((clean.root / "truth" / "summary.json").read_text())["culprit"]
    assert lost["failure_employee_id"].mode()[0] == culprit["employee_id"]


def test_converted_customers_hold_the_product_that_was_offered(clean: Written) -> None:
    last = clean.spec.days - 1
    campaigns = clean.rows("marketing", "campaigns", last).set_index("campaign_id")
    contacts = pd.concat(
        [clean.rows("marketing", "contacts", day) for day in range(last + 1)]
    ).set_index("contact_id")
    converted = [
        r for r in clean.truth("campaign_outcomes.csv") if r["converted"] == "true"
    ]
    accounts = clean.rows("core_banking", "accounts", last)
    new = accounts[accounts["opened_date"] >= clean.spec.start.isoformat()]
    held = clean.rows("core_banking", "account_holders", last).merge(
        new, on="account_id"
    )
    pairs = set(zip(held["core_customer_id"], held["product_id"], strict=True))
    assert converted
    for row in converted:
        who = contacts.loc[row["contact_id"], "core_customer_id"]
        assert (who, campaigns.loc[row["campaign_id"], "product_id"]) in pairs


def free_texts(bank: Written) -> str:
    texts = []
    for day in range(bank.spec.days):
        texts += list(bank.rows("call_center", "calls", day)["note"])
        texts += list(bank.rows("online_banking", "payments", day)["memo"])
        feed = bank.contracts["email"].feed("messages")
        texts.append((bank.folder(feed, day) / feed.layout.path).read_text("utf-8"))
    return "\n".join(texts)


def test_free_text_gives_away_cards_and_the_truth_does_not(clean: Written) -> None:
    cards = set(clean.rows("core_banking", "cards", 0)["card_token"])
    found = set(re.findall(r"\d{16,19}", free_texts(clean).replace(" ", "")))
    assert len(found & cards) > 5
    for path in (clean.root / "truth").iterdir():
        assert not cards & set(re.findall(r"\d{16,19}", path.read_text("utf-8")))


def test_mailboxes_are_read_by_the_standard_library(clean: Written) -> None:
    feed = clean.contracts["email"].feed("mailbox")
    rows, subtypes = 0, set()
    for day in range(clean.spec.days):
        for message in mailbox.mbox(clean.folder(feed, day) / feed.layout.path):
            assert {"Message-ID", "Date", "From", "Subject"} <= set(message.keys())
            assert not message.defects
            subtypes.add(message.get_content_type())
            rows += 1
    assert rows == clean.summary.rows["email.mailbox"] > 10
    assert subtypes == {"text/plain", "multipart/alternative"}


def test_fixed_width_lines_have_one_length_in_bytes(clean: Written) -> None:
    feed = clean.contracts["atm"].feed("transactions")
    lines = (clean.folder(feed, 0) / feed.layout.path).read_bytes().splitlines()
    assert {len(line) for line in lines} == {sum(c.width or 0 for c in feed.columns)}


def test_a_clean_bank_has_no_defect_and_nothing_late(clean: Written) -> None:
    assert not clean.truth("rejected_rows.csv")
    assert not clean.truth("duplicate_rows.csv")
    assert not (clean.root / "late").exists()


def has_defect(feed: Feed, kind: str, line: bytes) -> bool:
    """Judge a line by itself, apart from the code that damaged it."""
    encoding = feed.layout.encoding
    if kind == "invalid_bytes":
        return b"\xff" in line
    if kind == "short_line":
        return len(line) < sum(c.width or 0 for c in feed.columns)
    text = line.decode(encoding)
    if kind == "broken_json":
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        return True
    if kind == "unclosed_quote":
        return text.count('"') % 2 == 1
    if kind == "wrong_column_count":
        width = sum(c.last4_of is None for c in feed.columns)
        return len(next(csv.reader(io.StringIO(text)))) != width
    marks = {
        "unparseable_date": "2026-02-30",
        "unparseable_amount": "12,3x",
        "unknown_code": "??",
    }
    return marks[kind] in text if kind in marks else kind == "missing_required"


def damaged_lines(bank: Written) -> Iterator[tuple[Feed, dict[str, str], bytes]]:
    for row in bank.truth("rejected_rows.csv"):
        feed = bank.contracts[row["channel"]].feed(row["feed"])
        if feed.layout.format in {"parquet", "mbox"}:
            continue
        (path,) = [
            p
            for p in bank.root.rglob(row["file_name"])
            if p.parent.name == row["business_date"]
            and p.parent.parent.name == row["channel"]
        ]
        lines = path.read_bytes().split(b"\n")
        yield feed, row, lines[int(row["line_number"]) - 1]


def test_damaged_rows_are_at_the_lines_that_the_truth_names(heavy: Written) -> None:
    kinds = Counter()
    for feed, row, line in damaged_lines(heavy):
        assert has_defect(feed, row["kind"], line), row
        kinds[row["kind"]] += 1
    assert {
        "invalid_bytes",
        "missing_required",
        "short_line",
        "unclosed_quote",
        "unknown_code",
        "unparseable_amount",
        "unparseable_date",
        "wrong_column_count",
    } <= set(kinds)


def test_damage_stays_below_the_reject_ceilings(heavy: Written) -> None:
    damaged = Counter(
        (r["channel"], r["business_date"], r["file_name"])
        for r in heavy.truth("rejected_rows.csv")
    )
    assert damaged
    for path, control in control_files(heavy):
        ceiling = heavy.contracts[control["channel"]].feed(control["feed"]).ceiling
        key = (
            control["channel"],
            control["business_date"],
            control["files"][0]["name"],
        )
        assert damaged[key] <= ceiling.max_count, path
        assert damaged[key] <= ceiling.max_ratio * control["rows"], path


def test_sums_leave_out_amounts_that_cannot_be_read(heavy: Written) -> None:
    feed = heavy.contracts["core_banking"].feed("postings")
    path = heavy.folder(feed, 1) / feed.layout.path
    lost = {
        "invalid_bytes",
        "unclosed_quote",
        "wrong_column_count",
        "unparseable_amount",
    }
    bad = {
        int(r["line_number"])
        for r in heavy.truth("rejected_rows.csv")
        if r["feed"] == "postings"
        and r["kind"] in lost
        and r["business_date"] == path.parent.name
        and r["file_name"] == path.name
    }
    names = path.read_text("utf-8", errors="replace").splitlines()
    place = names[0].split(",").index(feed.column("amount").physical_name)
    total = sum(
        Decimal(next(csv.reader([line]))[place])
        for number, line in enumerate(names, 1)
        if number > 1 and number not in bad
    )
    control = json.loads((path.parent / "postings.ctl.json").read_text())
    assert bad
    assert Decimal(control["sums"]["amount"]) == total


def test_duplicates_repeat_the_line_before(heavy: Written) -> None:
    damaged = {
        (r["file_name"], r["business_date"], r["line_number"])
        for r in heavy.truth("rejected_rows.csv")
    }
    compared = 0
    for row in heavy.truth("duplicate_rows.csv"):
        feed = heavy.contracts[row["channel"]].feed(row["feed"])
        folder = heavy.root / "extracts" / row["channel"] / row["business_date"]
        path, line = folder / row["file_name"], int(row["line_number"])
        near = {
            (row["file_name"], row["business_date"], str(n)) for n in (line, line - 1)
        }
        if feed.layout.format in {"parquet", "mbox"} or near & damaged:
            continue
        if path.is_file():
            lines = path.read_bytes().split(b"\n")
            assert lines[line - 1] == lines[line - 2], row
            compared += 1
    assert compared > 20


def test_only_optional_feeds_come_late_and_all_of_them_whole(heavy: Written) -> None:
    assert heavy.summary.late_files > 0
    late = list((heavy.root / "late").rglob("*.ctl.json"))
    assert len(late) == heavy.summary.late_files
    for path in late:
        control = json.loads(path.read_text())
        feed = heavy.contracts[control["channel"]].feed(control["feed"])
        arrival = path.relative_to(heavy.root / "late").parts[0]
        assert not feed.delivery.required
        assert arrival > control["business_date"]
        on_time = heavy.root / "extracts" / feed.channel / control["business_date"]
        assert not (on_time / path.name).exists()


def test_a_correction_stands_beside_the_file_that_it_replaces(heavy: Written) -> None:
    corrections = list(heavy.root.rglob("*.2.ctl.json"))
    assert len(corrections) == heavy.summary.corrected_files > 0
    for path in corrections:
        second = json.loads(path.read_text())
        first = json.loads((path.parent / f"{second['feed']}.ctl.json").read_text())
        assert (first["sequence"], second["sequence"]) == (1, 2)
        assert second["files"][0]["name"] != first["files"][0]["name"]
        assert (path.parent / first["files"][0]["name"]).is_file()


def test_heavy_dirt_spells_phones_and_names_in_many_ways(heavy: Written) -> None:
    people = pd.read_csv(
        heavy.folder(heavy.contracts["core_banking"].feed("customers"), 0)
        / "customers.csv",
        dtype=str,
        encoding_errors="replace",
        on_bad_lines="skip",
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
    )
    phones = people["MOBILE"]
    assert phones.str.match(r"^1\d{10}$").any()
    assert phones.str.match(r"^\(\+86\)").any()
    assert phones.str.match(r"^1\d\d-\d{4}-\d{4}$").any()
    assert (phones == "00000000000").any()
    assert (phones == "").any()
    assert people["CUST_NAME"].str.contains("\u3000").any()


def test_a_register_has_the_same_dirt_on_every_day(heavy: Written) -> None:
    feed = heavy.contracts["core_banking"].feed("standing_orders")
    texts = {
        (heavy.folder(feed, day) / feed.layout.path).read_bytes()
        for day in range(3)
        if (heavy.folder(feed, day) / feed.layout.path).exists()
        and not (heavy.folder(feed, day) / "standing_orders.2.ctl.json").exists()
    }
    assert len(texts) == 1


@pytest.mark.parametrize("wrong", [{"customers": 10}, {"days": 0}])
def test_a_bank_without_people_or_days_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 50 customers and 1 day"):
        SampleSpec(**wrong)
