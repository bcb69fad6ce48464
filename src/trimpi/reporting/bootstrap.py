"""Intervals of a mean over seeds by the bootstrap: seeds are drawn again, and so are the questions within them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
SEED = 20_261_125
"""Fixed, so that the same results give the same interval."""


def bootstrap_interval(
    values: Sequence[Sequence[float]], *, crossed: bool, draws: int = DRAWS, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The percentile interval of the mean over seeds of each seed's mean over its questions, `values[seed][question]`.

    Every draw takes as many seeds as there are, with replacement, and of each as many of its questions. `crossed` says
    that the seeds were asked the same questions in the same order: a draw then takes the same of them for every seed.
    None for fewer than two seeds, of which nothing is known of how they differ, and where every value is the same.
    """
    if len(values) < 2 or len({value for row in values for value in row}) < 2:
        return None
    rng = np.random.default_rng(SEED)
    arrays = [np.asarray(row, dtype=float) for row in values]
    chosen = rng.integers(len(arrays), size=(draws, len(arrays)))
    means = _crossed(arrays, chosen, rng) if crossed else _nested(arrays, chosen, rng)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _nested(
    arrays: Sequence[NDArray[np.float64]], chosen: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Each time a seed is drawn its questions are drawn anew. Few different values: their counts are multinomial."""
    total = np.zeros(len(chosen))
    for slot in range(chosen.shape[1]):
        for seed, array in enumerate(arrays):
            here = chosen[:, slot] == seed
            distinct, counts = np.unique(array, return_counts=True)
            drawn = rng.multinomial(len(array), counts / len(array), size=int(here.sum()))
            total[here] += drawn @ distinct / len(array)
    return total / chosen.shape[1]


def _crossed(
    arrays: Sequence[NDArray[np.float64]], chosen: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The questions are drawn once for all seeds of a draw."""
    table = np.stack(arrays)
    count = table.shape[1]
    weights = rng.multinomial(count, np.full(count, 1 / count), size=len(chosen))
    means = weights @ table.T / count  # (draws, seeds)
    return np.asarray(np.take_along_axis(means, chosen, axis=1).mean(axis=1))
