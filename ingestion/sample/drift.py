"""People whose behaviour changes: some fade away, some do more and more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import Floats, Ints, Odds, stream
from ingestion.sample.people import People
from ingestion.sample.spec import SampleSpec

STEADY, FADING, RISING = range(3)
DRIFTS = ("steady", "fading", "rising")
_RAMP_DAYS = 14
_LATEST_ONSET_DAYS = 90


@dataclass(frozen=True)
class Drift:
    """How each person's behaviour changes, and from which day (since 1970) on."""

    kind: Ints
    onset: Ints

    def factor(self, day: Day) -> Floats:
        """Return what a person's activity is multiplied with on a day.

        Within two weeks from the onset it falls to a tenth, or doubles.
        """
        ramp = np.clip((day.number - self.onset) / _RAMP_DAYS, 0.0, 1.0)
        factor: Floats = 1.0 + ramp * np.array([0.0, -0.9, 1.0])[self.kind]
        return factor

    def withdraws(self, day: Day) -> Ints:
        """Return the people who take part of their money away on a day."""
        elapsed = day.number - self.onset
        leaves = (self.kind == FADING) & (elapsed >= 0) & (elapsed < 30)
        return np.flatnonzero(leaves & (elapsed % 5 == 0))


def make_drift(spec: SampleSpec, people: People) -> Drift:
    """Return the changes of a block: onsets lie in the first three months."""
    rng = stream(spec.seed, "drift", people.block)
    onset = Day(spec.start).number + rng.integers(0, _LATEST_ONSET_DAYS, people.count)
    return Drift(Odds.of([92, 5, 3]).draw(rng, people.count), onset)
