from __future__ import annotations

from typing import Literal

import pytest

from trimpi.recipe import DynamicSamplingConfig
from trimpi.stages.rl.draws import Draws
from trimpi.stages.rl.roles import Row
from trimpi.types import Completion, Rollout


def add(draws: Draws, *groups: tuple[float, float, float, float]) -> None:
    """Groups of two policy-free and two policy-aware accuracies."""
    rows = [Row(example=0, policy_aware=member > 1, seed=0) for _ in groups for member in range(4)]
    rollouts = [
        Rollout(
            completion=Completion(text="", token_ids=(1,)),
            policy_aware=member > 1,
            reward=accuracy,
            rewards={"accuracy": accuracy},
        )
        for group in groups
        for member, accuracy in enumerate(group)
    ]
    draws.add(rows, rollouts, group_size=4)


def dropped(over: Literal["pooled", "policy_free"]) -> list[str | None]:
    draws = Draws(wanted=2, dynamic=DynamicSamplingConfig(over=over))
    add(draws, (1, 1, 1, 1), (0, 0, 0, 0), (0.5, 0.5, 0.5, 0.5), (0, 0, 1, 1), (0, 1, 0, 0), (0, 1, 1, 0), (0, 1, 1, 1))
    return [group.dropped for group in draws.groups]


def test_groups_are_dropped_by_reason_and_those_not_needed_are_surplus() -> None:
    assert dropped("pooled") == ["solved", "failed", "equal", None, None, "surplus", "surplus"]


def test_the_policy_free_half_may_be_asked_to_differ() -> None:
    assert dropped("policy_free") == ["solved", "failed", "equal", "equal", None, None, "surplus"]


def test_rewards_that_differ_by_float_noise_only_are_equal() -> None:
    draws = Draws(wanted=1, dynamic=DynamicSamplingConfig())
    add(draws, (0.1 + 0.2, 0.3, 0.3, 0.3))
    assert not draws.is_full


def test_without_dynamic_sampling_every_group_is_trained_on() -> None:
    draws = Draws(wanted=2, dynamic=None)
    add(draws, (1, 1, 1, 1), (0, 1, 0, 0))
    assert draws.is_full
    assert draws.most == 1
    assert draws.statistics() == {"sampled_rollouts": 8.0}


def test_what_was_dropped_is_counted_and_told() -> None:
    draws = Draws(wanted=2, dynamic=DynamicSamplingConfig(max_draws=3))
    add(draws, (1, 1, 1, 1), (1, 1, 1, 1), (0, 1, 0, 0))
    assert draws.statistics() == {
        "sampled_rollouts": 12.0,
        "dropped_solved": 2.0,
        "dropped_failed": 0.0,
        "dropped_equal": 0.0,
        "dropped_surplus": 0.0,
    }
    assert "3 draws gave 1 of the 2 groups" in draws.shortage(4)
    assert "2 solved" in draws.shortage(4)


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_step_is_full_with_as_many_groups_as_wanted(wanted: int) -> None:
    draws = Draws(wanted=wanted, dynamic=DynamicSamplingConfig())
    add(draws, (0, 1, 0, 0))
    assert draws.is_full == (wanted == 1)
