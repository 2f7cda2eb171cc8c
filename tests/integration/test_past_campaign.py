"""A past campaign, of which a file of outcomes is left, is onboarded by contracts."""

from __future__ import annotations

import random

import pytest

from tests.integration.bank_runs import PROJECT, Home

CONTRACTS = PROJECT / "docs" / "onboarding" / "bank_marketing" / "contracts"
# As many as the file that the layout is of, by its description.
CALLS, TAKEN = 45_211, 5_289
NIGHT = "2008-12-31"
HEADER = (
    *("age", "job", "marital", "education", "default", "balance", "housing", "loan"),
    *("contact", "day", "month", "duration", "campaign", "pdays", "previous"),
    *("poutcome", "y"),
)
JOBS = ("admin.", "blue-collar", "management", "retired", "student", "unknown")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov")


def line(chance: random.Random, number: int) -> str:
    """Return a call; its balance, cents written as units, makes it one of its own."""
    values: list[int | str] = [
        *(chance.randint(18, 95), chance.choice(JOBS)),
        chance.choice(("married", "single", "divorced")),
        chance.choice(("primary", "secondary", "tertiary", "unknown")),
        *(chance.choice(("yes", "no")), number - 8_000),
        *(chance.choice(("yes", "no")), chance.choice(("yes", "no"))),
        chance.choice(("cellular", "telephone", "unknown")),
        *(chance.randint(1, 28), chance.choice(MONTHS)),
        *(chance.randint(0, 4_900), chance.randint(1, 60), -1, 0, "unknown"),
        "yes" if number < TAKEN else "no",
    ]
    return ";".join(str(v) if isinstance(v, int) else f'"{v}"' for v in values)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("past")
    chance = random.Random(3)
    lines = [line(chance, number) for number in range(CALLS)]
    chance.shuffle(lines)
    text = "\n".join([";".join(f'"{name}"' for name in HEADER), *lines, ""])
    for channel in ("core_banking", "marketing"):
        (root / "extracts" / channel).mkdir(parents=True)
        (root / "extracts" / channel / "bank-full.csv").write_text(text)
    (root / "extracts" / "marketing" / "campaigns.csv").write_text(
        "campaign_id,campaign_name,start_date,end_date\n"
        "TD2008,Time deposits,2008-01-01,2008-11-30\n"
    )
    variables = (("PASSBOOK_CONTRACTS", str(CONTRACTS)), ("PASSBOOK_COUNTRY", "PT"))
    return Home(root / "home", root / "extracts", root / "card.key", variables)


@pytest.fixture(scope="module")
def night(bank: Home) -> str:
    return bank.must("night", "--date", NIGHT)


def test_its_contracts_are_valid(bank: Home) -> None:
    assert "valid" in bank.must("contract", "lint")


def test_every_call_is_a_contact_and_every_deposit_fulfilled(
    bank: Home, night: str
) -> None:
    (row,) = bank.rows(
        "select planned_contact_count, made_contact_count, treated_count, "
        "treated_response_count, unknown_customer_count, verdict_code, state_code "
        "from mart.campaigns"
    )
    assert row == (CALLS, CALLS, CALLS, TAKEN, 0, "no_comparison", "over"), night


def test_the_funnel_is_the_files(bank: Home, night: str) -> None:
    rows = bank.rows(
        "select dimension_code, sum(treated_count), sum(reached_count), "
        "sum(interested_count), sum(fulfilled_count), sum(control_count) "
        "from mart.campaign_results group by all order by all"
    )
    assert {row[1:] for row in rows} == {(CALLS, CALLS, TAKEN, TAKEN, 0)}, night


def test_whoever_did_not_take_it_is_a_failure_told_by_its_reason(
    bank: Home, night: str
) -> None:
    rows = bank.rows(
        "select sum(failed_count), any_value(top_failure_code) "
        "from mart.campaign_failures "
        "where holder_kind_code = 'department' and failed_count > 0"
    )
    assert rows == [(CALLS - TAKEN, "not_interested")], night
