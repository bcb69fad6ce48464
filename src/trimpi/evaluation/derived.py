"""Suites that ask nothing: they look again at what a model answered in the suite `accuracy`. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimpi.errors import DataError
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import ExampleRecord
from trimpi.rewards.response import write_response
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What a suite makes of another one's records: records of its own, and what it has to say beyond their counts."""

    records: Sequence[ExampleRecord]
    details: Mapping[str, Any]


def completion_of(record: ExampleRecord) -> Completion:
    """The completion as scorers and judges take it; it is known to be cut off where that left it without an answer."""
    return Completion(text=record.completion, token_ids=(), truncated=record.outcome == "truncated")


def judge_gold(task: Task, example: Example) -> Judgement | None:
    """The judgement of an example's gold chain of thought."""
    return task.judge(example, Completion(text=write_response(example.cot or "", example.answer), token_ids=()))


def refuse_unjudged(suite: str, source: SuiteSource, *, model_judge: bool = False) -> None:
    """Raises DataError for a task that cannot judge reasoning, or has nothing to test.

    A `model_judge` scores reasoning for the suite `referral`; it does not tell what is cited, as others need it.
    """
    requests = source.requests
    if not requests:
        raise DataError(f"the suite {suite!r} has no examples: the test split is empty, or evaluation.examples is 0")
    if judge_gold(source.task, requests[0]) is None and not (model_judge and suite == "referral"):
        remedy = " or give evaluation.referral_judge" if suite == "referral" else ""
        raise DataError(
            f"the suite {suite!r} holds reasoning against the policy, which this task cannot: "
            f"take it out of evaluation.suites{remedy}"
        )
