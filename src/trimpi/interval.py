"""The intervals beside accuracies, and a test of two models on the same questions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from math import comb, floor, sqrt
from statistics import NormalDist, fmean, stdev


def wilson_interval(correct: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a proportion: (low, high) in [0, 1], sound at 0/n and n/n too.

    Without continuity correction (Newcombe 1998, method 3). With n = 0 nothing is known: (0, 1).
    """
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} correct out of {n} is not a proportion")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = correct / n
    scale = 1 + z**2 / n
    centre = (rate + z**2 / (2 * n)) / scale
    margin = z * sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / scale
    # At the ends the bound is exact by algebra and must not be lost to rounding.
    low = 0.0 if correct == 0 else max(0.0, centre - margin)
    high = 1.0 if correct == n else min(1.0, centre + margin)
    return low, high


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of scores in [0, 1]: Wilson's where they are all 0 or 1, the normal one else.

    With fewer than two different scores the normal interval would have no width; Wilson's on the rounded sum stands in.
    """
    if all(value in (0, 1) for value in values) or len(set(values)) < 2:
        return wilson_interval(round(sum(values)), len(values), confidence=confidence)
    low, high = normal_interval(values, confidence=confidence)
    return max(0.0, low), min(1.0, high)


def normal_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """The normal interval of the mean of two or more numbers of any size: (low, high)."""
    if len(values) < 2:
        raise ValueError(f"the spread of {len(values)} numbers is not known: give two or more")
    margin = NormalDist().inv_cdf(0.5 + confidence / 2) * stdev(values) / sqrt(len(values))
    return fmean(values) - margin, fmean(values) + margin


def bootstrap_interval(
    values_by_seed: Mapping[int, Sequence[float]], *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The percentile interval of the mean over seeds of the mean over a seed's values, by a bootstrap of two levels.

    Every resample draws as many seeds with replacement as there are, then as many values of each (Efron and Tibshirani
    1993, chapters 8 and 13): it holds how far both seeds and questions vary. The same for the same `seed`. With one
    seed nothing is known of how seeds vary: the interval is of its questions alone. Raises ValueError without values.
    """
    if not values_by_seed or not all(values_by_seed.values()):
        raise ValueError("there are seeds without values, or no seeds: nothing to draw from")
    rng = random.Random(seed)
    groups = list(values_by_seed.values())
    means = sorted(
        fmean(fmean(rng.choices(group, k=len(group))) for group in rng.choices(groups, k=len(groups)))
        for _ in range(resamples)
    )
    outside = (1 - confidence) / 2
    return means[floor(outside * (resamples - 1))], means[-1 - floor(outside * (resamples - 1))]


def mcnemar(pairs: Iterable[tuple[bool, bool]]) -> float:
    """McNemar's exact test of two models on the same questions; a pair says which of them were right.

    The two-sided p-value of as uneven a split of the questions that only one got right, were both models equally good:
    1 when there is no such question.
    """
    first, second = 0, 0
    for one, other in pairs:
        first += one and not other
        second += other and not one
    discordant = first + second
    tail = sum(comb(discordant, count) for count in range(min(first, second) + 1))
    return min(1.0, 2 * tail / 2**discordant)
