"""Recitation as a suite: what is asked, and by whom it is scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.fake_evaluation import RecordingSampler, SquareTask, WordRenderer
from trimpi.errors import DataError
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.recitation import recitation_questions
from trimpi.types import Completion, Example


def test_sections_are_asked_for_as_plain_text_and_need_no_box(tmp_path: Path) -> None:
    asked = [
        Example(id=f"A-{number}", policy_name="A", prompt=f"Section {number}?", images=(), answer=f"Say {number}.")
        for number in range(3)
    ]
    sampler = RecordingSampler(
        [Completion(text=text, token_ids=()) for text in ("Say 0.", "<think>Hm.</think>\\boxed{say 1}", "Say 3.")]
    )
    result = evaluate_suite(
        SquareTask(tmp_path, recited=asked),
        sampler,
        WordRenderer(),
        suite="recitation",
        model="nano",
        out_dir=tmp_path / "eval",
        max_new_tokens=16,
        examples=1,
    )
    assert [prompt.text for prompt in sampler.calls[0]["prompts"]] == [
        f"Answer the question.\nSection {number}?" for number in range(3)
    ]
    assert (result.correct, result.n) == (2, 3)


def test_a_task_without_recitations_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'recitation' asks what sections .* take it out of evaluation\.suites"):
        recitation_questions(SuiteSource(task=SquareTask(tmp_path), seed=0))
