"""A forecast is fitted on the past alone, and judged by what came after."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingestion.errors import SettingsError
from warehouse.attrition import Panel, Trained, train
from warehouse.attrition_model import load_attrition_model

CUSTOMERS, HORIZON = 400, 3
MONTHS = [date(2025, month, 1) for month in range(1, 13)]


def _panel(months: list[date] = MONTHS, *, lost: str = "by_feature") -> Panel:
    """A row per customer and month; the greater its feature, the likelier a loss."""
    rng = np.random.default_rng(5)
    count = CUSTOMERS * len(months)
    told, noise = rng.normal(size=(2, count))
    chance = {
        "by_feature": 1 / (1 + np.exp(2.0 - 2.0 * told)),
        "never": np.zeros(count),
        "always": np.ones(count),
    }[lost]
    rows = pd.DataFrame(
        {
            "customer_key": np.tile(np.arange(CUSTOMERS).astype(str), len(months)),
            "month_start": np.repeat(np.array(months, dtype=object), CUSTOMERS),
            "as_of_date": None,
            "told": told,
            "noise": noise,
            "rule_score": 0.0,
            "is_rule_raised": False,
            "is_lost": rng.random(count) < chance,
        }
    )
    return Panel(rows, HORIZON)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(_panel(), "a panel")


def test_a_forecast_finds_what_tells_of_losses(trained: Trained) -> None:
    weights = {f.feature_code: abs(f.coefficient) for f in trained.model.features}
    assert set(weights) == {"told", "noise"}
    assert weights["told"] > 20 * weights["noise"]
    model, rule = trained.judgements
    assert (model.score, rule.score) == ("model", "rule")
    assert model.auc > 0.8
    assert model.first_tenth_lift > 2


def test_scores_that_say_nothing_are_worth_nothing(trained: Trained) -> None:
    """They are all alike: which of them come first is chance."""
    rule = trained.judgements[1]
    assert rule.auc == 0.5
    assert rule.first_tenth_lift == pytest.approx(1, abs=0.35)
    assert (rule.raised_count, rule.coverage_ratio) == (0, 0)
    assert rule.false_alarm_ratio is None


def test_the_forecast_is_of_the_size_of_what_comes(trained: Trained) -> None:
    groups = trained.groups
    assert [g.number for g in groups] == list(range(1, 11))
    assert sum(g.customer_months for g in groups) == CUSTOMERS * HORIZON
    for group in groups:
        assert group.forecast_ratio == pytest.approx(group.lost_ratio, abs=0.13)
    assert groups[0].lost_ratio > 5 * groups[-1].lost_ratio


def test_what_is_judged_begins_when_all_that_was_learnt_had_come(
    trained: Trained,
) -> None:
    """By the end of October the outcome of July is known, and no later one."""
    training = trained.model.training
    assert training["judged_after_months"] == "2025-01 to 2025-07"
    assert training["judged_months"] == "2025-10 to 2025-12"
    assert training["fitted_months"] == "2025-01 to 2025-12"


def test_the_same_months_give_the_same_version(trained: Trained) -> None:
    assert train(_panel(), "again").model.version == trained.model.version
    other = train(_panel(MONTHS[1:]), "fewer").model
    assert other.version != trained.model.version


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        (_panel(MONTHS[:5]), "expected 6 whole months with an outcome; found 5"),
        (_panel(MONTHS[:0]), "expected 6 whole months with an outcome; found 0"),
        (_panel(lost="never"), "expected 40 customers lost in 2025-01 to 2025-07"),
        (_panel(lost="always"), "and some not; found 2800"),
    ],
    ids=["few months", "no month", "no losses", "all lost"],
)
def test_too_little_history_is_said(panel: Panel, told: str) -> None:
    with pytest.raises(SettingsError, match="too little history") as caught:
        train(panel, "a panel")
    assert told in str(caught.value)


def test_a_model_is_read_as_it_was_written(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    trained.model.save(path)
    assert load_attrition_model(path) == trained.model
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"features": [{"a": 1}]}'])
def test_what_is_no_model_is_said(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="is no attrition model"):
        load_attrition_model(path)


def test_pictures_are_drawn(trained: Trained, tmp_path: Path) -> None:
    paths = trained.save_charts(tmp_path / "charts")
    assert [p.name for p in paths] == ["calibration.png", "lift.png"]
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in paths)
    assert json.dumps(trained.model.training)
