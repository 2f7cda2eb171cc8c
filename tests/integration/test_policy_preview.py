"""Other prices can be tried: what they would move is told, and nothing moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.bank_runs import PROJECT, Home, tables
from tests.integration.oracle import straight_bank

SEEDS = PROJECT / "dbt_project" / "seeds"
Figures = dict[tuple[str, str], tuple[Decimal, Decimal]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    bank = straight_bank(tmp_path_factory.getbasetemp())
    root = tmp_path_factory.mktemp("policies")
    shutil.copytree(bank.home.root, root / "home", symlinks=True)
    return Home(root / "home", bank.home.extracts, bank.home.key_file)


def policy(folder: Path, name: str, changed: Callable[[str], str]) -> Path:
    path = folder / f"{name}.csv"
    text = (SEEDS / f"{name}.csv").read_text(encoding="utf-8")
    path.write_text(changed(text), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    return path


def moved(home: Home, *files: Path) -> Figures:
    answer = json.loads(home.must("policy", "preview", *map(str, files), "--json"))
    return {
        (r["subject"], r["figure"]): (Decimal(r["before"]), Decimal(r["after"]))
        for r in answer
    }


def test_a_dearer_call_costs_its_difference_for_each_call(
    home: Home, tmp_path: Path
) -> None:
    before = tables(home)
    dear = policy(
        tmp_path, "unit_costs", lambda t: t.replace("call,12.00", "call,30.00")
    )
    figures = moved(home, dear)
    assert tables(home) == before
    assert not list((home.root / "candidates").glob("*"))
    calls = home.rows(
        "select sum(call_count) from mart.customers where call_count > 0"
    )[0][0]
    lines = {
        name: after - earlier
        for (subject, name), (earlier, after) in figures.items()
        if subject == "contribution of all months"
    }
    assert lines["cost_to_serve"] == 18 * Decimal(str(calls)) > 0
    untouched = set(lines) - {"cost_to_serve", "tax", "contribution"}
    assert all(lines[name] == 0 for name in untouched)
    assert lines["contribution"] == -lines["cost_to_serve"] - lines["tax"]
    touched = "customers whose trailing contribution changes"
    assert figures[touched, "down"][1] > 0
    assert (touched, "up") not in figures


def test_the_policies_as_they_stand_move_nothing(home: Home) -> None:
    figures = moved(home)
    assert len(figures) >= 8
    assert all(earlier == after for earlier, after in figures.values())


def test_a_file_of_another_encoding_or_name_is_refused(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "unit_costs.csv"
    path.write_bytes("渠道,单价".encode("gb18030"))
    renamed = tmp_path / "prices.csv"
    shutil.copyfile(SEEDS / "unit_costs.csv", renamed)
    for file, part in ((path, "is no CSV in UTF-8"), (renamed, "named like no policy")):
        done = home.run("policy", "preview", str(file))
        assert done.returncode != 0
        assert part in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "change", "part"),
    [
        (
            "unit_costs",
            lambda t: t + "call_center,call,13.00,2026-01-01,9999-12-31\n",
            "unit_costs_has_one_whole_row_a_day",
        ),
        (
            "tier_policy",
            lambda t: t.replace("0.20,12,", "0.20,,"),
            "tier_policy_has_one_whole_row_a_day",
        ),
        (
            "tier_policy",
            lambda t: t.replace("9999-12-31", ""),
            "tier_policy_has_one_whole_row_a_day",
        ),
        (
            "tier_policy",
            lambda t: t.replace("0.20,12,", "0.20,0,"),
            "tier_policy_has_possible_numbers",
        ),
        (
            "tax_terms",
            lambda t: t.replace("0.25,", "25,"),
            "tax_terms_has_possible_numbers",
        ),
        (
            "capital_terms",
            lambda t: t.replace("0.105", "much"),
            "cannot be read",
        ),
        (
            "capital_terms",
            lambda t: t.replace("hurdle_ratio", "hurdle"),
            "has other columns",
        ),
        (
            "activities",
            lambda t: t.replace("fee,transaction,debit", "fee,transaction,none"),
            "decides who is who or what the timeline holds",
        ),
    ],
)
def test_a_file_that_is_no_policy_is_refused_and_says_why(
    home: Home, tmp_path: Path, name: str, change: Callable[[str], str], part: str
) -> None:
    done = home.run("policy", "preview", str(policy(tmp_path, name, change)))
    assert done.returncode != 0
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((home.root / "candidates").glob("*"))


def test_a_policy_that_is_refused_leaves_a_standing_candidate_alone(
    home: Home, tmp_path: Path
) -> None:
    standing = home.root / "candidates" / "edition-000009"
    standing.mkdir(parents=True)
    twice = policy(
        tmp_path,
        "unit_costs",
        lambda t: t + "call_center,call,13.00,2026-01-01,9999-12-31\n",
    )
    assert home.run("policy", "preview", str(twice)).returncode != 0
    assert list((home.root / "candidates").iterdir()) == [standing]
    standing.rmdir()
