"""Policy Referral over the records of accuracy, with judgements given by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluation.fake_evaluation import RecordingSampler, SquareTask, WordRenderer, said
from trimpi.errors import DataError
from trimpi.evaluation import SuiteResult, evaluate_suite
from trimpi.evaluation.results import load_records
from trimpi.interval import mean_interval
from trimpi.types import Completion, JudgedStep, Judgement, ReasoningError


def right(text: str) -> JudgedStep:
    return JudgedStep(text=text, verdict="right", section="1")


def wrong(text: str, error: ReasoningError) -> JudgedStep:
    return JudgedStep(text=text, verdict="wrong", error=error, why=f"not {text}")


GOLD = said("Case 1", "gold")
FLAWLESS, LOST, SILENT = said("Case 1", "one"), said("Case 9", "two"), said("Case 1", "")
CUT = Completion(text="<think>four", token_ids=(), truncated=True)
JUDGEMENTS = {
    GOLD.text: Judgement(score=10, steps=(right("1"),)),
    FLAWLESS.text: Judgement(score=10, steps=(right("1"), right("1.1"))),
    LOST.text: Judgement(score=2.5, steps=(right("1"), wrong("1.7", "recall"), wrong("x", "branching"))),
    SILENT.text: Judgement(score=0, steps=(wrong("", "format"),)),
    CUT.text: Judgement(score=5, steps=(right("1"), wrong("", "format"))),
}
REPLIES = [FLAWLESS, LOST, SILENT, CUT]


def judge(folder: Path, task: SquareTask, sampler: RecordingSampler, **changes: Any) -> SuiteResult:
    settings = {"suite": "referral", "model": "nano", "out_dir": folder / "eval", "max_new_tokens": 16, **changes}
    return evaluate_suite(task, sampler, WordRenderer(), **settings)


def test_scores_errors_and_what_is_missing_are_told_apart(tmp_path: Path) -> None:
    result = judge(tmp_path, SquareTask(tmp_path, judgements=JUDGEMENTS), RecordingSampler(REPLIES))
    low, high = mean_interval([1.0, 0.25, 0.0, 0.5])
    assert result.details == {
        "n": 4,
        "unjudged": 0,
        "score": 4.375,
        "score_interval": [10 * low, 10 * high],
        "first_errors": {"format": 2, "recall": 1},
        "step_errors": {"branching": 1, "format": 2, "recall": 1},
        "steps": {"right": 4, "wrong": 4},
    }
    assert result.outcomes == {"correct": 1, "wrong": 1, "no_answer": 1, "truncated": 1}
    assert result.errors == {"format": 2, "recall": 1}


def test_records_hold_every_step_and_mark_the_first_wrong_one(tmp_path: Path) -> None:
    judge(tmp_path, SquareTask(tmp_path, judgements=JUDGEMENTS), RecordingSampler(REPLIES))
    record = load_records(tmp_path / "eval" / "referral.jsonl")[1]
    assert (record.id, record.value, record.error) == ("test-1", 0.25, "recall")
    assert record.reason == "step 2: not 1.7"
    assert [step["first_wrong"] for step in record.steps] == [False, True, False]
    assert record.steps[1] == {
        "text": "1.7",
        "verdict": "wrong",
        "error": "recall",
        "why": "not 1.7",
        "section": None,
        "first_wrong": True,
    }


def test_accuracy_is_asked_first_where_it_is_missing_and_never_twice(tmp_path: Path) -> None:
    task, sampler = SquareTask(tmp_path, judgements=JUDGEMENTS), RecordingSampler(REPLIES)
    first = judge(tmp_path, task, sampler)
    assert (tmp_path / "eval" / "accuracy.json").is_file() and len(sampler.calls) == 1
    assert judge(tmp_path, task, sampler) == first
    assert judge(tmp_path, task, sampler, suite="accuracy").correct == 2
    assert len(sampler.calls) == 1
    judge(tmp_path, task, sampler, model="other")
    assert len(sampler.calls) == 2, "another model's answers are not judged in its place"


def test_what_cannot_be_judged_is_counted(tmp_path: Path) -> None:
    kept = {text: judgement for text, judgement in JUDGEMENTS.items() if text != LOST.text}
    result = judge(tmp_path, SquareTask(tmp_path, judgements=kept), RecordingSampler(REPLIES))
    assert (result.n, result.details["n"], result.details["unjudged"]) == (3, 3, 1)


@pytest.mark.parametrize("suite", ["referral", "branching"])
def test_a_task_that_cannot_judge_is_refused_before_anything_is_asked(tmp_path: Path, suite: str) -> None:
    sampler = RecordingSampler(REPLIES)
    with pytest.raises(DataError, match=f"'{suite}' holds reasoning against the policy.* take it out"):
        judge(tmp_path, SquareTask(tmp_path), sampler, suite=suite)
    assert sampler.calls == []
    with pytest.raises(DataError, match="no examples"):
        judge(tmp_path, SquareTask(tmp_path, judgements=JUDGEMENTS), sampler, suite=suite, examples=0)
