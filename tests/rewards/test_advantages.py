from __future__ import annotations

import math
import random

import pytest

from trimpi.rewards.advantages import (
    EPSILON,
    Baseline,
    deviation,
    distillation_coefficient,
    group_advantages,
    is_zero_variance,
    overlong_penalty,
)

HALVES = [False, False, True, True]


def test_both_halves_are_measured_against_the_pooled_mean_with_bessel_deviation() -> None:
    """Policy-free 0, 0; policy-aware 1, 1: mean 1/2, sample deviation sqrt(1/3)."""
    expected = 0.5 / (math.sqrt(1 / 3) + EPSILON)
    assert group_advantages([0.0, 0.0, 1.0, 1.0], HALVES) == pytest.approx([-expected, -expected, expected, expected])


def test_unequal_rewards_by_hand() -> None:
    """0.1, 1, 0.1, 0: mean 0.3; squared differences 0.04, 0.49, 0.04, 0.09 sum to 0.66; deviation sqrt(0.22)."""
    scale = math.sqrt(0.22) + 1e-4
    assert group_advantages([0.1, 1.0, 0.1, 0.0], HALVES) == pytest.approx(
        [-0.2 / scale, 0.7 / scale, -0.2 / scale, -0.3 / scale]
    )


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("pooled", [-0.5, 0.0, -0.25, 0.75]),
        ("per_half", [-0.25, 0.25, -0.5, 0.5]),
        ("policy_free", [-0.25, 0.25, 0.0, 1.0]),
        ("leave_one_out", [-2 / 3, 0.0, -1 / 3, 1.0]),
    ],
)
def test_every_baseline_by_hand_without_deviation(baseline: Baseline, expected: list[float]) -> None:
    """Rewards 0, 0.5 policy-free and 0.25, 1.25 policy-aware: means 0.5 pooled, 0.25 and 0.75."""
    advantages = group_advantages([0.0, 0.5, 0.25, 1.25], HALVES, baseline=baseline, scaled=False)
    assert advantages == pytest.approx(expected)


def test_the_deviation_is_that_of_the_rewards_compared_with() -> None:
    """Policy-free 0, 2: deviation sqrt(2), mean 1; policy-aware 4, 4 have no deviation of their own."""
    rewards = [0.0, 2.0, 4.0, 4.0]
    free = math.sqrt(2) + EPSILON
    assert group_advantages(rewards, HALVES, baseline="policy_free") == pytest.approx(
        [-1 / free, 1 / free, 3 / free, 3 / free]
    )
    assert group_advantages(rewards, HALVES, baseline="per_half") == pytest.approx([-1 / free, 1 / free, 0.0, 0.0])


def test_without_a_deviation_to_divide_by_that_of_the_group_is_taken() -> None:
    """All policy-free answers wrong, one policy-aware right: not an endless step."""
    scale = deviation([0.0, 0.0, 0.0, 1.0]) + EPSILON
    assert scale == pytest.approx(0.5 + EPSILON)
    assert group_advantages([0.0, 0.0, 0.0, 1.0], HALVES, baseline="policy_free") == pytest.approx(
        [0.0, 0.0, 0.0, 1 / scale]
    )


def test_policy_aware_rollouts_may_be_encouraged_only() -> None:
    advantages = group_advantages([1.0, 0.0, 1.0, 0.0], HALVES, scaled=False, positive_only=True)
    assert advantages == pytest.approx([0.5, -0.5, 0.5, 0.0])


def test_a_baseline_per_half_deletes_the_distillation_term_and_the_pooled_one_has_it() -> None:
    """rl.md's identity: pooled, the policy-aware half as a whole has the weight (Rp - Rn) / (4 s)."""
    numbers = random.Random(3)
    for _ in range(200):
        size = numbers.choice([2, 3, 5])
        rewards = [numbers.choice([0.0, 0.1, 1.0, numbers.random()]) for _ in range(2 * size)]
        aware = [False] * size + [True] * size
        gap = sum(rewards[size:]) / size - sum(rewards[:size]) / size
        pooled = distillation_coefficient(group_advantages(rewards, aware), aware)
        assert pooled == pytest.approx(gap / (4 * (deviation(rewards) + EPSILON)), abs=1e-9)
        for scaled in (True, False):
            own = group_advantages(rewards, aware, baseline="per_half", scaled=scaled)
            assert distillation_coefficient(own, aware) == pytest.approx(0.0, abs=1e-9)


def test_a_group_of_equal_rewards_gets_no_advantage_even_with_float_noise() -> None:
    noisy = [0.1 + 0.2, 0.3]
    assert noisy[0] != noisy[1]
    assert is_zero_variance(noisy)
    assert group_advantages(noisy, [False, False]) == [0.0, 0.0]


@pytest.mark.parametrize("baseline", ["pooled", "per_half", "policy_free", "leave_one_out"])
def test_without_policy_aware_rollouts_every_baseline_is_plain_grpo_up_to_a_factor(baseline: Baseline) -> None:
    rewards = [0.0, 0.1, 1.0, 1.0]
    factor = 4 / 3 if baseline == "leave_one_out" else 1.0
    plain = group_advantages(rewards, [False] * 4)
    assert group_advantages(rewards, [False] * 4, baseline=baseline) == pytest.approx([factor * a for a in plain])


def test_a_group_needs_two_rollouts() -> None:
    with pytest.raises(ValueError, match="two rollouts or more"):
        group_advantages([1.0], [False])


@pytest.mark.parametrize(("tokens", "penalty"), [(1, 0.0), (80, 0.0), (90, -0.5), (100, -1.0)])
def test_the_overlong_penalty_falls_over_the_last_fifth(tokens: int, penalty: float) -> None:
    assert overlong_penalty(tokens, max_new_tokens=100, buffer=0.2) == pytest.approx(penalty)
