"""Customers go to the campaigns so that they bring most, and no limit is passed."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.campaign_allocation import (
    Limits,
    Way,
    allocate,
    allocate_in_order,
    worth_of,
)

SMALL = st.integers(0, 4)


def limits(sizes: list[int], capacities: list[list[int]], budgets: list[int]) -> Limits:
    return Limits(np.array(sizes), np.array(capacities), np.array(budgets))


def test_the_worthiest_first_can_take_the_only_ones_another_may_have() -> None:
    ways = [Way(0, 0, 0, 10.0), Way(0, 1, 0, 9.0), Way(1, 0, 0, 8.0)]
    bounds = limits([5, 5], [[5], [5]], [5, 5])
    assert worth_of(ways, allocate_in_order(ways, bounds)) == 50
    assert allocate(ways, bounds).tolist() == [0, 5, 5]


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Way], Limits]:
    pairs = list(itertools.product(range(2), range(2), range(2)))
    ways = [
        Way(group, campaign, channel, float(draw(st.integers(1, 9))))
        for group, campaign, channel in pairs
        if draw(st.booleans())
    ]
    numbers = [draw(SMALL) for _ in range(8)]
    capacities = [numbers[2:4], numbers[4:6]]
    return ways, limits(numbers[:2], capacities, numbers[6:])


def is_within(ways: list[Way], bounds: Limits, counts: list[int]) -> bool:
    sizes, budgets = np.zeros(2, int), np.zeros(2, int)
    capacities = np.zeros((2, 2), int)
    for way, count in zip(ways, counts, strict=True):
        sizes[way.group] += count
        capacities[way.campaign, way.channel] += count
        budgets[way.campaign] += count
    return bool(
        (sizes <= bounds.sizes).all()
        and (capacities <= bounds.capacities).all()
        and (budgets <= bounds.budgets).all()
    )


@settings(max_examples=60, deadline=None)
@given(problems())
def test_nothing_brings_more_within_the_limits(
    problem: tuple[list[Way], Limits],
) -> None:
    ways, bounds = problem
    counts = allocate(ways, bounds)
    assert (counts >= 0).all()
    assert is_within(ways, bounds, counts.tolist())
    assert is_within(ways, bounds, allocate_in_order(ways, bounds).tolist())
    few = ways[:5]
    best = max(
        worth_of(few, np.array(tried))
        for tried in itertools.product(range(5), repeat=len(few))
        if is_within(few, bounds, list(tried))
    )
    assert worth_of(few, allocate(few, bounds)) >= best - 1e-6
