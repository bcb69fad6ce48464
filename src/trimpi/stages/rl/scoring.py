"""From a completion to its reward. Torch-free."""

from __future__ import annotations

from typing import Any

from trimpi.recipe import RewardWeights
from trimpi.rewards.response import format_reward
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Rollout

REWARDS = ("format", "accuracy")


def score_rollout(
    task: Task, example: Example, completion: Completion, *, policy_aware: bool, weights: RewardWeights
) -> Rollout:
    """The weighted sum of the format reward and the task's score (paper, Training)."""
    rewards = {"format": format_reward(completion.text), "accuracy": task.score(example, completion).value}
    reward = weights.format * rewards["format"] + weights.accuracy * rewards["accuracy"]
    return Rollout(completion=completion, policy_aware=policy_aware, reward=reward, rewards=rewards)


def rollout_record(example_id: str, rollout: Rollout, *, step: int, advantage: float) -> dict[str, Any]:
    """A line of rollouts.jsonl."""
    return {
        "step": step,
        "example_id": example_id,
        "policy_aware": rollout.policy_aware,
        "completion": rollout.completion.text,
        "tokens": len(rollout.completion.token_ids),
        "truncated": rollout.completion.truncated,
        "rewards": dict(rollout.rewards),
        "reward": rollout.reward,
        "advantage": advantage,
    }
