"""Solved requests instead of the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.fake_evaluation import SquareTask
from trimpi.errors import DataError
from trimpi.evaluation.few_shot import few_shot_questions
from trimpi.evaluation.question import SuiteSource


def test_shots_are_training_requests_of_the_same_policy_with_gold_responses(tmp_path: Path) -> None:
    questions = few_shot_questions(SuiteSource(task=SquareTask(tmp_path), seed=0))
    assert {question.policy for question in questions} == {None}
    for question in questions:
        assert {shot.policy_name for shot, _ in question.shots} == {question.example.policy_name}
        assert sorted(shot.id for shot, _ in question.shots) in (["train-0", "train-2"], ["train-1", "train-3"])
        assert all(response == f"<think>gold</think>\\boxed{{{shot.answer}}}" for shot, response in question.shots)


def test_all_requests_of_a_policy_have_the_same_shots_fixed_by_the_seed(tmp_path: Path) -> None:
    orders = set()
    for seed in (*range(6), *range(6)):
        questions = few_shot_questions(SuiteSource(task=SquareTask(tmp_path), seed=seed))
        assert questions[0].shots == questions[2].shots and questions[1].shots == questions[3].shots
        orders.add((seed, *(shot.id for shot, _ in questions[0].shots)))
    assert len(orders) == 6, "the same for the same seed"
    assert len({order[1:] for order in orders}) == 2, "other seeds give another order"


def test_a_policy_without_training_requests_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'few_shot' needs solved training requests under A"):
        few_shot_questions(SuiteSource(task=SquareTask(tmp_path, trained=False), seed=0))
