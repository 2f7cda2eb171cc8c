"""The statistics of the models' SQL are those of scipy and of published examples."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from jinja2 import Environment
from scipy.stats import chi2_contingency, false_discovery_control, norm

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "statistics.sql"
SQL = Environment().from_string(MACROS.read_text(encoding="utf-8")).module
Z = norm.ppf(0.975)


def asked(expression: str) -> float:
    (value,) = duckdb.sql(f"select {expression}").fetchone() or (None,)
    assert value is not None
    return float(value)


def wilson(hits: int, count: int, sign: str) -> float:
    ratio = f"({hits} / cast({count} as double))"
    return asked(SQL.wilson_end(ratio, str(count), repr(float(Z)), sign))


@pytest.mark.parametrize("p", [1e-9, 0.001, 0.0242, 0.025, 0.2, 0.5, 0.8, 0.98, 0.9999])
def test_a_quantile_is_scipys(p: float) -> None:
    found = asked(SQL.normal_quantile(f"cast({p!r} as double)"))
    assert found == pytest.approx(norm.ppf(p), rel=2e-9, abs=1e-9)


def test_a_probability_is_scipys() -> None:
    for z in [*np.linspace(-8, 8, 161), 0.0, 6.999, 7.0, 12.0]:
        found = asked(SQL.two_sided_p(f"cast({float(z)!r} as double)"))
        assert found == pytest.approx(2 * norm.sf(abs(z)), rel=1e-6), z


def test_a_ratios_interval_is_the_published_one() -> None:
    """Newcombe 1998: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263, "-") == pytest.approx(0.2553, abs=5e-5)
    assert wilson(81, 263, "+") == pytest.approx(0.3662, abs=5e-5)
    assert wilson(0, 20, "-") == pytest.approx(0, abs=1e-12)
    assert wilson(0, 20, "+") == pytest.approx(0.1611, abs=5e-5)


def test_a_differences_interval_is_the_published_one() -> None:
    """Newcombe 1998, method 10: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    first, second = 56 / 70, 48 / 80
    low = np.hypot(first - wilson(56, 70, "-"), wilson(48, 80, "+") - second)
    high = np.hypot(wilson(56, 70, "+") - first, second - wilson(48, 80, "-"))
    assert first - second - low == pytest.approx(0.0524, abs=5e-5)
    assert first - second + high == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(
    ("hits", "count", "other_hits", "other_count"),
    [(56, 70, 48, 80), (3, 40, 11, 60), (120, 3000, 20, 1000), (1, 30, 0, 30)],
)
def test_a_chance_probability_is_that_of_the_corrected_table(
    hits: int, count: int, other_hits: int, other_count: int
) -> None:
    z = SQL.ratios_z(
        *(f"cast({n} as double)" for n in (hits, count, other_hits, other_count))
    )
    table = [[hits, count - hits], [other_hits, other_count - other_hits]]
    due = chi2_contingency(table, correction=True).pvalue
    assert asked(SQL.two_sided_p(f"({z})")) == pytest.approx(due, rel=1e-6)


def test_holms_correction_is_the_stepwise_one() -> None:
    """And no milder than one that lets a share of the verdicts be wrong."""
    chances = [0.001, 0.2, 0.011, 0.04, 0.011, 0.9]
    values = ", ".join(f"('f', {n}, {p})" for n, p in enumerate(chances))
    rank = SQL.holm_rank("p", "family", "n")
    adjusted = SQL.holm_adjusted("p", "place", str(len(chances)), "family")
    found = duckdb.sql(
        f"with t(family, n, p) as (values {values}), "
        f"r as (select *, {rank} as place from t), "
        f"a as (select n, {adjusted} as corrected from r) "
        "select corrected from a order by n"
    ).fetchall()
    corrected = [float(row[0]) for row in found]
    largest, due = 0.0, dict.fromkeys(range(len(chances)), 0.0)
    for step, place in enumerate(np.argsort(chances, kind="stable")):
        largest = max(largest, min(1.0, chances[place] * (len(chances) - step)))
        due[int(place)] = largest
    assert corrected == pytest.approx(list(due.values()))
    assert (np.array(corrected) >= false_discovery_control(chances) - 1e-12).all()
