"""Bounding boxes: what reads as one, and overlaps worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimpi.rewards.boxes import MAX_COORDINATE, Box, overlap, read_box


@pytest.mark.parametrize(
    "text", ["(1, 2, 30, 40)", "(1,2,30,40)", " ( 1 , 2 ,\n30 , 40 ) ", "[1, 2, 30, 40]", "(1.0, 2., +30, 40.000)"]
)
def test_a_box_reads_in_either_bracket_and_with_any_white_space(text: str) -> None:
    assert read_box(text) == Box(1, 2, 30, 40)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "1, 2, 30, 40",
        "(1, 2, 30)",
        "(1, 2, 30, 40, 5)",
        "(1, 2, 30, 40]",
        "((1, 2, 30, 40))",
        "(1 2 30 40)",
        "(a, 2, 30, 40)",
        "(nan, 2, 30, 40)",
        "(1, 2, inf, 40)",
        "(1, 2, 1e3, 40)",
        "(1, 2, 30, 2000000)",
        "(1, 2, 30, -1000001)",
        "(١, 2, 30, 40)",
        "(1, 2, 30, 40)" + " " * 1000,
        "(" + "9" * 100_000,
    ],
)
def test_anything_else_is_no_box(text: str) -> None:
    assert read_box(text) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), 50 / 150),
        (Box(0, 0, 10, 10), Box(5, 5, 15, 15), 25 / 175),
        (Box(0, 0, 10, 10), Box(2, 2, 8, 8), 36 / 100),
        (Box(0, 0, 10, 10), Box(10, 0, 20, 10), 0.0),
        (Box(0, 0, 10, 10), Box(20, 20, 30, 30), 0.0),
        (Box(-10, -10, 0, 0), Box(-5, -10, 5, 0), 50 / 150),
    ],
)
def test_overlap_is_the_shared_area_over_the_joint_area(one: Box, other: Box, expected: float) -> None:
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(other, one) == overlap(one, other)


@pytest.mark.parametrize("flat", [Box(5, 5, 5, 5), Box(0, 5, 10, 5), Box(10, 10, 0, 0), Box(0, 10, 10, 0)])
def test_a_box_without_area_or_with_its_corners_the_wrong_way_round_overlaps_itself_only(flat: Box) -> None:
    assert flat.area == 0.0
    assert overlap(flat, flat) == 1.0
    assert overlap(flat, Box(0, 0, 10, 10)) == overlap(Box(0, 0, 10, 10), flat) == 0.0
    assert overlap(flat, Box(6, 6, 6, 6)) == 0.0


coordinates = st.floats(min_value=-MAX_COORDINATE, max_value=MAX_COORDINATE)
boxes = st.builds(Box, coordinates, coordinates, coordinates, coordinates)


@given(one=boxes, other=boxes)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_overlap_is_symmetric_and_between_0_and_1(one: Box, other: Box) -> None:
    assert 0.0 <= overlap(one, other) == overlap(other, one) <= 1.0
