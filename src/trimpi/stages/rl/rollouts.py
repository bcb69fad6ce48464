"""PolicyRollout: policy-free and policy-aware completions in one group, all trained under the policy-free prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object

from trimpi.errors import RunError
from trimpi.recipe import RlConfig
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.rewards.advantages import pooled_advantages
from trimpi.sampling.sampler import RowSampler, SamplingSettings
from trimpi.stages.json_lines import append_lines
from trimpi.stages.rl.dataset import same_chat
from trimpi.stages.rl.roles import GroupPlan, Row
from trimpi.stages.rl.scoring import REWARDS, rollout_record, score_rollout
from trimpi.stages.rl.statistics import rollout_statistics
from trimpi.stages.trl_seams import RolloutTrainer
from trimpi.tasks.base import Task
from trimpi.types import Example, Rollout, RolloutGroup

REWARD_COLUMN = "{name}_reward"
SamplerOf = Callable[[RolloutTrainer], AbstractContextManager[RowSampler]]


class PolicyRollouts:
    """TRL's `rollout_func`. It samples, scores, and logs; TRL gets the policy-free prompt under every completion.

    `statistics` are those of the latest step, over all processes; the sampler's are this process's.
    """

    def __init__(
        self,
        config: RlConfig,
        plan: GroupPlan,
        task: Task,
        examples: Sequence[Example],
        renderer: Renderer,
        *,
        sampler: SamplerOf,
        log_file: Path,
    ) -> None:
        self._config = config
        self._plan = plan
        self._task = task
        self._examples = examples
        self._renderer = renderer
        self._sampler = sampler
        self._log_file = log_file
        self._settings = SamplingSettings(
            temperature=config.temperature, top_p=config.top_p, max_new_tokens=config.max_new_tokens
        )
        self.statistics: dict[str, float] = {}

    def __call__(self, chats: list[list[dict[str, Any]]], trainer: RolloutTrainer) -> dict[str, list[Any]]:
        """`chats` are this process's policy-free prompts, one per row. Raises RunError when they are not as planned."""
        step = trainer.state.global_step // trainer.num_iterations
        rows = self._plan.rows(step=step, process=trainer.accelerator.process_index, count=len(chats))
        policy_free = [self._renderer.prompt(self._examples[row.example]) for row in rows]
        if not all(same_chat(chat, prompt) for chat, prompt in zip(chats, policy_free, strict=True)):
            raise RunError(
                f"step {step + 1}: the trainer's prompts are not those planned for it, so rewards would be misplaced: "
                "report this with the recipe"
            )
        with self._sampler(trainer) as sampler:
            completions = sampler.sample_rows(
                [self._prompt(row) for row in rows], [row.seed for row in rows], self._settings
            )
            sampling_statistics = sampler.statistics
        rollouts = [
            score_rollout(
                self._task,
                self._examples[row.example],
                completion,
                policy_aware=row.policy_aware,
                weights=self._config.rewards,
            )
            for row, completion in zip(rows, completions, strict=True)
        ]
        # The line's step is that of the update the rollouts lead to.
        self._log(rows, rollouts, step=trainer.state.global_step + 1, writes=trainer.is_world_process_zero())
        self.statistics |= sampling_statistics
        return self._trl_columns(policy_free, rollouts)

    def _prompt(self, row: Row) -> Prompt:
        example = self._examples[row.example]
        return self._renderer.prompt(example, self._task.policy_of(example) if row.policy_aware else None)

    def _trl_columns(self, policy_free: Sequence[Prompt], rollouts: Sequence[Rollout]) -> dict[str, list[Any]]:
        ids = {prompt: self._renderer.prompt_ids(prompt) for prompt in dict.fromkeys(policy_free)}
        rewards = {REWARD_COLUMN.format(name=name): [rollout.rewards[name] for rollout in rollouts] for name in REWARDS}
        return {
            "prompt_ids": [ids[prompt] for prompt in policy_free],
            "completion_ids": [list(rollout.completion.token_ids) for rollout in rollouts],
            "logprobs": [_policy_free_logprobs(rollout) for rollout in rollouts],
            **rewards,
        }

    def _log(self, rows: Sequence[Row], rollouts: Sequence[Rollout], *, step: int, writes: bool) -> None:
        """Bring the rollouts of all processes together, in the order of the step's rows, and write them down once."""
        ids = [self._examples[row.example].id for row in rows]
        everywhere: list[tuple[str, Rollout]] = gather_object(list(zip(ids, rollouts, strict=True)))
        size = self._plan.group_size
        groups = [
            RolloutGroup(
                example_id=everywhere[start][0], rollouts=[rollout for _, rollout in everywhere[start : start + size]]
            )
            for start in range(0, len(everywhere), size)
        ]
        self.statistics = rollout_statistics(groups)
        if writes:
            advantages = pooled_advantages([rollout.reward for _, rollout in everywhere], group_size=size)
            records = (
                rollout_record(example_id, rollout, step=step, advantage=advantage)
                for (example_id, rollout), advantage in zip(everywhere, advantages, strict=True)
            )
            append_lines(self._log_file, records)


def _policy_free_logprobs(rollout: Rollout) -> list[float]:
    """NaN where the completion was sampled under another prompt than it is trained under: not to be compared."""
    completion = rollout.completion
    if rollout.policy_aware or completion.sampling_logprobs is None:
        return [float("nan")] * len(completion.token_ids)
    return list(completion.sampling_logprobs)


def reward_functions() -> list[Callable[..., list[float]]]:
    """TRL's reward functions, in the order of REWARDS: they hand back what scoring gave."""
    return [_reward_function(name) for name in REWARDS]


def _reward_function(name: str) -> Callable[..., list[float]]:
    def reward(**columns: Any) -> list[float]:
        return columns[REWARD_COLUMN.format(name=name)]

    reward.__name__ = name
    return reward
