"""Policy Referral: how faithfully reasoning cites the policy, from 0 to 10, over the records of `accuracy` (paper).

Torch-free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from trimpi.evaluation.derived import Derivation, completion_of
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import mean_interval
from trimpi.tasks.judging import TOP_SCORE
from trimpi.types import Completion, Example, Judgement, Outcome

Judge = Callable[[Example, Completion], Judgement | None]
"""Judges the reasoning of a completion; None where it cannot."""


def referral(source: SuiteSource, records: Sequence[ExampleRecord], *, judge: Judge | None = None) -> Derivation:
    """Every record judged, by the task's exact judge unless another is given; `value` is the score / 10.

    "correct" means that no step is wrong; "no_answer" that there is no reasoning, "truncated" that a chain without an
    error was cut off. `error` is the kind of the first wrong step. Records that the judge cannot judge are left out and
    counted as unjudged.
    """
    judge = judge or source.task.judge
    examples = {example.id: example for example in source.requests}
    judged = [(record, judge(examples[record.id], completion_of(record))) for record in records]
    found = [(record, judgement) for record, judgement in judged if judgement is not None]
    return Derivation(
        records=[_record(record, judgement) for record, judgement in found],
        details=_details([judgement for _, judgement in found], unjudged=len(judged) - len(found)),
    )


def _record(record: ExampleRecord, judgement: Judgement) -> ExampleRecord:
    first = judgement.first_wrong
    steps = [{**asdict(step), "first_wrong": number == first} for number, step in enumerate(judgement.steps)]
    return replace(
        record,
        extracted=None,
        value=judgement.score / TOP_SCORE,
        outcome=_outcome(record, judgement),
        reason="no step is wrong" if first is None else f"step {first + 1}: {judgement.steps[first].why}",
        parts={},
        error=judgement.error,
        steps=steps,
    )


def _outcome(record: ExampleRecord, judgement: Judgement) -> Outcome:
    first = judgement.first_wrong
    if first is None:
        return "correct"
    if judgement.steps[first].text:
        return "wrong"
    # A step without text stands for what is missing.
    if record.outcome == "truncated":
        return "truncated"
    return "wrong" if first else "no_answer"


def _details(judgements: Sequence[Judgement], *, unjudged: int) -> Mapping[str, Any]:
    """`score` from 0 to 10 with the 95 % interval of its mean; None where nothing was judged."""
    values = [judgement.score / TOP_SCORE for judgement in judgements]
    steps = [step for judgement in judgements for step in judgement.steps]
    return {
        "n": len(judgements),
        "unjudged": unjudged,
        "score": TOP_SCORE * fmean(values) if values else None,
        "score_interval": [TOP_SCORE * bound for bound in mean_interval(values)] if values else None,
        "first_errors": _counted(judgement.error for judgement in judgements if judgement.error is not None),
        "step_errors": _counted(step.error for step in steps if step.error is not None),
        "steps": _counted(step.verdict for step in steps),
    }


def _counted(kinds: Any) -> dict[str, int]:
    return dict(sorted(Counter(kinds).items()))
