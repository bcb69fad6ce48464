"""The branching error, against counts by hand."""

from __future__ import annotations

import pytest

from trimpi.evaluation.branching import branching_error

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
