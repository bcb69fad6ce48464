"""Exact match of the boxed answer, and the difference between wrong, no answer and truncated."""

from __future__ import annotations

import pytest

from trimpi.rewards.exact_match import score_exact_match
from trimpi.types import Completion, Score


def score(text: str, *, gold: str = "Case 7", truncated: bool = False) -> Score:
    return score_exact_match(Completion(text=text, token_ids=(), truncated=truncated), gold)


@pytest.mark.parametrize("answer", ["Case 7", " Case  7\n", "case 7", "CASE\t7"])
def test_gold_answer_is_right_up_to_white_space_and_case(answer: str) -> None:
    result = score(f"<think>why</think>\\boxed{{{answer}}}")
    assert (result.value, result.outcome, result.extracted) == (1.0, "correct", answer.strip())


@pytest.mark.parametrize("answer", ["Case 8", "Case 77", "7", "Case7", "Case 7.", "Case 7, Case 8", "Case ７"])
def test_any_other_answer_is_wrong_and_the_reason_names_the_gold(answer: str) -> None:
    result = score(f"<think>why</think>\\boxed{{{answer}}}")
    assert (result.value, result.outcome, result.extracted) == (0.0, "wrong", answer)
    assert "'Case 7'" in result.reason


@pytest.mark.parametrize(
    "text", ["", "Case 7", "<think>Case 7</think>", "\\boxed{Case 7", "<think>why</think>\\boxed{}", "\\boxed{ \n}"]
)
def test_nothing_boxed_is_no_answer_and_not_wrong(text: str) -> None:
    result = score(text)
    assert (result.value, result.outcome, result.extracted) == (0.0, "no_answer", None)


def test_running_out_of_tokens_before_an_answer_is_truncated() -> None:
    result = score("<think>Condition 1: is there", truncated=True)
    assert (result.value, result.outcome, result.extracted) == (0.0, "truncated", None)


def test_answer_given_before_the_tokens_ran_out_counts() -> None:
    assert score("<think>why</think>\\boxed{Case 7} and then", truncated=True).outcome == "correct"
    assert score("<think>why</think>\\boxed{Case 8} and then", truncated=True).outcome == "wrong"


def test_last_answer_counts() -> None:
    assert score("\\boxed{Case 8} no, \\boxed{Case 7}").outcome == "correct"
    assert score("\\boxed{Case 7} no, \\boxed{Case 8}").outcome == "wrong"


def test_answers_in_any_script_compare_by_meaning_of_case() -> None:
    assert score("\\boxed{STRASSE}", gold="straße").outcome == "correct"
