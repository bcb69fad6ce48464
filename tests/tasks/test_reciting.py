"""Recitations of plain text: what is read of a completion, and how it scores."""

from __future__ import annotations

import pytest

from trimpi.tasks.reciting import recited_text, score_recited
from trimpi.types import Completion

GOLD = "Use OCR_v1 if age is under 21, else OCR_v2."


def completion(text: str, *, truncated: bool = False) -> Completion:
    return Completion(text=text, token_ids=(), truncated=truncated)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOLD, GOLD),
        (f"<think>Hm.</think> {GOLD}", GOLD),
        (f"<think>Hm.</think>\\boxed{{{GOLD}}} That is all.", GOLD),
        ("<think>Hm.</think>\\boxed{}", ""),
        ("<think>Hm", "<think>Hm"),
    ],
)
def test_the_box_then_what_follows_the_thought_then_everything(text: str, said: str) -> None:
    assert recited_text(text) == said


@pytest.mark.parametrize(
    ("text", "truncated", "value", "outcome"),
    [
        (f" {GOLD.upper()} ", False, 1.0, "correct"),
        (f"- **{GOLD[:-1]}**", False, 1.0, "correct"),
        (GOLD, True, 1.0, "correct"),
        ("Use OCR_v1.", False, 0.0, "wrong"),
        ("Use OCR_v1 if", True, 0.0, "truncated"),
        ("\\boxed{Use OCR_v1.} And", True, 0.0, "wrong"),
        ("", False, 0.0, "no_answer"),
    ],
)
def test_a_recitation_is_right_cut_off_wrong_or_nothing(text: str, truncated: bool, value: float, outcome: str) -> None:
    score = score_recited(completion(text, truncated=truncated), GOLD)
    assert (score.value, score.outcome) == (value, outcome)
