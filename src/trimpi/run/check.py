"""What a recipe would do, found out without loading any weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Protocol

from trimpi.evaluation.results import majority_rate
from trimpi.policies import Policy
from trimpi.recipe import CotSftConfig, DirectSftConfig, Recipe, RlConfig, SoftPromptConfig, StageConfig, VmCptConfig
from trimpi.rewards.response import write_response
from trimpi.run.data import SPLITS
from trimpi.run.directory import stage_name
from trimpi.run.inputs import validate_inputs
from trimpi.tasks.base import Task
from trimpi.tasks.selection import first_per_policy
from trimpi.types import Example

SupervisedStage = VmCptConfig | DirectSftConfig | CotSftConfig | SoftPromptConfig

SAMPLED_EXAMPLES = 32
"""Mean lengths are estimated from the first so many examples of a split."""


class TokenCounter(Protocol):
    """Counts tokens as the model will see them, image tokens included."""

    def prompt(self, example: Example, policy: Policy | None) -> int:
        """Tokens of a prompt, policy-aware when a policy is given."""
        ...

    def response(self, text: str) -> int:
        """Tokens of a response with its end of turn."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySummary:
    """`tokens` is what the policy adds to a prompt."""

    name: str
    sections: int
    images: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """`majority` is what always giving a policy's commonest gold answer would score; token counts are means."""

    name: str
    examples: int
    majority: float
    policy_free_tokens: float
    policy_aware_tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """Optimizer steps of one stage, and the tokens the model is trained on; for RL at most so many."""

    name: str
    examples: int
    steps: int
    tokens: float
    tokens_are_a_bound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """`coverage`: for each section or rule, how many examples of each split it decides, where the task can say.

    `left_out`: what of the source is in neither split, and why.
    """

    policies: Sequence[PolicySummary]
    splits: Sequence[SplitSummary]
    stages: Sequence[StageSummary]
    coverage: Mapping[str, Sequence[int]]
    left_out: Sequence[str]


def check_recipe(recipe: Recipe, task: Task, tokens: TokenCounter, *, processes: int = 1) -> CheckResult:
    """Validate the task and sum up what the recipe would do. Raises DataError for the first wrong gold answer."""
    validate_inputs(recipe, task)
    splits = [_summarise_split(name, task, tokens) for name in SPLITS]
    return CheckResult(
        policies=[_summarise_policy(policy, task, tokens) for policy in task.policies.values()],
        splits=splits,
        stages=[
            _summarise_stage(stage_name(number, stage.type), stage, task, tokens, splits[0], processes)
            for number, stage in enumerate(recipe.stages, start=1)
        ],
        coverage=_coverage(task),
        left_out=task.left_out,
    )


def _coverage(task: Task) -> Mapping[str, Sequence[int]]:
    counts = [task.coverage(split) for split in SPLITS]
    return {rule: [of_split[rule] for of_split in counts] for rule in counts[0]}


def _summarise_policy(policy: Policy, task: Task, tokens: TokenCounter) -> PolicySummary:
    examples = (example for split in SPLITS for example in task.examples(split))
    example = next((example for example in examples if example.policy_name == policy.name), task.examples("train")[0])
    return PolicySummary(
        name=policy.name,
        sections=len(policy.sections),
        images=len(policy.images),
        tokens=tokens.prompt(example, policy) - tokens.prompt(example, None),
    )


def _summarise_split(name: str, task: Task, tokens: TokenCounter) -> SplitSummary:
    examples = task.examples("train" if name == "train" else "test")
    sample = examples[:SAMPLED_EXAMPLES]
    return SplitSummary(
        name=name,
        examples=len(examples),
        majority=majority_rate((example.policy_name, example.answer) for example in examples),
        policy_free_tokens=fmean(tokens.prompt(example, None) for example in sample),
        policy_aware_tokens=fmean(tokens.prompt(example, task.policy_of(example)) for example in sample),
    )


def _summarise_stage(
    name: str, stage: StageConfig, task: Task, tokens: TokenCounter, train: SplitSummary, processes: int
) -> StageSummary:
    examples = first_per_policy(task.examples("train"), stage.examples_per_policy)
    if isinstance(stage, RlConfig):
        # The loss is taken under the policy-free prompt for both halves.
        per_completion = train.policy_free_tokens + stage.max_new_tokens
        steps, total = stage.steps, stage.steps * stage.completions_per_step * per_completion
    else:
        passes = max(1, round(len(examples) * stage.epochs))
        steps = ceil(passes / (stage.batch_size * stage.gradient_accumulation * processes))
        prompt = _prompt_tokens(stage, train)
        total = passes * (prompt + _response_tokens(stage, examples[:SAMPLED_EXAMPLES], tokens))
    return StageSummary(
        name=name, examples=len(examples), steps=steps, tokens=total, tokens_are_a_bound=isinstance(stage, RlConfig)
    )


def _prompt_tokens(stage: SupervisedStage, train: SplitSummary) -> float:
    if isinstance(stage, SoftPromptConfig):
        return stage.tokens + train.policy_free_tokens
    aware = isinstance(stage, VmCptConfig) or stage.prompt == "policy_aware"
    return train.policy_aware_tokens if aware else train.policy_free_tokens


def _response_tokens(stage: SupervisedStage, examples: Sequence[Example], tokens: TokenCounter) -> float:
    reasons = not isinstance(stage, DirectSftConfig)
    return fmean(
        tokens.response(write_response((example.cot or "") if reasons else None, example.answer))
        for example in examples
    )
