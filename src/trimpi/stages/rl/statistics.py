"""What a step's rollouts say about PolicyRollout: each half's reward, their gap, groups that teach nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from trimpi.rewards.advantages import is_zero_variance
from trimpi.types import Rollout, RolloutGroup


def rollout_statistics(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    """Means over all rollouts, and over each half where there is one.

    `reward_gap` is Rp - Rn, policy-aware minus policy-free: its sign is the sign of the distillation that PolicyRollout
    adds to GRPO, which repels from policy-aware completions once it is negative. `zero_variance_groups` of `groups`
    give no gradient.
    """
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    free = [rollout for rollout in rollouts if not rollout.policy_aware]
    aware = [rollout for rollout in rollouts if rollout.policy_aware]
    statistics = {
        "reward": fmean(rollout.reward for rollout in rollouts),
        **{name: _mean(rollouts, name) for name in rollouts[0].rewards},
        **_half(free, "policy_free"),
        **_half(aware, "policy_aware"),
        "groups": float(len(groups)),
        "zero_variance_groups": float(
            sum(is_zero_variance([rollout.reward for rollout in group.rollouts]) for group in groups)
        ),
        "truncated": float(sum(rollout.completion.truncated for rollout in rollouts)),
        "completion_length": fmean(len(rollout.completion.token_ids) for rollout in rollouts),
    }
    gap = reward_gap(groups)
    return statistics if gap is None else {**statistics, "reward_gap": gap}


def reward_gap(groups: Sequence[RolloutGroup]) -> float | None:
    """Rp - Rn over all rollouts; None where one half is empty."""
    free, aware = (
        [rollout.reward for group in groups for rollout in group.rollouts if rollout.policy_aware == half]
        for half in (False, True)
    )
    return fmean(aware) - fmean(free) if free and aware else None


def _half(rollouts: Sequence[Rollout], half: str) -> dict[str, float]:
    if not rollouts:
        return {}
    parts = {f"{name}_{half}": _mean(rollouts, name) for name in rollouts[0].rewards}
    return {f"reward_{half}": fmean(rollout.reward for rollout in rollouts), **parts}


def _mean(rollouts: Sequence[Rollout], name: str) -> float:
    return fmean(rollout.rewards[name] for rollout in rollouts)
