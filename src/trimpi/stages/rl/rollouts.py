"""PolicyRollout: policy-free and policy-aware completions in one group, all trained under the policy-free prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from trimpi.errors import RunError
from trimpi.recipe import ReverseKlTeacher, ReweightingTeacher, RlConfig
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.rewards.advantages import distillation_coefficient, group_advantages
from trimpi.sampling.sampler import RowSampler
from trimpi.stages.json_lines import append_lines, read_lines
from trimpi.stages.rl.dataset import chat_row, same_chat, with_image_places
from trimpi.stages.rl.distillation import distillation_loss
from trimpi.stages.rl.draws import Draws, SampledGroup
from trimpi.stages.rl.gate import Gate
from trimpi.stages.rl.importance import HalfWeights, half_weights
from trimpi.stages.rl.mixing import policy_aware_per_group
from trimpi.stages.rl.roles import GroupPlan, Row
from trimpi.stages.rl.samplers import HalvesSampler, sampling_settings
from trimpi.stages.rl.scoring import rollout_record, score_rollout
from trimpi.stages.rl.statistics import reward_gap, rollout_statistics
from trimpi.stages.rl.teacher import PolicyTeacher, annealed, token_advantages
from trimpi.stages.stopping import StageEndedEarly
from trimpi.stages.trl_seams import Batch, RolloutTrainer
from trimpi.tasks.base import Task
from trimpi.types import Example, Rollout, RolloutGroup

REWARD = "reward"
SamplerOf = Callable[[RolloutTrainer], AbstractContextManager[RowSampler]]
TEACHER_PROMPTS = "teacher_prompts"
"""A scored batch's column of the prompts that the teacher reads, None for rows it does not teach."""


class PolicyRollouts:
    """What the trainer is given to train on; see `trl_seams.RolloutSource`.

    A step's completions are sampled, scored, measured against each other and logged; TRL gets the policy-free prompt
    under every one. `sampler` gives the one over the model being trained; policy-aware completions are sampled by
    `policy_aware_sampler` where there is one. `statistics` are those of the latest step, over all processes; the
    sampler's are this process's.
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
        gate: Gate | None = None,
        policy_aware_sampler: RowSampler | None = None,
        teacher: PolicyTeacher | None = None,
    ) -> None:
        self._config = config
        self._plan = plan
        self._task = task
        self._examples = examples
        self._renderer = renderer
        self._sampler = sampler
        self._log_file = log_file
        self._gate = gate
        self._policy_aware_sampler = policy_aware_sampler
        self._teacher = teacher
        self._settings = sampling_settings(config)
        self._gaps: list[float | None] = []
        self._rows: Sequence[Row] = ()
        self._rollouts: Sequence[Rollout] = ()
        self._advantages: Sequence[float] = ()
        self._divergences: list[Tensor] = []
        self.statistics: dict[str, float] = {}

    # What a step is trained on

    def collect(self, trainer: RolloutTrainer, count: int) -> list[dict[str, Any]]:
        """Sample until the step is full; the policy-free chats of this process's `count` rows, as TRL reads them.

        Raises StageEndedEarly when dynamic sampling does not fill the step, or when there is nothing to distil: on
        every process alike.
        """
        self._refuse_nothing_to_distil()
        step = trainer.state.global_step // trainer.num_iterations
        aware = policy_aware_per_group(
            self._config.policy_aware_share,
            group_size=self._plan.group_size,
            step=step,
            steps=self._config.steps,
            gaps=self._gaps_before(step),
        )
        draws = Draws(wanted=self._plan.prompts_per_step, dynamic=self._config.algorithm.dynamic_sampling)
        process = trainer.accelerator.process_index
        with self._sampler(trainer) as own_sampler:
            sampler = HalvesSampler(own_sampler, self._policy_aware_sampler or own_sampler)
            for draw in range(draws.most):
                rows = self._plan.rows(step=step, draw=draw, process=process, count=count, policy_aware=aware)
                draws.add(*self._sample(sampler, rows), group_size=self._plan.group_size)
                if draws.is_full:
                    break
            sampling_statistics = sampler.statistics
        advantages = [self._advantages_of(group) for group in draws.groups]
        # The line's step is that of the update the rollouts lead to.
        self._log(draws.groups, advantages, step=trainer.state.global_step + 1, writes=trainer.is_world_process_zero())
        if not draws.is_full:
            raise StageEndedEarly(draws.shortage(step + 1))
        kept = [number for number, group in enumerate(draws.groups) if group.dropped is None]
        self._gaps.append(reward_gap(_as_groups(draws.groups)))
        self.statistics = {
            **rollout_statistics(_as_groups(draws.groups)),
            **draws.statistics(),
            "policy_aware_share": aware / self._plan.group_size,
            "distillation_coefficient": sum(
                distillation_coefficient(advantages[number], [row.policy_aware for row in draws.groups[number].rows])
                for number in kept
            )
            / len(kept),
            **sampling_statistics,
        }
        self._divergences = []
        own = slice(process * count, (process + 1) * count)
        self._rows = [row for number in kept for row in draws.groups[number].rows][own]
        self._rollouts = [rollout for number in kept for rollout in draws.groups[number].rollouts][own]
        self._advantages = [advantage for number in kept for advantage in advantages[number]][own]
        return [with_image_places(chat_row(prompt)) for prompt in self._policy_free()]

    def columns(self, chats: list[list[dict[str, Any]]], trainer: RolloutTrainer) -> dict[str, list[Any]]:
        """TRL's `rollout_func`: the completions collected. Raises RunError when `chats` are not those of its rows."""
        policy_free = self._policy_free()
        if len(chats) != len(policy_free) or not all(map(same_chat, chats, policy_free)):
            raise RunError(
                f"step {trainer.state.global_step + 1}: the trainer's prompts are not those planned for it, so rewards "
                "would be misplaced: report this with the recipe"
            )
        ids = {prompt: self._renderer.prompt_ids(prompt) for prompt in dict.fromkeys(policy_free)}
        return {
            "prompt_ids": [ids[prompt] for prompt in policy_free],
            "completion_ids": [list(rollout.completion.token_ids) for rollout in self._rollouts],
            "logprobs": [_policy_free_logprobs(rollout) for rollout in self._rollouts],
            REWARD: [rollout.reward for rollout in self._rollouts],
        }

    def finish(self, trainer: RolloutTrainer, batch: Batch) -> Batch:
        """Put our advantages in the place of TRL's, and what the teacher needs beside them."""
        config, advantages = self._config.teacher, self._own_advantages()
        batch["advantages"] = torch.tensor(advantages, device=batch["advantages"].device)
        if self._teacher is None:
            return batch
        if isinstance(config, ReweightingTeacher):
            batch["advantages"] = self._token_advantages(config, trainer, batch)
        elif isinstance(config, ReverseKlTeacher):
            batch[TEACHER_PROMPTS] = [
                self._prompt(row, policy_aware=True)
                if not row.policy_aware and (advantage > 0 or not config.only_positive)
                else None
                for row, advantage in zip(self._rows, advantages, strict=True)
            ]
        return batch

    def auxiliary_loss(self, trainer: RolloutTrainer, model: Any, batch: Batch) -> Tensor | None:
        """The distillation that a step adds to the loss of some rows of its batch; None where there is none."""
        config = self._config.teacher
        if self._teacher is None or not isinstance(config, ReverseKlTeacher):
            return None
        step = trainer.state.global_step // trainer.num_iterations
        coefficient = annealed(config.coefficient, step=step, anneal_steps=config.anneal_steps)
        if coefficient == 0:
            return None
        taught = distillation_loss(trainer, model, batch, batch[TEACHER_PROMPTS], self._teacher, top_k=config.top_k)
        if taught is None:
            return None
        loss, divergences = taught
        self._divergences.append(divergences)
        self.statistics["teacher_kl"] = float(torch.cat(self._divergences).mean())
        return coefficient * loss

    def observe(self, trainer: RolloutTrainer, log_probs: Tensor) -> None:
        """What the batch's log-probabilities, (rows, longest completion), say of its policy-aware half."""
        free, aware = [], []
        overlong = self._config.algorithm.overlong
        for rollout, row in zip(self._rollouts, log_probs.tolist(), strict=True):
            sampled = rollout.completion.sampling_logprobs
            masked = overlong is not None and overlong.mask_truncated and rollout.completion.truncated
            if rollout.policy_aware and sampled is not None and not masked:
                free.append(row[: len(sampled)])
                aware.append(list(sampled))
        own = half_weights(free, aware)
        sums = torch.tensor([own.sequences, own.weights, own.squares, own.tokens, own.kept], dtype=torch.float64).to(
            trainer.accelerator.device
        )
        total = trainer.accelerator.reduce(sums, reduction="sum").tolist()
        names = ("sequences", "weights", "squares", "tokens", "kept")
        self.statistics |= HalfWeights(**dict(zip(names, total, strict=True))).statistics()

    # Sampling and scoring

    def _refuse_nothing_to_distil(self) -> None:
        gate = self._gate
        if self._distils_alone and self._teacher is None and gate is not None:
            raise StageEndedEarly(
                f"ended before step 1: with the policy in the prompt the model has {gate.accuracy_policy_aware:.1%} of "
                f"{gate.examples} training requests right and {gate.accuracy_policy_free:.1%} without, so there is "
                "nothing to distil. The input model is kept; gate_examples 0 distils all the same"
            )

    def _sample(self, sampler: HalvesSampler, rows: Sequence[Row]) -> tuple[list[Row], list[Rollout]]:
        """This process's rows, and what all processes have sampled."""
        completions = sampler.sample_rows(
            [self._prompt(row, policy_aware=row.policy_aware) for row in rows],
            [row.policy_aware for row in rows],
            [row.seed for row in rows],
            self._settings,
        )
        rollouts = [
            score_rollout(
                self._task,
                self._examples[row.example],
                completion,
                policy_aware=row.policy_aware,
                config=self._config,
            )
            for row, completion in zip(rows, completions, strict=True)
        ]
        everywhere: list[tuple[Row, Rollout]] = gather_object(list(zip(rows, rollouts, strict=True)))
        return [row for row, _ in everywhere], [rollout for _, rollout in everywhere]

    def _advantages_of(self, group: SampledGroup) -> list[float]:
        how = self._config.advantage
        return group_advantages(
            [rollout.reward for rollout in group.rollouts],
            [rollout.policy_aware for rollout in group.rollouts],
            baseline=how.baseline,
            scaled=how.scale == "std",
            positive_only=how.policy_aware == "positive",
            epsilon=how.epsilon,
        )

    @property
    def _distils_alone(self) -> bool:
        return isinstance(self._config.teacher, ReverseKlTeacher) and self._config.teacher.alone

    def _own_advantages(self) -> Sequence[float]:
        return [0.0] * len(self._advantages) if self._distils_alone else self._advantages

    def _token_advantages(self, config: ReweightingTeacher, trainer: RolloutTrainer, batch: Batch) -> Tensor:
        """(rows, longest completion); policy-aware rows keep one advantage for all tokens."""
        assert self._teacher is not None
        step = trainer.state.global_step // trainer.num_iterations
        mix = annealed(config.mix, step=step, anneal_steps=config.anneal_steps)
        taught = [number for number, row in enumerate(self._rows) if not row.policy_aware]
        completions = [self._rollouts[number].completion.token_ids for number in taught]
        scored = self._teacher.log_probs(
            [self._prompt(self._rows[number], policy_aware=True) for number in taught], completions
        )
        own = trainer.completion_logprobs(batch).tolist()
        advantages = batch["advantages"][:, None].repeat(1, batch["completion_ids"].shape[1])
        for number, theirs in zip(taught, scored, strict=True):
            weighted = token_advantages(self._advantages[number], own[number][: len(theirs)], theirs, config, mix=mix)
            advantages[number, : len(theirs)] = torch.tensor(weighted, device=advantages.device)
        return advantages

    def _policy_free(self) -> list[Prompt]:
        return [self._prompt(row, policy_aware=False) for row in self._rows]

    def _prompt(self, row: Row, *, policy_aware: bool) -> Prompt:
        example = self._examples[row.example]
        return self._renderer.prompt(example, self._task.policy_of(example) if policy_aware else None)

    # What is remembered

    def _gaps_before(self, step: int) -> list[float | None]:
        """The reward gaps of all steps before; those before an interruption are read back from the log."""
        while len(self._gaps) < step:
            update = len(self._gaps) * self._config.algorithm.num_iterations + 1
            lines = [line for line in read_lines(self._log_file) if line["step"] == update]
            halves = {
                aware: [line["reward"] for line in lines if line["policy_aware"] == aware] for aware in (False, True)
            }
            self._gaps.append(
                sum(halves[True]) / len(halves[True]) - sum(halves[False]) / len(halves[False])
                if halves[True] and halves[False]
                else None
            )
        return self._gaps[:step]

    def _log(
        self, groups: Sequence[SampledGroup], advantages: Sequence[Sequence[float]], *, step: int, writes: bool
    ) -> None:
        """Write down the rollouts of all processes, in the order of the step's rows, once."""
        if not writes:
            return
        append_lines(
            self._log_file,
            (
                rollout_record(
                    self._examples[row.example].id, rollout, step=step, advantage=advantage, dropped=group.dropped
                )
                for group, of_group in zip(groups, advantages, strict=True)
                for row, rollout, advantage in zip(group.rows, group.rollouts, of_group, strict=True)
            ),
        )


def _as_groups(groups: Sequence[SampledGroup]) -> list[RolloutGroup]:
    return [RolloutGroup(example_id=str(group.rows[0].example), rollouts=group.rollouts) for group in groups]


def _policy_free_logprobs(rollout: Rollout) -> list[float]:
    """NaN where the completion was sampled under another prompt than it is trained under: not to be compared."""
    completion = rollout.completion
    if rollout.policy_aware or completion.sampling_logprobs is None:
        return [float("nan")] * len(completion.token_ids)
    return list(completion.sampling_logprobs)


def logged_reward(**columns: Any) -> list[float]:
    """TRL's reward function: it hands back what scoring gave. Advantages are our own."""
    return list(columns[REWARD])
