"""What a suite asks: requests with what stands in their prompt and how their completions are scored. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from trimpi.policies import Policy
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Score

Scorer = Callable[[Completion], Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One prompt of a suite. Ids are unique within a suite.

    `policy` stands in the prompt, `shots` are solved requests in front of it: (request, response) each. `instruction`
    replaces the recipe's. Results are counted apart by every one of the `tags`, such as {"edit": "one condition"}.
    """

    id: str
    example: Example
    score: Scorer
    policy: Policy | None = None
    shots: Sequence[tuple[Example, str]] = ()
    instruction: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSource:
    """What suites make their questions of: a task, and at most so many of its test requests (None: all).

    A suite about skills asks `skill_examples` questions of each, about scenes that it keeps in `cache_dir`.
    """

    task: Task
    seed: int
    examples: int | None = None
    skill_examples: int = 32
    cache_dir: Path | None = None

    @property
    def requests(self) -> list[Example]:
        return list(islice(self.task.examples("test"), self.examples))


def as_scored_by(task: Task, example: Example) -> Scorer:
    """The task's own score of completions of one request."""
    return lambda completion: task.score(example, completion)


def blaming(error: str, mistaken: Scorer, scorer: Scorer) -> Scorer:
    """The scorer; an answer that it does not take for right, but `mistaken` does, gets that kind of error."""

    def score(completion: Completion) -> Score:
        own = scorer(completion)
        blamed = own.outcome != "correct" and mistaken(completion).outcome == "correct"
        return replace(own, error=error) if blamed else own

    return score
