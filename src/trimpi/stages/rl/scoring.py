"""From a completion to its reward. Torch-free."""

from __future__ import annotations

from typing import Any

from trimpi.recipe import RlConfig
from trimpi.rewards.advantages import overlong_penalty
from trimpi.rewards.response import format_reward
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Rollout


def score_rollout(
    task: Task, example: Example, completion: Completion, *, policy_aware: bool, config: RlConfig
) -> Rollout:
    """The weighted sum of the format reward and the task's score (paper, Training), less a penalty for length."""
    rewards = {"format": format_reward(completion.text), "accuracy": task.score(example, completion).value}
    reward = config.rewards.format * rewards["format"] + config.rewards.accuracy * rewards["accuracy"]
    overlong = config.algorithm.overlong
    if overlong is not None:
        rewards["overlong"] = overlong_penalty(
            len(completion.token_ids), max_new_tokens=config.max_new_tokens, buffer=overlong.buffer
        )
        reward += rewards["overlong"]
    return Rollout(completion=completion, policy_aware=policy_aware, reward=reward, rewards=rewards)


def rollout_record(
    example_id: str, rollout: Rollout, *, step: int, advantage: float, dropped: str | None
) -> dict[str, Any]:
    """A line of rollouts.jsonl. `dropped` says why its group was not trained on."""
    return {
        "step": step,
        "example_id": example_id,
        "policy_aware": rollout.policy_aware,
        "completion": rollout.completion.text,
        "tokens": len(rollout.completion.token_ids),
        "truncated": rollout.completion.truncated,
        "rewards": dict(rollout.rewards),
        "reward": rollout.reward,
        "advantage": advantage if dropped is None else None,
        "dropped": dropped,
    }
