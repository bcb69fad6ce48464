from __future__ import annotations

import pytest

from quickness import answered_within
from trimpi.errors import RecipeError
from trimpi.rewards.grade import score_answer
from trimpi.rewards.similarity import ExactText
from trimpi.rewards.texts import compile_pattern, grade_choice, grade_exact, grade_pattern, grade_similarity
from trimpi.types import Completion


class HalfAlike:
    """Texts are alike by half unless they are equal."""

    name = "half"

    def score(self, given: str, gold: str) -> float:
        return 1.0 if given == gold else 0.5


def completion(text: str, *, truncated: bool = False) -> Completion:
    return Completion(text=text, token_ids=(), truncated=truncated)


def test_exact_forgives_white_space_and_case_only() -> None:
    assert grade_exact(" Refund  at once", "refund at ONCE").value == 1
    assert grade_exact("Refund at once.", "refund at once").value == 0


@pytest.mark.parametrize("answer", ["B", "b)", "(B)", "B) Exchange", "b) exchange"])
def test_a_letter_stands_for_its_choice(answer: str) -> None:
    grade = grade_choice(["A) Refund", "B) Exchange", "Escalate"])
    assert grade(answer, "B) Exchange").value == 1
    assert grade(answer, "B").value == 1
    assert grade(answer, "Escalate").error == "other_choice"


def test_an_answer_that_is_no_choice_is_an_error_of_its_own() -> None:
    assert grade_choice(["Refund", "Exchange"])("Refuse", "Refund").error == "no_choice"


def test_similarity_below_the_bar_keeps_its_value() -> None:
    grade = grade_similarity(HalfAlike(), 0.8)
    assert (grade("a", "b").value, grade("a", "a").value) == (0.5, 1.0)
    assert grade_similarity(HalfAlike(), 0.5)("a", "b").value == 1.0
    assert grade_similarity(ExactText(), 0.9)("A  b", "a B").value == 1.0


def test_the_gold_text_stands_in_a_pattern_as_it_is_written() -> None:
    grade = grade_pattern(r"(case )?{gold}\.?", ignore_case=True)
    assert grade("Case 4.1.", "4.1").value == 1
    assert grade("case 4x1", "4.1").value == 0


def test_without_a_pattern_the_gold_answer_is_one() -> None:
    grade = grade_pattern(None, ignore_case=False)
    assert grade("RMA-123", r"RMA-\d+").value == 1
    assert grade("rma-123", r"RMA-\d+").value == 0
    assert grade("x", "(").error == "no_pattern"


def test_a_pattern_that_would_take_for_ever_scores_nothing_in_time() -> None:
    grade = grade_pattern(None, ignore_case=True)
    graded = answered_within(2.0, lambda: grade("a" * 40 + "b", r"(a|aa|a?a)+$"))
    assert graded.error == "pattern_timeout" or graded.value == 0


def test_a_wrong_pattern_is_refused_by_name() -> None:
    with pytest.raises(RecipeError, match=r"'\(' is no regular expression"):
        compile_pattern("(")


def test_no_answer_and_truncated_are_not_wrong() -> None:
    outcomes = [
        score_answer(completion(text, truncated=cut), "x", grade_exact).outcome
        for text, cut in (("\\boxed{X}", False), ("\\boxed{y}", False), ("\\boxed{}", False), ("no box", True))
    ]
    assert outcomes == ["correct", "wrong", "no_answer", "truncated"]
