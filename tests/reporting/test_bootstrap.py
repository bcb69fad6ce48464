from math import sqrt

import pytest

from trimpi.reporting.bootstrap import bootstrap_interval
from trimpi.reporting.t_interval import t_test

ALL_OR_NOTHING = [[1.0] * 10, [0.0] * 10]


def test_seeds_are_drawn_again_by_hand() -> None:
    # Two seeds at 1 and 0: a draw's mean is 0, 1/2 or 1 with chances 1/4, 1/2 and 1/4, far more than 2.5 % at the ends.
    assert bootstrap_interval(ALL_OR_NOTHING, crossed=False) == (0.0, 1.0)
    # The middle half reaches from 0 (its first quarter) to 1, the middle 40 % is 1/2 alone.
    assert bootstrap_interval(ALL_OR_NOTHING, crossed=False, confidence=0.4) == (0.5, 0.5)


def test_the_same_results_give_the_same_interval() -> None:
    values = [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    assert bootstrap_interval(values, crossed=False) == bootstrap_interval(values, crossed=False)


@pytest.mark.parametrize(("crossed", "seeds"), [(False, 2), (True, 1)])
def test_requests_count_once_where_all_seeds_were_asked_the_same(crossed: bool, seeds: int) -> None:
    """Seeds that do not differ leave the requests: half of 400 right, as many draws as there are different requests."""
    row = [1.0] * 200 + [0.0] * 200
    low, high = bootstrap_interval([row, row], crossed=crossed) or (0.0, 0.0)
    assert high - low == pytest.approx(2 * 1.96 * sqrt(0.25 / (400 * seeds)), rel=0.06)


def test_seeds_of_different_sizes_count_alike() -> None:
    low, high = bootstrap_interval([[1.0] * 5, [0.0] * 50], crossed=False, confidence=0.4) or (0.0, 0.0)
    assert (low, high) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[[1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
def test_one_seed_or_no_spread_has_no_interval(values: list[list[float]]) -> None:
    assert bootstrap_interval(values, crossed=False) is None


def test_the_t_test_by_hand() -> None:
    # Mean 0.1, deviation 0.1, t = 0.1 / 0.1 * sqrt(3) = 1.7321; with 2 degrees p = 1 - t / sqrt(t^2 + 2) = 0.22540.
    assert t_test([0.0, 0.1, 0.2]) == pytest.approx(1 - sqrt(3) / sqrt(5))
    assert t_test([-0.2, -0.1, 0.0]) == pytest.approx(1 - sqrt(3) / sqrt(5))
    assert t_test([0.1, 0.1]) is None
