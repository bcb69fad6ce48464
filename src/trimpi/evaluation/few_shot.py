"""A baseline without training: solved requests in the prompt instead of the policy. Torch-free."""

from __future__ import annotations

import random
from collections.abc import Sequence

from trimpi.errors import DataError
from trimpi.evaluation.question import Question, SuiteSource, as_scored_by
from trimpi.rewards.response import write_response
from trimpi.types import Example

SHOTS = 3
"""Solved requests in front of each request, or all training requests of its policy if there are fewer."""


def few_shot_questions(source: SuiteSource) -> list[Question]:
    """Every test request, policy-free, behind SHOTS training requests of its policy with gold reasoning and answer.

    A policy's requests have the same shots, fixed by the seed. Raises DataError for a policy without training requests.
    """
    shots: dict[str, Sequence[tuple[Example, str]]] = {}
    for request in source.requests:
        if request.policy_name not in shots:
            shots[request.policy_name] = _shots(source, request.policy_name)
    return [
        Question(
            id=request.id,
            example=request,
            score=as_scored_by(source.task, request),
            shots=shots[request.policy_name],
        )
        for request in source.requests
    ]


def _shots(source: SuiteSource, policy_name: str) -> list[tuple[Example, str]]:
    solved = [example for example in source.task.examples("train") if example.policy_name == policy_name]
    if not solved:
        raise DataError(
            f"the suite 'few_shot' needs solved training requests under {policy_name}, and there are none: "
            "take it out of evaluation.suites"
        )
    rng = random.Random(f"{source.seed}-shots-{policy_name}")
    chosen = rng.sample(solved, min(SHOTS, len(solved)))
    return [(example, write_response(example.cot, example.answer)) for example in chosen]
