"""Seeded randomness: a stream for every purpose, and weighted picks in bulk."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SLOTS = 4096


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """Return the generator of a purpose; equal arguments give equal draws.

    Streams of different purposes, days or blocks are independent, so that any block of
    any day can be made without those before it.
    """
    entropy = [seed, zlib.crc32(purpose.encode()), *keys]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))


@dataclass(frozen=True)
class Odds:
    """A weighted choice of small integers, drawn from a table of 4,096 slots."""

    table: npt.NDArray[np.int64]

    @classmethod
    def of(cls, weights: Sequence[float]) -> Odds:
        """Return odds in proportion to the weights; 1/4096 is the finest grain."""
        shares = np.cumsum(np.asarray(weights, dtype=np.float64))
        slots = (np.arange(_SLOTS) + 0.5) / _SLOTS * shares[-1]
        return cls(np.searchsorted(shares, slots).astype(np.int64))

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """Return `count` independent picks."""
        return self.table[rng.integers(0, _SLOTS, count, dtype=np.uint16)]


def chosen(rng: np.random.Generator, count: int, ratio: float) -> Bools:
    """Return a mask in which each place is true with that probability."""
    return rng.random(count) < ratio


def occurrences(rng: np.random.Generator, rates: Floats) -> Ints:
    """Return, once for each event, the index of who has it: Poisson by rate."""
    return np.repeat(np.arange(len(rates)), rng.poisson(rates))


def seconds_of_day(rng: np.random.Generator, hours: Odds, count: int) -> Ints:
    """Return seconds since midnight that follow a curve of hours."""
    seconds: Ints = hours.draw(rng, count) * 3600 + rng.integers(0, 3600, count)
    return seconds


def cents(
    rng: np.random.Generator, median: Floats | float, spread: float, count: int
) -> Ints:
    """Return log-normal amounts in cents around a median, at least one cent."""
    factor = np.exp(rng.standard_normal(count, dtype=np.float32) * spread)
    amounts: Ints = np.rint(np.asarray(median) * factor * 100).astype(np.int64)
    return np.maximum(amounts, 1)
