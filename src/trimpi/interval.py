"""The intervals beside accuracies, and a test of two models on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from math import atanh, comb, sqrt, tanh
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


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the median of one or more numbers, by ranks, whatever their distribution: (low, high).

    With fewer than six, no two of them are as far apart as 95 % asks for: all of them lie within the interval.
    """
    n, ranked = len(values), sorted(values)
    rank, tail = 0, 1
    # The median lies outside the k-th from both ends as often as n throws of a fair coin show fewer than k of a side.
    while 2 * tail <= (1 - confidence) * 2**n:
        rank += 1
        tail += comb(n, rank)
    outermost = max(rank - 1, 0)
    return ranked[outermost], ranked[n - 1 - outermost]


def correlation_interval(correlation: float, n: int, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Fisher's interval of Pearson's correlation over `n` pairs; None for three or fewer, which say nothing."""
    if n <= 3:
        return None
    if abs(correlation) >= 1:
        return correlation, correlation
    margin = NormalDist().inv_cdf(0.5 + confidence / 2) / sqrt(n - 3)
    return tanh(atanh(correlation) - margin), tanh(atanh(correlation) + margin)


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value that two models are equally good, from the questions that only one of them got right.

    Twice the probability, at most 1, that of so many throws of a fair coin as few or fewer fall on the rarer side; 1
    without any such question.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"{only_first} and {only_second} are no numbers of questions")
    throws = only_first + only_second
    tail = sum(comb(throws, side) for side in range(min(only_first, only_second) + 1))
    # Integers up to the last division, so that it cannot overflow.
    return min(1.0, 2 * tail / 2**throws)
