"""One policy internalized, another in the prompt: three ways to ask, on squares whose answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.fake_evaluation import RecordingSampler, SquareTask, WordRenderer, said
from trimpi.errors import DataError
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.override_matrix import override_matrix_questions
from trimpi.evaluation.question import SuiteSource


@pytest.fixture
def task(tmp_path: Path) -> SquareTask:
    """Under the fresh policies C and D only the first answer is as under A and B."""
    fresh = SquareTask(tmp_path, names=("C", "D"), answers=["Case 1", "Case 5", "Case 5", "Case 5"])
    return SquareTask(tmp_path, fresh=fresh)


def test_every_request_is_asked_by_both_names_and_without_one(task: SquareTask) -> None:
    questions = override_matrix_questions(SuiteSource(task=task, seed=0))
    assert len(questions) == 12
    row = questions[3:6]
    assert [question.id for question in row] == ["test-1/internalized", "test-1/given", "test-1/unnamed"]
    assert [question.example.policy_name for question in row] == ["B", "D", "D"]
    assert [question.example.prompt for question in row] == [*["What does the policy say?"] * 2, "What is it?"]
    assert [question.example.answer for question in row] == ["Case 1", "Case 5", "Case 5"]
    assert {question.policy.name for question in row if question.policy} == {"D"}
    assert [question.tags["answers"] for question in questions] == ["same"] * 3 + ["differ"] * 9


def test_the_other_policys_answer_is_counted_where_they_differ(task: SquareTask, tmp_path: Path) -> None:
    replies = [
        *(said("Case 1"), said("Case 1"), said("Case 9")),  # the policies agree
        *(said("Case 1"), said("Case 5"), said("Case 5")),  # all right
        *(said("Case 5"), said("Case 1"), said("Case 9")),  # the other, the other, neither
    ]
    result = evaluate_suite(
        task,
        RecordingSampler(replies),
        WordRenderer(),
        suite="override_matrix",
        model="nano",
        out_dir=tmp_path / "eval",
        max_new_tokens=16,
        examples=3,
    )
    assert result.details == {
        "where_answers_differ": {
            "internalized": {"n": 2, "correct": 1, "other_policy": 1},
            "given": {"n": 2, "correct": 1, "other_policy": 1},
            "unnamed": {"n": 2, "correct": 1, "other_policy": 0},
        }
    }
    assert result.per_tag["asked"]["given"] == {"n": 3, "correct": 2}


def test_a_task_without_fresh_policies_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"'override_matrix' needs a second policy .* take it out of evaluation\.suites"
    ):
        override_matrix_questions(SuiteSource(task=SquareTask(tmp_path), seed=0))
