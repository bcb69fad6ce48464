"""Advantages: the rewards of a group of rollouts against their pooled mean (paper, Training, 3). Pure, torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

EPSILON = 1e-4
"""Added to the standard deviation, as TRL does; a group of equal rewards gets advantages of exactly zero."""
SAME_REWARD = 1e-9
"""Rewards closer than this are one reward: a weighted sum of the same parts differs by float noise only."""


def pooled_advantages(rewards: Sequence[float], *, group_size: int) -> list[float]:
    """(reward - mean) / (sample standard deviation + EPSILON), both over consecutive groups of `group_size` rewards.

    Policy-free and policy-aware rollouts of a group are pooled. Raises ValueError for a cut group, or a size below 2.
    """
    if group_size < 2 or len(rewards) % group_size:
        raise ValueError(f"{len(rewards)} rewards are not whole groups of {group_size} (at least 2)")
    groups = (rewards[start : start + group_size] for start in range(0, len(rewards), group_size))
    return [advantage for group in groups for advantage in _normalised(group)]


def is_zero_variance(rewards: Sequence[float]) -> bool:
    """Whether a group teaches nothing: all of its rewards are equal. A deviation would be rounded; this is not."""
    return max(rewards) - min(rewards) < SAME_REWARD


def _normalised(group: Sequence[float]) -> list[float]:
    if is_zero_variance(group):
        return [0.0] * len(group)
    mean = fmean(group)
    deviation = math.sqrt(sum((reward - mean) ** 2 for reward in group) / (len(group) - 1))
    return [(reward - mean) / (deviation + EPSILON) for reward in group]
