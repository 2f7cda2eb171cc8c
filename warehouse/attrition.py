"""A forecast of who leaves: fitted on past months, judged on later ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import altair
import duckdb
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ingestion.errors import SettingsError
from warehouse.attrition_model import AttritionModel, Feature

_PANEL = (Path(__file__).with_name("sql") / "attrition_panel.sql").read_text("utf-8")
KEYS = ("customer_key", "month_start", "as_of_date")
OUTCOMES = ("rule_score", "is_rule_raised", "is_lost")
# Shrinks the coefficients: the features are near to one another, losses are few.
_INVERSE_PENALTY = 0.3
# With fewer losses to learn from, or to be judged by, a figure is chance.
LEAST_LOSSES, LEAST_JUDGED_LOSSES = 40, 20
_GROUPS = 10


@dataclass(frozen=True)
class Panel:
    """Customers at the end of past months, and who of them was lost since.

    A row per customer and month: KEYS, the features, OUTCOMES. Just months of which
    `horizon_months` whole months have followed.
    """

    rows: pd.DataFrame
    horizon_months: int

    @property
    def features(self) -> list[str]:
        """The names of the features."""
        return [c for c in self.rows.columns if c not in {*KEYS, *OUTCOMES}]

    @property
    def months(self) -> list[date]:
        """The months, earliest first."""
        return sorted(self.rows["month_start"].unique())

    def of(self, months: list[date]) -> Panel:
        """Return the rows of some months."""
        chosen = self.rows["month_start"].isin(months)
        return Panel(self.rows[chosen], self.horizon_months)

    @property
    def lost(self) -> np.ndarray[Any, Any]:
        """1 where the customer was lost, else 0."""
        return np.asarray(self.rows["is_lost"], dtype=np.int64)

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """The features, a row per customer and month."""
        return np.asarray(self.rows[self.features], dtype=np.float64)


def read_panel(connection: duckdb.DuckDBPyConnection) -> Panel:
    """Return the panel of an edition, which the connection sees by its schemas."""
    rows = connection.execute(_PANEL).df()
    rows["month_start"] = rows["month_start"].dt.date
    horizon = rows.pop("horizon_months")
    return Panel(rows, int(horizon.max()) if len(rows) else 1)


@dataclass(frozen=True)
class Group:
    """A tenth of those judged, by score: how many, what was said, what came."""

    number: int
    customer_months: int
    forecast_ratio: float
    lost_ratio: float


@dataclass(frozen=True)
class Judgement:
    """How well a score told who would be lost, in months that it had not seen.

    `auc` is the chance that of two, one lost and one not, the lost had the higher
    score. `first_tenth_lift` is how many times the rate of all the rate of the tenth
    with the highest scores is. `coverage_ratio` is the share of the lost that were
    raised, `false_alarm_ratio` the share of those raised that were not lost.
    """

    score: str
    auc: float
    first_tenth_lift: float
    raised_count: int
    coverage_ratio: float | None
    false_alarm_ratio: float | None


@dataclass(frozen=True)
class Trained:
    """A model, what it was judged to be worth, and the rule that stands beside it."""

    model: AttritionModel
    judgements: tuple[Judgement, ...]
    groups: tuple[Group, ...]
    rule_groups: tuple[Group, ...]

    def save_charts(self, folder: Path) -> list[Path]:
        """Write the pictures of calibration and lift; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        charts = {
            "calibration.png": _calibration_chart(self.groups),
            "lift.png": _lift_chart(self.groups, self.rule_groups),
        }
        for name, chart in charts.items():
            chart.save(str(folder / name), scale_factor=2)
        return [folder / name for name in charts]


def train(panel: Panel, name: str, judged_month_count: int | None = None) -> Trained:
    """Return a model of a panel, judged out of time.

    The last months (as many as the horizon, or `judged_month_count`) judge a model that
    was fitted on months whose outcomes were all known by the end of the first of them.
    The model returned is then fitted on all months; it raises the signal from the score
    on that bounded the first tenth of those judged.

    Raises:
        SettingsError: There are too few months or losses.
    """
    earlier, judged = _split(panel, judged_month_count or panel.horizon_months)
    past = _fitted(earlier)
    chances = past.predict_proba(judged.values)[:, 1]
    alarm = round(float(np.quantile(chances, 1 - 1 / _GROUPS)), 6)
    rule = judged.rows["rule_score"].to_numpy(dtype=np.float64)
    raised = judged.rows["is_rule_raised"].to_numpy(dtype=bool)
    judgements = (
        _judgement("model", judged.lost, chances, chances >= alarm),
        _judgement("rule", judged.lost, rule, raised),
    )
    training = {
        "trained_on": name,
        "fitted_months": _told_months(panel),
        "judged_after_months": _told_months(earlier),
        "judged_months": _told_months(judged),
        "judged_customer_months": len(judged.rows),
        "judged_losses": int(judged.lost.sum()),
        "judgements": [asdict(j) for j in judgements],
    }
    return Trained(
        _model(panel, _fitted(panel), alarm, training),
        judgements,
        _groups(judged.lost, chances),
        _groups(judged.lost, rule),
    )


def _split(panel: Panel, judged_count: int) -> tuple[Panel, Panel]:
    """Return the months to learn from and those to be judged by, outcomes apart."""
    months = panel.months
    apart = judged_count + panel.horizon_months - 1
    if len(months) <= apart:
        raise _too_little(f"{apart + 1} whole months with an outcome", len(months))
    earlier, judged = panel.of(months[:-apart]), panel.of(months[-judged_count:])
    for part, least in ((earlier, LEAST_LOSSES), (judged, LEAST_JUDGED_LOSSES)):
        lost = int(part.lost.sum())
        if lost < least or lost == len(part.rows):
            due = f"{least} customers lost in {_told_months(part)}, and some not"
            raise _too_little(due, lost)
    return earlier, judged


def _too_little(expected: str, found: int) -> SettingsError:
    return SettingsError(
        "attrition train",
        "there is too little history to fit and to judge a model",
        expected=expected,
        found=f"{found}",
        remedy="The rule goes on; train when more months are there.",
    )


def _told_months(panel: Panel) -> str:
    return f"{panel.months[0]:%Y-%m} to {panel.months[-1]:%Y-%m}"


def _fitted(panel: Panel) -> Any:
    pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)
    )
    return pipeline.fit(panel.values, panel.lost)


def _model(
    panel: Panel, fitted: Any, alarm: float, training: Mapping[str, Any]
) -> AttritionModel:
    scaler, regression = fitted[0], fitted[-1]
    features = tuple(
        Feature(name, round(float(m), 9), round(float(s), 9), round(float(c), 9))
        for name, m, s, c in zip(
            panel.features,
            scaler.mean_,
            scaler.scale_,
            regression.coef_[0],
            strict=True,
        )
    )
    intercept = round(float(regression.intercept_[0]), 9)
    return AttritionModel(features, intercept, alarm, panel.horizon_months, training)


def _judgement(
    score: str,
    lost: np.ndarray[Any, Any],
    scores: np.ndarray[Any, Any],
    raised: np.ndarray[Any, Any],
) -> Judgement:
    first = _ordered(scores)[: max(len(scores) // _GROUPS, 1)]
    hits = int(lost[raised].sum())
    return Judgement(
        score,
        float(roc_auc_score(lost, scores)),
        float(lost[first].mean() / lost.mean()),
        int(raised.sum()),
        hits / int(lost.sum()),
        1 - hits / int(raised.sum()) if raised.any() else None,
    )


def _ordered(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the places of the scores, the highest first, alike ones by chance."""
    by_chance = np.random.default_rng(7).permutation(len(scores))
    order: np.ndarray[Any, Any] = by_chance[np.argsort(-scores[by_chance])]
    return order


def _groups(
    lost: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]
) -> tuple[Group, ...]:
    parts = np.array_split(_ordered(scores), _GROUPS)
    return tuple(
        Group(number, len(p), float(scores[p].mean()), float(lost[p].mean()))
        for number, p in enumerate(parts, start=1)
        if len(p)
    )


def _calibration_chart(groups: tuple[Group, ...]) -> Any:
    most = max(max(g.forecast_ratio, g.lost_ratio) for g in groups)
    even = altair.Chart({"values": [{"x": 0, "y": 0}, {"x": most, "y": most}]})
    points = altair.Chart({"values": [asdict(g) for g in groups]})
    x = altair.X("forecast_ratio:Q", title="forecast share lost, by tenth")
    y = altair.Y("lost_ratio:Q", title="share that was lost")
    line = even.mark_line(strokeDash=[4, 3], color="grey").encode(x="x:Q", y="y:Q")
    dots = points.mark_line(point=True).encode(x=x, y=y)
    title = "Calibration in the months that were judged"
    return (line + dots).properties(title=title, width=480, height=360)


def _lift_chart(groups: tuple[Group, ...], rule_groups: tuple[Group, ...]) -> Any:
    values = [
        {"tenth": g.number, "lift": g.lost_ratio / _rate(of), "score": name}
        for name, of in (("model", groups), ("rule", rule_groups))
        for g in of
    ]
    bars = altair.Chart({"values": values}).mark_bar()
    return bars.encode(
        x=altair.X("tenth:O", title="tenth, the highest scores first"),
        xOffset="score:N",
        y=altair.Y("lift:Q", title="share lost, times that of all"),
        color=altair.Color("score:N", title=None),
    ).properties(title="Lift in the months that were judged", width=560, height=360)


def _rate(groups: tuple[Group, ...]) -> float:
    count = sum(g.customer_months for g in groups)
    return sum(g.lost_ratio * g.customer_months for g in groups) / count
