"""Chains of thought read back, line by line, against what was written."""

from __future__ import annotations

import random

import pytest

from tasks.clevr.by_hand import make_tree
from tasks.clevr.mutations import random_case
from trimpi.tasks.clevr.reading import Citation, StatedResponse, asks_for, pieces, read_piece, values_in
from trimpi.tasks.clevr.tree import decisions

SECTIONS = {decision.id: decision for decision in decisions(make_tree())}


def test_a_citation_is_taken_apart() -> None:
    line = "Condition 1.2: the image shows red. Is there a red object? Yes, a small red metal cube."
    assert read_piece(line) == Citation(
        id="1.2", shown="red", question="is there a red object", verdict=True, described="a small red metal cube"
    )
    assert read_piece("Condition 1: Is there a cube? No.") == Citation(
        id="1", question="is there a cube", verdict=False
    )


@pytest.mark.parametrize(
    "line",
    [
        "Condition 1.2",
        "Condition 1.2:",
        "Condition 1.2: Is there a cube?",
        "Condition 1.2: Is there a cube. Yes.",
        "Condition 1.2: Is there a cube? Nothing.",
        "Condition 1.2: Is there a cube? Yesterday.",
        "Condition 1.2 Is there a cube? Yes.",
        "condition 1.2 is met? Yes.",
    ],
)
def test_a_broken_citation_still_names_its_section(line: str) -> None:
    assert read_piece(line) == Citation(id="1.2")


@pytest.mark.parametrize("line", ["Conditions apply.", "See Condition 1.", "Case 1.", "Precondition 1: x? Yes.", "1.2"])
def test_prose_is_not_read(line: str) -> None:
    assert read_piece(line) is None


@pytest.mark.parametrize(
    "line", ["The response is Case 7.", "the final  response is CASE 7", 'The response is: "Case 7".']
)
def test_the_response_is_read(line: str) -> None:
    assert read_piece(line) == StatedResponse(response="case 7")


def test_steps_are_found_in_one_line_and_blank_ones_left_out() -> None:
    text = "First Condition 1: Is there a cube? No. So the response is Case 1.\n\n **\nDone"
    assert list(pieces(text)) == ["First", "Condition 1: Is there a cube? No. So", "the response is Case 1.", "Done"]


def test_what_is_written_as_gold_is_read_as_written() -> None:
    for seed in range(50):
        case = random_case(random.Random(seed), layers=4)
        *citations, last = (read_piece(piece) for piece in pieces("\n".join(case.lines)))
        assert last == StatedResponse(response=case.response.casefold())
        for cited, step in zip(citations, case.steps, strict=True):
            assert isinstance(cited, Citation)
            assert (cited.id, cited.verdict) == (step.decision.id, bool(step.found))
            assert cited.shown == (step.decision.value if step.decision.id in case.shown else None)


def test_values_are_found_among_fillers_and_nothing_else() -> None:
    assert values_in("a small, cyan object") == {"small", "cyan"}
    assert values_in("the metal cubes") == {"metal", "cube"}
    assert values_in("") == frozenset()
    assert values_in("a cyan dog") is None
    assert values_in("a cyan ｃube") is None


@pytest.mark.parametrize(
    ("id", "question", "asks"),
    [
        ("1", "is there a cyan object", True),
        ("1", "is there a red object", False),
        ("1", "is there an object", False),
        ("1", "is there a cyan cube", False),
        ("1", "is there no cyan object", False),
        ("1.1", "is there a small cyan object", True),
        ("1.1", "is one of the cyan objects small", True),
        ("1.1", "is one of those objects small", True),
        ("1.1", "is there a small object", False),
        ("1.1", "is there a small large cyan object", False),
        ("1.2", "is there a cube", True),
        ("1.2", "is one of those objects a cube", True),
    ],
)
def test_a_question_asks_for_exactly_the_values_sought(id: str, question: str, asks: bool) -> None:
    assert asks_for(question, SECTIONS[id]) is asks


def test_this_stands_for_what_the_image_shows() -> None:
    question = "is there an object of this color:"
    assert asks_for(question, SECTIONS["1"], "cyan")
    assert not asks_for(question, SECTIONS["1"], "red")
    assert not asks_for(question, SECTIONS["1"])
