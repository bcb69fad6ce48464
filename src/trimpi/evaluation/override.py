"""Policy Override: does a model that has a policy in its weights follow an update in its prompt? (paper) Torch-free.

The prompt holds the updated policy behind a line that says it is an update; the old one is in the weights alone. Where
a task's update stands in its requests (GTAPolicy), the prompt holds no policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimpi.evaluation.question import Question, SuiteSource, as_scored_by, blaming
from trimpi.evaluation.results import ExampleRecord
from trimpi.rendering.prompts import as_update
from trimpi.tasks.base import Task
from trimpi.types import Example

OLD_ANSWER = "old_answer"
"""The kind of error of an answer that was right before the update."""


def override_questions(source: SuiteSource) -> list[Question]:
    """Every test request under every one of the task's edits, the smallest first.

    Tags: "edit" is what was edited, "affected" whether the right answer is another one than before: "yes" shows whether
    the update is followed, "no" whether the rest stays.
    """
    questions = []
    for edit, task in source.task.edits().items():
        updated = {example.id: example for example in task.examples("test")}
        questions += [_question(edit, source.task, request, task, updated[request.id]) for request in source.requests]
    return questions


def _question(edit: str, task: Task, request: Example, updated_task: Task, updated: Example) -> Question:
    policy = updated_task.policy_of(updated)
    in_requests = policy.content_hash == task.policy_of(request).content_hash
    affected = updated.answer != request.answer
    right = as_scored_by(updated_task, updated)
    return Question(
        id=f"{request.id}/{edit}",
        example=updated,
        score=blaming(OLD_ANSWER, as_scored_by(task, request), right) if affected else right,
        policy=None if in_requests else as_update(policy),
        tags={"edit": edit, "affected": "yes" if affected else "no"},
    )


def override_details(source: SuiteSource, records: Sequence[ExampleRecord]) -> Mapping[str, Any]:
    """`by_edit`: for each edit, affected and other requests apart: n, correct, and how many kept the old answer."""
    counts: dict[str, dict[str, Counter[str]]] = {}
    for record in records:
        by_effect = counts.setdefault(record.tags["edit"], {kind: Counter() for kind in ("affected", "unaffected")})
        kind = "affected" if record.tags["affected"] == "yes" else "unaffected"
        right, old = int(record.outcome == "correct"), int(record.error == OLD_ANSWER)
        by_effect[kind].update({"n": 1, "correct": right, OLD_ANSWER: old})
    return {
        "by_edit": {
            edit: {kind: {key: count[key] for key in ("n", "correct", OLD_ANSWER)} for kind, count in kinds.items()}
            for edit, kinds in counts.items()
        }
    }
