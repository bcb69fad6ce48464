import pytest

from trimpi.tasks.skills.answers import decisive_part, is_right, score_answer
from trimpi.types import Completion

POLICY = "<think>Condition 1: Is there a cube? No.\nThe response is Case 2.</think>\\boxed{Case 2}"


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("Yes, a small red rubber cube.", "Yes, a large blue metal sphere."),
        ("No.", "No."),
        ("A small red rubber cube. There are 1.", "A large cube. There are 1."),
        ("There are 0.", "There are 0."),
        (POLICY, "\\boxed{Case 2}"),
        ("It is 7.", "It is 7."),
    ],
)
def test_only_the_decisive_part_has_to_be_right(gold: str, answer: str) -> None:
    assert is_right(answer, gold)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("Yes, a small red rubber cube.", "No."),
        ("No.", "Yes, a small red rubber cube."),
        ("A small red rubber cube. There are 1.", "A small red rubber cube. There are 2."),
        (POLICY, "\\boxed{Case 1}"),
        (POLICY, "The response is Case 2."),
        ("It is 7.", "It is 7. It is 7."),
    ],
)
def test_another_decisive_part_is_wrong(gold: str, answer: str) -> None:
    assert not is_right(answer, gold)


@pytest.mark.parametrize(
    ("text", "truncated", "outcome"),
    [
        ("Copied: Bada.", False, "correct"),
        ("Copied: Bado.", False, "wrong"),
        ("Copied: Ba", True, "truncated"),
        ("", False, "no_answer"),
    ],
)
def test_no_answer_and_truncated_are_not_wrong(text: str, truncated: bool, outcome: str) -> None:
    score = score_answer(Completion(text=text, token_ids=(1,), truncated=truncated), "Copied: Bada.")
    assert (score.outcome, score.value) == (outcome, float(outcome == "correct"))


def test_a_response_without_its_box_is_no_answer() -> None:
    score = score_answer(Completion(text="Case 2", token_ids=(1,)), POLICY)
    assert (score.outcome, score.extracted) == ("no_answer", None)
    assert decisive_part(POLICY, POLICY) == "Case 2"
