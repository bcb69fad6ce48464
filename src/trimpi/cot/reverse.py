"""Reverse chains of thought: a model that sees the gold answer writes the reasoning to it (paper, CoT data)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trimpi.cot.sampled import ControlTokenIn, SampledCots, first_good
from trimpi.recipe import ReverseCotConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.sampling.sampler import Progress, Sampler
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example

RESPONSE_TAG = re.compile(r"<\s*/?\s*think\s*>|\\boxed\b", re.IGNORECASE)
"""Where a response's parts begin and end; within the reasoning it would be read as another end."""
USABLE, EMPTY, TRUNCATED, TAGS = "usable", "empty", "truncated", "tags"


def reverse_cots(
    task: Task,
    examples: Sequence[Example],
    sampler: Sampler,
    prompts: PromptWriter,
    config: ReverseCotConfig,
    *,
    seed: int,
    control_token_in: ControlTokenIn,
    progress: Progress | None = None,
) -> SampledCots:
    """Have `config.samples` rationales written per example, and keep the first usable one with the gold answer."""
    sampled = sampler.sample(
        [prompts.reverse_prompt(example, task.policy_of(example)) for example in examples],
        samples=config.samples,
        temperature=config.temperature,
        top_p=config.top_p,
        max_new_tokens=config.max_new_tokens,
        seed=seed,
        progress=progress,
    )
    return first_good(examples, sampled, judge_rationale, good=(USABLE,), control_token_in=control_token_in)


def judge_rationale(example: Example, completion: Completion) -> tuple[str, str, str]:
    """Its outcome (cut off, without a word, with tags of the response format, or usable), its text, the gold answer."""
    rationale = completion.text.strip()
    if completion.truncated:
        return TRUNCATED, rationale, example.answer
    if not any(map(str.isalnum, rationale)):
        return EMPTY, rationale, example.answer
    return TAGS if RESPONSE_TAG.search(rationale) else USABLE, rationale, example.answer
