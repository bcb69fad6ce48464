"""Recitation: what does a section of the policy say, asked of a model that is not shown it? Torch-free."""

from __future__ import annotations

from trimpi.errors import DataError
from trimpi.evaluation.question import Question, Scorer, SuiteSource
from trimpi.rendering.prompts import QUESTION_INSTRUCTION
from trimpi.tasks.base import Task
from trimpi.types import Example


def recitation_questions(source: SuiteSource) -> list[Question]:
    """Every section of every policy, policy-free, under an instruction that asks for plain text.

    `examples` caps test requests, not sections: all are asked. Raises DataError for a task without recitations.
    """
    recitations = source.task.recitations()
    if not recitations:
        raise DataError(
            "the suite 'recitation' asks what sections of the policy say, and this task has no such requests: "
            "take it out of evaluation.suites"
        )
    return [
        Question(id=asked.id, example=asked, score=_scorer(source.task, asked), instruction=QUESTION_INSTRUCTION)
        for asked in recitations
    ]


def _scorer(task: Task, asked: Example) -> Scorer:
    return lambda completion: task.score_recitation(asked, completion)
