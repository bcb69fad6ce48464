"""One policy in the weights, another in the prompt: which is followed when asked for one, the other, or neither?

Torch-free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimpi.errors import DataError
from trimpi.evaluation.question import Question, SuiteSource, as_scored_by, blaming
from trimpi.evaluation.results import ExampleRecord
from trimpi.tasks.base import Task
from trimpi.types import Example

OTHER_POLICY = "other_policy"
"""The kind of error of an answer that the other policy gives."""
ASKED = ("internalized", "given", "unnamed")


def override_matrix_questions(source: SuiteSource) -> list[Question]:
    """Every test request three times, with a fresh policy of another name in the prompt (Task.unseen).

    Tag "asked": by the "internalized" policy's name, by that of the one "given", or "unnamed"; a request that names
    none is answered under the one given. Tag "answers": whether the two policies' answers "differ" or are the "same".
    Raises DataError for a task without fresh policies, or whose requests cannot do without a name.
    """
    fresh = source.task.unseen()
    given = [] if fresh is None else list(fresh.examples("test"))
    if fresh is None or not given or fresh.unnamed(given[0]) is None:
        raise DataError(
            "the suite 'override_matrix' needs a second policy of another name and requests that name none, which this "
            "task does not have: take it out of evaluation.suites"
        )
    return [
        question
        for request, other in zip(source.requests, given, strict=False)
        for question in _row(source.task, request, fresh, other)
    ]


def _row(task: Task, request: Example, fresh: Task, other: Example) -> list[Question]:
    unnamed = fresh.unnamed(other)
    assert unnamed is not None
    internalized_scorer, given_scorer = as_scored_by(task, request), as_scored_by(fresh, other)
    differ = request.answer != other.answer
    policy = fresh.policy_of(other)
    cells = (
        (request, internalized_scorer, given_scorer),
        (other, given_scorer, internalized_scorer),
        (unnamed, given_scorer, internalized_scorer),
    )
    return [
        Question(
            id=f"{request.id}/{asked}",
            example=example,
            score=blaming(OTHER_POLICY, wrong, right) if differ else right,
            policy=policy,
            tags={"asked": asked, "answers": "differ" if differ else "same"},
        )
        for asked, (example, right, wrong) in zip(ASKED, cells, strict=True)
    ]


def override_matrix_details(source: SuiteSource, records: Sequence[ExampleRecord]) -> Mapping[str, Any]:
    """`where_answers_differ`: for each way of asking n, correct, and how many gave the other policy's answer."""
    counts = {asked: Counter({"n": 0, "correct": 0, OTHER_POLICY: 0}) for asked in ASKED}
    for record in records:
        if record.tags["answers"] == "differ":
            counts[record.tags["asked"]].update(
                {"n": 1, "correct": int(record.outcome == "correct"), OTHER_POLICY: int(record.error == OTHER_POLICY)}
            )
    return {"where_answers_differ": {asked: dict(count) for asked, count in counts.items()}}
