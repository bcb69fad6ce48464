"""Test requests without the policy and with it: the paper's end task accuracy and Policy In-Context. Torch-free."""

from __future__ import annotations

from trimpi.evaluation.question import Question, SuiteSource, as_scored_by


def accuracy_questions(source: SuiteSource) -> list[Question]:
    """Every test request without the policy (paper, end task accuracy)."""
    return [
        Question(id=request.id, example=request, score=as_scored_by(source.task, request))
        for request in source.requests
    ]


def in_context_questions(source: SuiteSource) -> list[Question]:
    """Every test request with the policy back in the prompt (paper, Policy In-Context)."""
    return [
        Question(
            id=request.id,
            example=request,
            score=as_scored_by(source.task, request),
            policy=source.task.policy_of(request),
        )
        for request in source.requests
    ]
