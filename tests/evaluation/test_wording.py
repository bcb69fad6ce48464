"""What suites say beyond their counts."""

from __future__ import annotations

from typing import Any

import pytest

from trimpi.evaluation.results import Mean, SuiteResult
from trimpi.evaluation.wording import details_in_words, rate


def result(suite: str, details: dict[str, Any], **changes: Any) -> SuiteResult:
    counts: dict[str, Any] = {
        "n": 4,
        "correct": 1,
        "accuracy": 0.25,
        "interval": (0.05, 0.7),
        "majority": 0.5,
        "per_policy": {},
        "outcomes": {"correct": 1, "wrong": 1, "no_answer": 1, "truncated": 1},
        "per_tag": {},
        **changes,
    }
    return SuiteResult(
        suite=suite,
        model="nano",
        seed=0,
        max_new_tokens=8,
        prompt_tokens={"mean": 8.0, "max": 8},
        seconds=1.0,
        score=Mean(mean=0.25, interval=(0.0, 0.5)),
        parts={},
        errors={},
        per_section={},
        details=details,
        **counts,
    )


def test_rates_have_their_count_and_interval() -> None:
    assert rate(1, 29) == "3.4% (1 of 29; 0.6% - 17.2%)"
    assert rate(0, 0) == "none"


def test_override_says_what_was_followed_kept_and_left_alone() -> None:
    counts = {
        "affected": {"n": 20, "correct": 0, "old_answer": 12},
        "unaffected": {"n": 29, "correct": 1, "old_answer": 0},
    }
    nothing = {"n": 0, "correct": 0, "old_answer": 0}
    details = {"by_edit": {"one rule": counts, "all rules": {"affected": nothing, "unaffected": nothing}}}
    assert details_in_words(result("override", details)) == [
        "one rule edited: of the requests it affects 0.0% (0 of 20; 0.0% - 16.1%) follow it, 12 keep the old answer",
        "one rule edited: of the requests it leaves alone 3.4% (1 of 29; 0.6% - 17.2%) are right",
    ]


def test_the_matrix_says_each_way_of_asking() -> None:
    count = {"n": 29, "correct": 1, "other_policy": 7}
    assert details_in_words(result("override_matrix", {"where_answers_differ": {"unnamed": count}})) == [
        "asked without a name: 3.4% (1 of 29; 0.6% - 17.2%) right where the policies differ, 7 by the other policy"
    ]


def test_leakage_quotes_the_longest_span_and_compares() -> None:
    summary = {
        "n": 20,
        "extracted": 0,
        "extraction_rate": 0.0,
        "extraction_interval": [0.0, 0.1611],
        "mean_covered": 0.125,
        "longest_span_words": 9,
    }
    details = {
        **summary,
        "copied_words": 8,
        "extracted_words": 12,
        "longest_span": "say one",
        "longest_span_id": "01-A",
        "control": {**summary, "longest_span_words": 3},
    }
    assert details_in_words(result("leakage", details)) == [
        "prompts that extract 12 words or more in a row: 0.0% (0 of 20; 0.0% - 16.1%)",
        "a prompt gets 12.5% of the policy's words in the mean, counting spans of 8 or more",
        'the longest span has 9 words (01-A): "say one"',
        "against policies that no model has seen: 0.0% (0 of 20; 0.0% - 16.1%), 12.5%, longest span 3 words",
    ]
    alone = details_in_words(result("leakage", {**details, "control": None}))
    assert alone[-1] == "there is no unseen policy to compare with"


def test_referral_says_its_score_and_errors() -> None:
    details = {
        "n": 4,
        "unjudged": 2,
        "score": 4.375,
        "score_interval": [0.5, 8.25],
        "first_errors": {"format": 2, "recall": 1},
        "step_errors": {"branching": 1, "format": 2, "recall": 1},
        "steps": {"right": 4, "wrong": 4},
    }
    assert details_in_words(result("referral", details)) == [
        "the reasoning scores 4.38 of 10 (n = 4; 0.50 - 8.25)",
        "2 could not be judged",
        "first wrong steps by kind: format 2, recall 1",
        "all wrong steps by kind: branching 1, format 2, recall 1",
    ]


def test_branching_says_its_error_and_each_policys() -> None:
    error = {"responses": 4, "mean_absolute_difference": 1.0, "mean_absolute_difference_per_100": 25.0}
    details = {**error, "nothing_to_cite": 3, "nonexistent": {"1.9": 1}, "per_policy": {"A": error, "B": error}}
    lines = details_in_words(result("branching", details))
    assert lines[0] == (
        "branching error over 4 responses: a section's citations are off by 1.00 in the mean, 25.00 per 100 responses"
    )
    assert lines[3:] == [
        "3 requests have nothing to cite and are not counted as right or wrong",
        "cited without being there: 1.9 1",
    ]


@pytest.mark.parametrize("suite", ["accuracy", "retrieval"])
def test_suites_without_details_say_nothing(suite: str) -> None:
    assert details_in_words(result(suite, {})) == []
