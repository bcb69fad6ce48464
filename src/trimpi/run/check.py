"""What a recipe would do, found out without loading any weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Protocol

from trimpi.evaluation.results import majority_rate
from trimpi.policies import Policy
from trimpi.policies.passages import split_policy, text_of
from trimpi.recipe import (
    BreakEvenConfig,
    CotSftConfig,
    DirectSftConfig,
    Recipe,
    RlConfig,
    SoftPromptConfig,
    StageConfig,
    VmCptConfig,
)
from trimpi.rendering.prompts import Prompt
from trimpi.rewards.response import write_response
from trimpi.run.control_tokens import refuse_control_tokens
from trimpi.run.data import SPLITS
from trimpi.run.directory import stage_name
from trimpi.run.endpoint_calls import EndpointUse, endpoint_uses
from trimpi.run.inputs import validate_inputs
from trimpi.tasks.base import Task
from trimpi.tasks.findings import Finding
from trimpi.tasks.selection import first_per_policy
from trimpi.types import Example, Part

SupervisedStage = VmCptConfig | DirectSftConfig | CotSftConfig | SoftPromptConfig

SAMPLED_EXAMPLES = 32
"""Mean lengths are estimated from the first so many examples of a split."""


class TokenCounter(Protocol):
    """Counts tokens as the model will see them, image tokens included."""

    def prompt(self, example: Example, policy: Policy | None) -> int:
        """Tokens of a prompt, policy-aware when a policy is given."""
        ...

    def chat(self, prompt: Prompt) -> int:
        """Tokens of any prompt."""
        ...

    def response(self, text: str) -> int:
        """Tokens of a response with its end of turn."""
        ...

    def control_token_in(self, text: str) -> str | None:
        """The first of the model's control tokens that the text holds, so that it cannot stand in a prompt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySummary:
    """`tokens` is what the policy adds to a prompt, `image_tokens` those of them that are its images, about.

    `share` is that of the policy in a policy-aware prompt; `yearly_cost` is what a year of requests pays for it, at the
    recipe's prices.
    """

    name: str
    sections: int
    images: int
    tokens: int
    image_tokens: int
    share: float
    yearly_cost: float
    passages: Sequence[SectionSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionSummary:
    """A passage of a policy, from its heading to the next; tokens are exact to one or two."""

    title: str
    tokens: int
    image_tokens: int
    yearly_cost: float


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

    `left_out`: what of the source is in neither split, and why. `endpoints`: what is asked of models behind endpoints.
    `findings`: what is doubtful, place by place.
    """

    policies: Sequence[PolicySummary]
    splits: Sequence[SplitSummary]
    stages: Sequence[StageSummary]
    coverage: Mapping[str, Sequence[int]]
    left_out: Sequence[str]
    endpoints: Sequence[EndpointUse]
    findings: Sequence[Finding]


def check_recipe(recipe: Recipe, task: Task, tokens: TokenCounter, *, processes: int = 1) -> CheckResult:
    """Validate the task and sum up what the recipe would do.

    Raises DataError for the first wrong gold answer, and for a text that holds one of the model's control tokens.
    """
    validate_inputs(recipe, task)
    refuse_control_tokens(task, tokens.control_token_in)
    splits = [_summarise_split(name, task, tokens) for name in SPLITS]
    return CheckResult(
        policies=[
            _summarise_policy(policy, task, tokens, recipe.evaluation.break_even) for policy in task.policies.values()
        ],
        splits=splits,
        stages=[
            _summarise_stage(stage_name(number, stage.type), stage, task, tokens, splits[0], processes)
            for number, stage in enumerate(recipe.stages, start=1)
        ],
        coverage=_coverage(task),
        left_out=task.left_out,
        endpoints=endpoint_uses(recipe, task, tokens.chat),
        findings=task.findings(),
    )


def _coverage(task: Task) -> Mapping[str, Sequence[int]]:
    counts = [task.coverage(split) for split in SPLITS]
    return {rule: [of_split[rule] for of_split in counts] for rule in counts[0]}


def _summarise_policy(policy: Policy, task: Task, tokens: TokenCounter, prices: BreakEvenConfig) -> PolicySummary:
    examples = (example for split in SPLITS for example in task.examples(split))
    example = next((example for example in examples if example.policy_name == policy.name), task.examples("train")[0])
    free, aware = tokens.prompt(example, None), tokens.prompt(example, policy)
    passages = _summarise_passages(policy, example, tokens, aware - free, prices)
    return PolicySummary(
        name=policy.name,
        sections=len(policy.sections),
        images=len(policy.images),
        tokens=aware - free,
        image_tokens=sum(passage.image_tokens for passage in passages),
        share=(aware - free) / aware,
        yearly_cost=_yearly_cost(aware - free, prices),
        passages=passages,
    )


def _summarise_passages(
    policy: Policy, example: Example, tokens: TokenCounter, whole: int, prices: BreakEvenConfig
) -> list[SectionSummary]:
    """Each passage counted as a policy of its own, less what a policy is set apart with."""
    opening, others = split_policy(policy)
    passages = [passage for passage in (opening, *others) if any(not _is_blank(part) for part in passage)]
    free = tokens.prompt(example, None)

    def count(parts: Sequence[Part]) -> int:
        shown = [part for part in parts if not _is_blank(part)]
        return tokens.prompt(example, Policy(name=policy.name, sections=tuple(parts))) - free if shown else 0

    counts = [count(passage) for passage in passages]
    apart = round((sum(counts) - whole) / (len(counts) - 1)) if len(counts) > 1 else 0
    words = [count([part for part in passage if isinstance(part, str)]) for passage in passages]
    return [
        SectionSummary(
            title=text_of(passage).strip().partition("\n")[0].lstrip("# ") or "(no heading)",
            tokens=number - apart,
            image_tokens=number - text if text else number - apart,
            yearly_cost=_yearly_cost(number - apart, prices),
        )
        for passage, number, text in zip(passages, counts, words, strict=True)
    ]


def _is_blank(part: Part) -> bool:
    return isinstance(part, str) and not part.strip()


def _yearly_cost(tokens: int, prices: BreakEvenConfig) -> float:
    """Of so many prompt tokens in every request of a year, some of them from the provider's cache."""
    price = prices.cache_hit_rate * prices.cached_input_price + (1 - prices.cache_hit_rate) * prices.input_price
    return tokens * price / 1e6 * prices.requests_per_month * 12


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
        others = 0.0 if stage.general is None else stage.general.share
        passes = max(1, round(len(examples) / (1 - others) * stage.epochs))
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
