"""What a recipe asks of models behind endpoints, counted before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimpi.cot.generate import endpoint_prompts
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.referral_by_model import spread
from trimpi.evaluation.referral_judge import referral_prompt
from trimpi.evaluation.suites import DERIVED
from trimpi.recipe import (
    BEST,
    CotTrainingConfig,
    CustomTaskConfig,
    EndpointConfig,
    Recipe,
    ReferralJudgeConfig,
    RlConfig,
    StageConfig,
)
from trimpi.recipe.rewards import JudgeReward
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, Prompt
from trimpi.run.directory import evaluated_models, stage_name
from trimpi.sampling.endpoint.cost import Calls, TokensOf, estimate_calls
from trimpi.tasks.base import Task
from trimpi.tasks.custom.judge import judge_chat
from trimpi.tasks.selection import first_per_policy
from trimpi.types import Example, Message

SCORED_SUITES = frozenset(("accuracy", "in_context", "few_shot", "retrieval"))
"""Those whose answers the task scores, one for every test request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointUse:
    """What one part of a recipe asks of a model, at most: nothing that was answered before is asked again."""

    part: str
    model: str
    calls: Calls


def endpoint_uses(recipe: Recipe, task: Task, tokens_of: TokensOf) -> list[EndpointUse]:
    """Chains of thought by an endpoint, the reward `judge`, the judge of `referral`: in the order of the run."""
    counting = _Counting(recipe=recipe, task=task, tokens_of=tokens_of)
    stages = {stage_name(number, stage.type): stage for number, stage in enumerate(recipe.stages, start=1)}
    uses = [use for name, stage in stages.items() for use in counting.of_stage(name, stage)]
    return [*uses, *counting.of_evaluation()]


@dataclass(frozen=True, kw_only=True)
class _Counting:
    recipe: Recipe
    task: Task
    tokens_of: TokensOf

    def of_stage(self, name: str, stage: StageConfig) -> Iterator[EndpointUse]:
        examples = first_per_policy(self.task.examples("train"), stage.examples_per_policy)
        if isinstance(stage, CotTrainingConfig):
            yield from self._of_cots(name, stage, examples)
        yield from self._of_reward(name, examples, answers=_scored(stage, len(examples)))

    def of_evaluation(self) -> Iterator[EndpointUse]:
        evaluation = self.recipe.evaluation
        requests = SuiteSource(task=self.task, seed=self.recipe.data_seed, examples=evaluation.examples).requests
        models = len(evaluated_models(self.recipe))
        suites = {"accuracy" if suite in DERIVED else suite for suite in evaluation.suites} & SCORED_SUITES
        yield from self._of_reward("evaluation", requests, answers=models * len(suites) * len(requests))
        if evaluation.referral_judge is not None and "referral" in evaluation.suites:
            yield self._of_referral(evaluation.referral_judge, requests, models=models)

    def _of_cots(self, name: str, stage: CotTrainingConfig, examples: Sequence[Example]) -> Iterator[EndpointUse]:
        sampling = stage.cot_sampling
        if sampling is None or not isinstance(sampling.generator, EndpointConfig):
            return
        writer = endpoint_prompts(self.recipe.instruction or DEFAULT_INSTRUCTION)
        write = writer.prompt if stage.cot == "forward" else writer.reverse_prompt
        calls = estimate_calls(
            [write(example, self.task.policy_of(example)) for example in examples],
            number=len(examples) * sampling.samples,
            longest=sampling.max_new_tokens,
            tokens_of=self.tokens_of,
        )
        yield EndpointUse(part=f"{name}: cot {stage.cot}", model=sampling.generator.model, calls=calls)

    def _of_reward(self, part: str, examples: Sequence[Example], *, answers: int) -> Iterator[EndpointUse]:
        """Every answer is judged but those that equal the gold one, which stands for all of them here."""
        reward = self.recipe.task.reward if isinstance(self.recipe.task, CustomTaskConfig) else None
        if not isinstance(reward, JudgeReward) or not answers:
            return
        chats = [judge_chat(self.task.policy_of(example), example, example.answer) for example in examples]
        calls = estimate_calls(
            [Prompt(messages=chat, policy_aware=True) for chat in chats],
            number=answers,
            longest=reward.max_new_tokens,
            tokens_of=self.tokens_of,
        )
        yield EndpointUse(part=f"{part}: reward judge", model=reward.endpoint.model, calls=calls)

    def _of_referral(self, judge: ReferralJudgeConfig, requests: Sequence[Example], *, models: int) -> EndpointUse:
        """Gold reasoning and answers stand for those that are judged."""
        chosen = spread(requests, judge.responses)
        asked = [
            referral_prompt(self.task.policy_of(one).sections, one.prompt, one.cot or "", one.answer) for one in chosen
        ]
        calls = estimate_calls(
            [Prompt(messages=(Message(role="user", parts=parts),), policy_aware=True) for parts in asked],
            number=models * len(chosen),
            longest=judge.max_new_tokens,
            tokens_of=self.tokens_of,
        )
        return EndpointUse(part="evaluation: referral judge", model=judge.model, calls=calls)


def _scored(stage: StageConfig, examples: int) -> int:
    """Completions that the task scores in a stage."""
    if isinstance(stage, RlConfig):
        dynamic = stage.algorithm.dynamic_sampling
        draws = 1 if dynamic is None else dynamic.max_draws
        ways = 3 if stage.policy_aware_model == BEST else 2
        return ways * min(stage.gate_examples, examples) + stage.steps * draws * stage.completions_per_step
    if isinstance(stage, CotTrainingConfig) and stage.cot == "forward":
        return examples * stage.forward_cot.samples
    return 0
