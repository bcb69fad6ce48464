from __future__ import annotations

import pytest

from trimpi.stages.rl.statistics import rollout_statistics
from trimpi.types import Completion, Rollout, RolloutGroup


def rollout(reward: float, *, policy_aware: bool, truncated: bool = False, tokens: int = 2) -> Rollout:
    completion = Completion(text="", token_ids=(0,) * tokens, truncated=truncated)
    return Rollout(
        completion=completion, policy_aware=policy_aware, reward=reward, rewards={"format": 1.0, "accuracy": reward}
    )


def group(*rewards: float, **changes: bool) -> RolloutGroup:
    """The first half policy-free."""
    half = len(rewards) // 2
    rollouts = [rollout(reward, policy_aware=place >= half, **changes) for place, reward in enumerate(rewards)]
    return RolloutGroup(example_id="a", rollouts=rollouts)


def test_the_gap_is_policy_aware_minus_policy_free() -> None:
    statistics = rollout_statistics([group(0.0, 0.0, 1.0, 0.5), group(1.0, 1.0, 1.0, 1.0, truncated=True)])
    assert statistics["reward_policy_free"] == 0.5
    assert statistics["reward_policy_aware"] == 0.875
    assert statistics["reward_gap"] == 0.375
    assert statistics["reward"] == statistics["accuracy"] == pytest.approx(0.6875)
    assert (statistics["groups"], statistics["zero_variance_groups"], statistics["truncated"]) == (2, 1, 4)
    assert statistics["completion_length"] == 2


def test_without_policy_aware_rollouts_there_is_no_gap() -> None:
    only_free = RolloutGroup(
        example_id="a", rollouts=[rollout(0.0, policy_aware=False), rollout(1.0, policy_aware=False)]
    )
    statistics = rollout_statistics([only_free])
    assert not {"reward_policy_aware", "reward_gap"} & set(statistics)
