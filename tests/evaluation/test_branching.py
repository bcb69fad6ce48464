"""The branching error, against counts by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.fake_evaluation import RecordingSampler, SquareTask, WordRenderer, said
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.branching import branching_error
from trimpi.evaluation.results import load_records
from trimpi.types import Completion, JudgedStep, Judgement

SECTIONS = ("1", "1.1", "1.2")


def test_counts_are_held_against_the_gold_ones_section_by_section() -> None:
    error = branching_error([["1", "1.1"], ["1", "1.1", "1.1"], ["1.7"]], [["1", "1.1"], ["1", "1.2"], ["1"]], SECTIONS)
    assert error.responses == 3
    assert error.cited == {"1": 2, "1.1": 3, "1.2": 0}
    assert error.gold == {"1": 3, "1.1": 1, "1.2": 1}
    assert error.nonexistent == {"1.7": 1}
    assert error.mean_absolute_difference == pytest.approx((1 + 2 + 1) / 3)


def test_gold_citations_have_no_error_in_any_order() -> None:
    error = branching_error([["1", "1.2"], ["1", "1.1"]], [["1", "1.1"], ["1", "1.2"]], SECTIONS)
    assert error.mean_absolute_difference == 0
    assert not error.nonexistent


def test_a_policy_without_sections_has_no_error() -> None:
    assert branching_error([["1"]], [[]], ()).mean_absolute_difference == 0


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="2 chains of citations and 1 gold"):
        branching_error([["1"], ["1"]], [["1"]], SECTIONS)
    with pytest.raises(ValueError, match=r"cite 1\.9"):
        branching_error([["1"]], [["1.9"]], SECTIONS)


def judgement(*cited: str) -> Judgement:
    return Judgement(score=10, steps=tuple(JudgedStep(text=id, verdict="right", section=id) for id in cited))


def test_records_of_accuracy_are_held_against_gold_chains_policy_by_policy(tmp_path: Path) -> None:
    """A: the gold path, then one that misses it; B: nothing cited, then cut off after the first section."""
    gold, lost, silent = said("Case 1", "gold"), said("Case 1", "lost"), said("Case 1", "")
    cut = Completion(text="<think>cut", token_ids=(), truncated=True)
    judgements = {
        gold.text: judgement("1", "1.1"),
        said("Case 2", "gold").text: judgement("1", "1.2"),
        lost.text: judgement("1", "1.2", "1.9"),
        silent.text: judgement(),
        cut.text: judgement("1"),
    }
    result = evaluate_suite(
        SquareTask(tmp_path, judgements=judgements),
        RecordingSampler([gold, silent, lost, cut]),
        WordRenderer(),
        suite="branching",
        model="nano",
        out_dir=tmp_path / "eval",
        max_new_tokens=16,
    )
    assert result.outcomes == {"correct": 1, "wrong": 1, "no_answer": 1, "truncated": 1}
    details = result.details
    assert details["cited"] == {"1": 3, "1.1": 1, "1.2": 1} and details["gold"] == {"1": 4, "1.1": 3, "1.2": 1}
    assert details["nonexistent"] == {"1.9": 1}
    assert details["mean_absolute_difference"] == pytest.approx(3 / 3)
    assert details["mean_absolute_difference_per_100"] == pytest.approx(25)
    of_a, of_b = details["per_policy"]["A"], details["per_policy"]["B"]
    assert (of_a["responses"], of_a["mean_absolute_difference"]) == (2, pytest.approx(2 / 3))
    assert of_b["cited"] == {"1": 1, "1.1": 0, "1.2": 0} and of_b["gold"] == {"1": 2, "1.1": 1, "1.2": 1}
    paths = [(record.extracted, record.gold) for record in load_records(tmp_path / "eval" / "branching.jsonl")]
    assert paths == [("1 > 1.1", "1 > 1.1"), (None, "1 > 1.1"), ("1 > 1.2 > 1.9", "1 > 1.1"), ("1", "1 > 1.2")]


def test_requests_whose_gold_chain_cites_nothing_are_not_right_by_saying_nothing(tmp_path: Path) -> None:
    gold, other = said("Case 1", "gold"), said("Case 2", "gold")
    judgements = {gold.text: judgement("1"), other.text: judgement()}
    result = evaluate_suite(
        SquareTask(tmp_path, judgements=judgements),
        RecordingSampler([gold, other, gold, other]),
        WordRenderer(),
        suite="branching",
        model="nano",
        out_dir=tmp_path / "eval",
        max_new_tokens=16,
    )
    assert (result.n, result.correct, result.details["nothing_to_cite"], result.details["responses"]) == (3, 2, 1, 4)
