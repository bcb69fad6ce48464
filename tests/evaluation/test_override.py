"""Policy Override, on squares whose answers are known: what is asked, what counts as followed, what as kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.fake_evaluation import NO_ANSWER, RecordingSampler, SquareTask, WordRenderer, said
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.override import override_questions
from trimpi.evaluation.question import SuiteSource


@pytest.fixture
def task(tmp_path: Path) -> SquareTask:
    """One edit changes the third answer, another all of them."""
    third = SquareTask(tmp_path, answers=["Case 1", "Case 1", "Case 5", "Case 2"], rule="Mostly say Case 1.")
    everything = SquareTask(tmp_path, answers=["Case 6", "Case 7", "Case 8", "Case 9"], rule="Never say Case 1.")
    return SquareTask(tmp_path, edited={"one": third, "everything": everything})


def test_every_edit_asks_every_request_and_tags_what_it_affects(task: SquareTask) -> None:
    questions = override_questions(SuiteSource(task=task, seed=0))
    assert [question.id for question in questions] == [
        *(f"test-{number}/one" for number in range(4)),
        *(f"test-{number}/everything" for number in range(4)),
    ]
    assert [question.tags["affected"] for question in questions] == ["no", "no", "yes", "no", *["yes"] * 4]
    assert [question.example.answer for question in questions[2:5]] == ["Case 5", "Case 2", "Case 6"]
    assert len(override_questions(SuiteSource(task=task, seed=0, examples=1))) == 2


def test_the_update_stands_in_the_prompt_behind_a_line_that_says_so(task: SquareTask) -> None:
    question = override_questions(SuiteSource(task=task, seed=0))[1]
    assert question.policy is not None
    assert question.policy.text == "Policy B has been updated. Follow the update.\n# B\nMostly say Case 1."


def test_an_update_that_stands_in_the_requests_needs_no_policy(tmp_path: Path) -> None:
    task = SquareTask(tmp_path, edited={"one rule": SquareTask(tmp_path, answers=["Case 3"] * 4)})
    assert {question.policy for question in override_questions(SuiteSource(task=task, seed=0))} == {None}


def test_followed_kept_and_lost_are_counted_by_edit(task: SquareTask, tmp_path: Path) -> None:
    replies = [
        *(said("Case 1"), said("Case 9"), said("Case 1"), NO_ANSWER),  # one: right, wrong, the old answer, nothing
        *(said("Case 6"), said("Case 1"), said("Case 8"), said("Case 5")),  # everything: right, old, right, wrong
    ]
    result = evaluate_suite(
        task,
        RecordingSampler(replies),
        WordRenderer(),
        suite="override",
        model="nano",
        out_dir=tmp_path / "eval",
        max_new_tokens=16,
    )
    assert result.details == {
        "by_edit": {
            "one": {
                "affected": {"n": 1, "correct": 0, "old_answer": 1},
                "unaffected": {"n": 3, "correct": 1, "old_answer": 0},
            },
            "everything": {
                "affected": {"n": 4, "correct": 2, "old_answer": 1},
                "unaffected": {"n": 0, "correct": 0, "old_answer": 0},
            },
        }
    }
    assert "false" not in json.dumps(result.details)
    assert result.errors == {"old_answer": 2}
    assert result.per_tag["edit"] == {"one": {"n": 4, "correct": 1}, "everything": {"n": 4, "correct": 2}}
