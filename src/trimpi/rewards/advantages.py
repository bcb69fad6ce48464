"""Advantages: what a rollout's reward is measured against (paper, Training, 3, and its alternatives). Pure, torch-free.

With half of a group policy-aware, the pooled mean lies between the means of the halves, Rn and Rp: policy-aware
rollouts keep (Rp - Rn) / 2 of advantage on average, whatever their own reward. That is a distillation of the
policy-aware model, and its sign is the sign of the gap; `distillation_coefficient` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal

EPSILON = 1e-4
"""Added to the standard deviation, as TRL does; a group of equal rewards gets advantages of exactly zero."""
SAME_REWARD = 1e-9
"""Rewards closer than this are one reward: a weighted sum of the same parts differs by float noise only."""

Baseline = Literal["pooled", "per_half", "policy_free", "leave_one_out"]


def group_advantages(
    rewards: Sequence[float],
    policy_aware: Sequence[bool],
    *,
    baseline: Baseline = "pooled",
    scaled: bool = True,
    positive_only: bool = False,
    epsilon: float = EPSILON,
) -> list[float]:
    """The advantages of one group: (reward - baseline) / (sample standard deviation + epsilon).

    `baseline` says which rewards are averaged: all of the group, those of the rollout's own half, those of the
    policy-free half, or all but the rollout's own. The deviation is that of the same half or group; where it is 0 or
    undefined, of the whole group, since a step away from equal rewards would else be endless. `scaled` False leaves the
    deviation out. `positive_only` cuts negative advantages of policy-aware rollouts to 0.

    A group of equal rewards, and a half that is one rollout against itself, get 0. Raises ValueError for a group of
    less than 2 rollouts.
    """
    if len(rewards) < 2 or len(rewards) != len(policy_aware):
        raise ValueError(f"a group needs two rollouts or more, each policy-free or policy-aware; got {len(rewards)}")
    if is_zero_variance(rewards):
        return [0.0] * len(rewards)
    advantages = []
    for reward, aware in zip(rewards, policy_aware, strict=True):
        others = _compared_with(rewards, policy_aware, aware, baseline)
        difference = reward - fmean(others)
        if baseline == "leave_one_out":
            difference *= len(rewards) / (len(rewards) - 1)
        if scaled:
            difference /= (deviation(others) or deviation(rewards)) + epsilon
        advantages.append(max(difference, 0.0) if positive_only and aware else difference)
    return advantages


def _compared_with(
    rewards: Sequence[float], policy_aware: Sequence[bool], aware: bool, baseline: Baseline
) -> Sequence[float]:
    if baseline in ("pooled", "leave_one_out"):
        return rewards
    half = aware if baseline == "per_half" else False
    own = [reward for reward, other in zip(rewards, policy_aware, strict=True) if other == half]
    return own or rewards


def deviation(rewards: Sequence[float]) -> float:
    """The sample standard deviation (Bessel); 0 for equal rewards and for a single one."""
    if len(rewards) < 2 or is_zero_variance(rewards):
        return 0.0
    mean = fmean(rewards)
    return math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / (len(rewards) - 1))


def distillation_coefficient(advantages: Sequence[float], policy_aware: Sequence[bool]) -> float:
    """How strongly a group pulls towards (positive) or away from (negative) its policy-aware half as a whole.

    The sum of the policy-aware advantages over the size of the group. With equal halves and the pooled baseline it is
    (Rp - Rn) / (4 s), the weight of the forward KL from the policy-aware model; with a baseline per half it is 0.
    """
    return sum(advantage for advantage, aware in zip(advantages, policy_aware, strict=True) if aware) / len(advantages)


def is_zero_variance(rewards: Sequence[float]) -> bool:
    """Whether a group teaches nothing: all of its rewards are equal. A deviation would be rounded; this is not."""
    return max(rewards) - min(rewards) < SAME_REWARD


def overlong_penalty(tokens: int, *, max_new_tokens: int, buffer: float) -> float:
    """DAPO's soft punishment: 0 up to the last `buffer` share of `max_new_tokens`, falling to -1 at the very end."""
    room = max_new_tokens * buffer
    return min(0.0, (max_new_tokens - room - tokens) / room)
