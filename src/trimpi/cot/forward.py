"""Forward chains of thought: a model answers with the policy in its prompt, right answers stay (paper, Training)."""

from __future__ import annotations

from collections.abc import Sequence

from trimpi.cot.sampled import ControlTokenIn, SampledCots, first_good
from trimpi.recipe import ForwardCotConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.rewards.response import read_response
from trimpi.sampling.sampler import Progress, Sampler
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example


def forward_cots(
    task: Task,
    examples: Sequence[Example],
    sampler: Sampler,
    prompts: PromptWriter,
    config: ForwardCotConfig,
    *,
    seed: int,
    control_token_in: ControlTokenIn,
    progress: Progress | None = None,
) -> SampledCots:
    """Sample `config.samples` policy-aware completions per example and keep the first right, well-formed one.

    With `config.keep` "all" a wrong one is as good, and learned with the answer it gave: context distillation. A
    completion in another format than asked for counts as "malformed", whatever it answers.
    """
    good = ("correct",) if config.keep == "right" else ("correct", "wrong")
    sampled = sampler.sample(
        [prompts.prompt(example, task.policy_of(example)) for example in examples],
        samples=config.samples,
        temperature=config.temperature,
        top_p=config.top_p,
        max_new_tokens=config.max_new_tokens,
        seed=seed,
        progress=progress,
    )

    def judge(example: Example, completion: Completion) -> tuple[str, str, str]:
        response = read_response(completion.text)
        outcome: str = task.score(example, completion).outcome
        if outcome in good and not response.well_formed:
            outcome = "malformed"
        answer = example.answer if config.keep == "right" else response.answer or ""
        return outcome, response.reasoning or "", answer

    return first_good(examples, sampled, judge, good=good, control_token_in=control_token_in)
