"""The interval of a mean over a few runs, from Student's t."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan, cos, pi, sin, sqrt
from statistics import fmean, stdev

HALVINGS = 60


def t_interval(
    values: Sequence[float], *, confidence: float = 0.95, within: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float] | None:
    """The t interval of the mean of values that lie `within` two bounds, cut to them.

    None for fewer than two different values: without a spread it would have no width, and claim certainty.
    """
    if len(set(values)) < 2:
        return None
    mean = fmean(values)
    margin = t_quantile(0.5 + confidence / 2, len(values) - 1) * stdev(values) / sqrt(len(values))
    return max(within[0], mean - margin), min(within[1], mean + margin)


def t_test(values: Sequence[float]) -> float | None:
    """The two-sided p-value of Student's t test that the mean is 0; None for fewer than two different values."""
    if len(set(values)) < 2:
        return None
    freedom = len(values) - 1
    t = abs(fmean(values)) / stdev(values) * sqrt(len(values))
    return 1 - _central_probability(atan(t / sqrt(freedom)), freedom)


def t_quantile(probability: float, freedom: int) -> float:
    """The value that Student's t with `freedom` degrees stays below with a probability in [0.5, 1).

    Raises ValueError for another probability and for fewer than one degree of freedom.
    """
    if not 0.5 <= probability < 1 or freedom < 1:
        raise ValueError(f"no t quantile at {probability} with {freedom} degrees of freedom")
    # The angle whose tangent is t / sqrt(freedom) lies in [0, pi/2) however large t is, so halving finds it.
    low, high = 0.0, pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _central_probability(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * sin(low) / cos(low)


def _central_probability(angle: float, freedom: int) -> float:
    """The finite series in the angle (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for power in range(2 + odd, freedom, 2):
        term *= cos(angle) ** 2 * (power - 1) / power
        total += term
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
