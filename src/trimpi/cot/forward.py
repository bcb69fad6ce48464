"""Forward chains of thought: a model answers with the policy in its prompt, right answers stay (paper, Training)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trimpi.cot.store import CotRecord
from trimpi.recipe import ForwardCotConfig
from trimpi.rewards.response import read_response
from trimpi.sampling.sampler import Progress, Sampler
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardCots:
    """One chain of thought for every example that was answered right; what became of all completions, by outcome.

    A completion in another format than asked for counts as "malformed", whatever it answers.
    """

    records: tuple[CotRecord, ...]
    examples: int
    outcomes: Mapping[str, int]

    @property
    def dropped(self) -> int:
        """Examples without a right answer."""
        return self.examples - len(self.records)


def forward_cots(
    task: Task,
    examples: Sequence[Example],
    sampler: Sampler,
    renderer: Renderer,
    config: ForwardCotConfig,
    *,
    seed: int,
    progress: Progress | None = None,
) -> ForwardCots:
    """Sample `config.samples` policy-aware completions per example and keep the first right, well-formed one."""
    sampled = sampler.sample(
        [renderer.prompt(example, task.policy_of(example)) for example in examples],
        samples=config.samples,
        temperature=config.temperature,
        top_p=config.top_p,
        max_new_tokens=config.max_new_tokens,
        seed=seed,
        progress=progress,
    )
    outcomes: Counter[str] = Counter()
    records = []
    for example, completions in zip(examples, sampled, strict=True):
        judged = [_judge(task, example, completion) for completion in completions]
        outcomes.update(outcome for outcome, _ in judged)
        reasonings = [reasoning for outcome, reasoning in judged if outcome == "correct"]
        records += [CotRecord(id=example.id, cot=reasoning, answer=example.answer) for reasoning in reasonings[:1]]
    return ForwardCots(records=tuple(records), examples=len(examples), outcomes=dict(outcomes))


def _judge(task: Task, example: Example, completion: Completion) -> tuple[str, str]:
    """The completion's outcome and its reasoning."""
    response = read_response(completion.text)
    outcome = task.score(example, completion).outcome
    if outcome == "correct" and not response.well_formed:
        return "malformed", ""
    return outcome, response.reasoning or ""
