from __future__ import annotations

import math

import pytest

from trimpi.rewards.advantages import EPSILON, is_zero_variance, pooled_advantages


def test_both_halves_are_measured_against_the_pooled_mean_with_bessel_deviation() -> None:
    """Policy-free 0, 0; policy-aware 1, 1: mean 1/2, sample deviation sqrt(1/3)."""
    expected = 0.5 / (math.sqrt(1 / 3) + EPSILON)
    assert pooled_advantages([0.0, 0.0, 1.0, 1.0], group_size=4) == pytest.approx(
        [-expected, -expected, expected, expected]
    )


def test_unequal_rewards_by_hand() -> None:
    """0.1, 1, 0.1, 0: mean 0.3; squared differences 0.04, 0.49, 0.04, 0.09 sum to 0.66; deviation sqrt(0.22)."""
    scale = math.sqrt(0.22) + 1e-4
    assert pooled_advantages([0.1, 1.0, 0.1, 0.0], group_size=4) == pytest.approx(
        [-0.2 / scale, 0.7 / scale, -0.2 / scale, -0.3 / scale]
    )


def test_groups_are_normalised_apart() -> None:
    both = pooled_advantages([0.0, 1.0, 5.0, 6.0], group_size=2)
    assert both == pytest.approx(pooled_advantages([0.0, 1.0], group_size=2) * 2)


def test_a_group_of_equal_rewards_gets_no_advantage_even_with_float_noise() -> None:
    noisy = [0.1 + 0.2, 0.3]
    assert noisy[0] != noisy[1]
    assert is_zero_variance(noisy)
    assert pooled_advantages(noisy, group_size=2) == [0.0, 0.0]


@pytest.mark.parametrize(("count", "size"), [(5, 2), (3, 4), (4, 1)])
def test_a_group_is_never_cut(count: int, size: int) -> None:
    with pytest.raises(ValueError, match="whole groups"):
        pooled_advantages([0.0] * count, group_size=size)
