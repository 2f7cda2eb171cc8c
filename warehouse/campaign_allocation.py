"""Who is contacted by which of several campaigns, where one contact excludes another.

Customers that are alike to every campaign, in worth and in ways to reach them, are a
class; what is decided is how many of a class go which way. That is a linear programme
of some hundred numbers however many customers there are. Its corners are whole numbers:
classes on one side, channels within campaigns on the other, are two families of sets of
which any two either nest or do not touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import coo_array

Counts = npt.NDArray[np.int64]
Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A way of a class: a campaign's channel, and what a customer on it brings."""

    group: int
    campaign: int
    channel: int
    worth: float


@dataclass(frozen=True)
class Limits:
    """How many customers may go each way: held out ones included.

    `sizes` has a number a class, `capacities` one a campaign and channel, `budgets` one
    a campaign.
    """

    sizes: Counts
    capacities: Counts
    budgets: Counts


def allocate(ways: Sequence[Way], limits: Limits) -> Counts:
    """Return how many customers go each way, so that they bring most.

    What the programme leaves in fractions is rounded down, and what has room after that
    is filled in the order of worth; so the limits hold exactly.
    """
    if not ways:
        return np.zeros(0, np.int64)
    rows, bounds = _constraints(ways, limits)
    done = linprog([-way.worth for way in ways], A_ub=rows, b_ub=bounds, method="highs")
    if done.x is None:
        raise RuntimeError(f"the campaigns cannot be allocated: {done.message}")
    return _filled(ways, limits, np.floor(done.x + 1e-6).astype(np.int64))


def allocate_in_order(ways: Sequence[Way], limits: Limits) -> Counts:
    """Return how many go each way if the worthiest way is always filled first."""
    return _filled(ways, limits, np.zeros(len(ways), np.int64))


def worth_of(ways: Sequence[Way], counts: Counts) -> float:
    """Return what the customers bring together."""
    return float(sum(w.worth * n for w, n in zip(ways, counts, strict=True)))


def _constraints(ways: Sequence[Way], limits: Limits) -> tuple[coo_array, Amounts]:
    """Return the rows of the programme: classes, channels of campaigns, budgets."""
    channels = limits.capacities.shape[1]
    first = len(limits.sizes)
    second = first + limits.capacities.size
    places = [
        place
        for way in ways
        for place in (
            way.group,
            first + way.campaign * channels + way.channel,
            second + way.campaign,
        )
    ]
    columns = np.repeat(np.arange(len(ways)), 3)
    bounds = np.concatenate([limits.sizes, limits.capacities.ravel(), limits.budgets])
    shape = (len(bounds), len(ways))
    rows = coo_array((np.ones(len(places)), (places, columns)), shape=shape)
    return rows, bounds.astype(np.float64)


def _filled(ways: Sequence[Way], limits: Limits, counts: Counts) -> Counts:
    """Return the counts with what has room still, worthiest first."""
    sizes, budgets = limits.sizes.copy(), limits.budgets.copy()
    capacities = limits.capacities.copy()
    for way, count in zip(ways, counts, strict=True):
        sizes[way.group] -= count
        capacities[way.campaign, way.channel] -= count
        budgets[way.campaign] -= count
    full = counts.copy()
    for number in sorted(range(len(ways)), key=lambda n: (-ways[n].worth, n)):
        way = ways[number]
        room = min(
            sizes[way.group],
            capacities[way.campaign, way.channel],
            budgets[way.campaign],
        )
        if room > 0:
            full[number] += room
            sizes[way.group] -= room
            capacities[way.campaign, way.channel] -= room
            budgets[way.campaign] -= room
    return full
