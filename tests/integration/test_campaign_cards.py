"""A scorecard says of a campaign what the marts say, to each role what it may see."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bank_runs import Home
from tests.integration.oracle import straight_bank
from warehouse.campaign_cards import HIDDEN_PERSON, as_seen


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    straight = straight_bank(tmp_path_factory.getbasetemp()).home
    return straight.copied(tmp_path_factory.mktemp("cards") / "home")


class Page(HTMLParser):
    """What a page leads to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_scorecard_is_the_marts_figures(home: Home) -> None:
    (card,) = json.loads(home.must("campaign", "scorecard", "CMP0001", "--json"))
    ((treated, uplift, cost),) = home.rows(
        "select treated_count, uplift_ratio, cost_amount from mart.campaigns "
        "where campaign_id = 'CMP0001'"
    )
    assert card["campaign"]["treated_count"] == treated
    assert card["campaign"]["uplift_ratio"] == uplift
    counts = [step["customer_count"] for step in card["steps"]]
    assert counts[0] == treated
    assert counts == sorted(counts, reverse=True)
    assert [step["step_code"] for step in card["steps"]][:2] == ["listed", "attempted"]
    each = card["steps"][-1]["cost_per_customer_amount"]
    assert float(each) == pytest.approx(float(str(cost)) / counts[-1], abs=0.005)
    assert card["groups"]
    assert card["plan"] is None
    assert "verdict_code" in home.must("campaign", "scorecard", "CMP0001")


def test_a_page_needs_nothing_from_elsewhere_and_says_the_verdict(home: Home) -> None:
    path = Path(home.must("campaign", "scorecard", "CMP0002", "--page").strip())
    assert path.is_relative_to(home.root)
    page = Page(path.read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in page.addresses)
    assert "定存回流" in page.words
    assert "a difference is a peek, no result yet" in page.words


def test_campaigns_stand_beside_each_other(home: Home) -> None:
    rows = json.loads(home.must("campaign", "compare", "--json"))
    assert {row["campaign_id"] for row in rows} == {"CMP0001", "CMP0002"}
    gained = [float(row["gained_contribution_amount"]) for row in rows]
    assert gained == sorted(gained, reverse=True)
    (one,) = json.loads(home.must("campaign", "compare", "CMP0002", "--json"))
    assert one in rows
    assert "uplift_ratio" in home.must("campaign", "compare")


@pytest.mark.parametrize("words", [("scorecard", "NONE"), ("compare", "NONE")])
def test_an_unknown_campaign_is_answered_with_those_that_are(
    words: tuple[str, str], home: Home
) -> None:
    done = home.run("campaign", *words)
    assert done.returncode == 2
    assert "CMP0001, CMP0002" in done.stderr


def test_a_person_is_named_to_stewards_alone() -> None:
    row: dict[str, Any] = {
        **dict.fromkeys(("break_rank", "entered_count", "failed_count"), 1),
        **dict.fromkeys(("failure_ratio", "peer_failure_ratio"), 0.5),
        **dict.fromkeys(("limit_high_ratio", "corrected_probability"), 0.5),
        **{"lost_response_count": 3.0, "top_failure_code": "agent_hung_up"},
        **{"step_code": "interested", "department_id": "D003", "team_id": "T1"},
        "employee_id": "E013",
    }
    names = {"interested": "Interested", "agent_hung_up": "The agent hung up"}
    assert as_seen("steward", row, names)["employee_id"] == "E013"
    assert as_seen("analyst", row, names)["employee_id"] == HIDDEN_PERSON
    whole = {**row, "employee_id": None}
    assert as_seen("analyst", whole, names)["employee_id"] is None
