"""The response format: what is well formed, what is read as the answer, and that hostile text costs linear time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickness import timed
from trimpi.rewards.response import MAX_NESTING, Response, format_reward, read_response, write_response


def test_exact_format_is_taken_apart() -> None:
    response = read_response("<think>Condition 1: yes.\nDone.</think>\\boxed{Case 7}")
    assert response == Response(reasoning="Condition 1: yes.\nDone.", answer="Case 7", well_formed=True)


def test_white_space_around_the_parts_is_allowed() -> None:
    response = read_response(" \n<think> why </think>\n\n\\boxed{ Case 7 }\n")
    assert response == Response(reasoning="why", answer="Case 7", well_formed=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Case 7",
        "\\boxed{Case 7}",
        "<think>why</think>",
        "<think>why</think>Case 7",
        "<think>why</think>so \\boxed{Case 7}",
        "<think>why</think>\\boxed{Case 7} indeed",
        "Well. <think>why</think>\\boxed{Case 7}",
        "<think>why\\boxed{Case 7}",
        "why</think>\\boxed{Case 7}",
        "<think>a<think>b</think>\\boxed{Case 7}",
        "<think>a</think><think>b</think>\\boxed{Case 7}",
        "<think>a</think></think>\\boxed{Case 7}",
        "<think>a</think>\\boxed{Case 7}\\boxed{Case 8}",
        "<think>a</think>\\boxed{Case 7",
        "<THINK>a</THINK>\\boxed{Case 7}",
        "<think>a</think>boxed{Case 7}",
    ],
)
def test_anything_beside_the_format_earns_no_format_reward(text: str) -> None:
    assert format_reward(text) == 0.0


def test_format_reward_does_not_look_at_the_answer() -> None:
    assert format_reward("<think></think>\\boxed{nonsense}") == 1.0


def test_last_boxed_answer_counts_when_the_format_is_broken() -> None:
    response = read_response("<think>perhaps \\boxed{Case 1}</think> no: \\boxed{Case 2} or \\boxed{ Case 3 }.")
    assert (response.answer, response.well_formed) == ("Case 3", False)


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "OCR_v3", "arguments": {"image": "image/image_1.jpg"}}',
        "{}",
        "a{b}c",
        "{a}{b}",
        "\\frac{1}{2}",
        "{" * MAX_NESTING + "}" * MAX_NESTING,
    ],
)
def test_an_answer_may_hold_balanced_braces(answer: str) -> None:
    assert read_response(write_response("why", answer)) == Response(reasoning="why", answer=answer, well_formed=True)
    assert read_response(f"so \\boxed{{{answer}}}.").answer == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think>\\boxed{a{b}", None),
        ("<think>a</think>\\boxed{a}b}", "a"),
        ("<think>a</think>\\boxed{a{}b}}", "a{}b"),
        ("<think>a</think>\\boxed{a \\boxed{b}}", "b"),
        ("<think>a</think>\\boxed{a \\boxed{b}", "b"),
        ("<think>a</think>\\boxed{a{\\boxed{b}", "b"),
        ("<think>{</think>\\boxed{{a}", None),
        ("<think>a</think>\\boxed{a} \\boxed{b{c}}", "b{c}"),
        ("<think>a</think>\\boxed{a{b}} \\boxed{c", "a{b}"),
    ],
)
def test_unbalanced_braces_and_boxes_in_boxes_break_the_format(text: str, answer: str | None) -> None:
    response = read_response(text)
    assert (response.answer, response.well_formed) == (answer, False)


def test_braces_in_the_reasoning_do_not_reach_into_the_answer() -> None:
    response = read_response("<think>} { {{ \\boxed{</think>\\boxed{{a}}")
    assert response == Response(reasoning="} { {{ \\boxed{", answer="{a}", well_formed=True)


def test_braces_nested_too_deep_are_no_answer() -> None:
    deep = "{" * (MAX_NESTING + 1) + "}" * (MAX_NESTING + 1)
    assert read_response(f"<think>a</think>\\boxed{{{deep}}}").answer is None
    assert read_response(f"\\boxed{{a}} \\boxed{{{deep}}}").answer == "a"


@pytest.mark.parametrize(
    "text", ["", "Case 7", "\\boxed", "\\boxed{Case 7", "boxed{Case 7}", "\\boxed(Case 7)", "\\boxed{a{b}"]
)
def test_nothing_boxed_is_no_answer(text: str) -> None:
    assert read_response(text).answer is None


def test_reasoning_is_read_from_a_broken_format() -> None:
    assert read_response("\n<think> why </think> so \\boxed{Case 7}").reasoning == "why"
    assert read_response("<think>why \\boxed{Case 7}").reasoning is None


@given(
    reasoning=st.text().filter(lambda text: "<think>" not in text and "</think>" not in text),
    answer=st.text(alphabet=st.characters(exclude_characters="{}", exclude_categories=["Cs"])),
)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_reading_what_was_written_gives_it_back(reasoning: str, answer: str) -> None:
    written = read_response(write_response(reasoning, answer))
    assert written == Response(reasoning=reasoning.strip(), answer=answer.strip(), well_formed=True)
    assert read_response(write_response(None, answer)).answer == answer.strip()


@pytest.mark.parametrize(
    "piece",
    [
        "<think>",
        "</think>",
        "<",
        "</",
        "\\boxed{",
        "\\boxed{a}",
        "{",
        "}",
        "{}",
        "}{",
        "\\",
        " ",
        "\n",
        "a",
        "</think> \\boxed{",
        "\ud7ff\0",
    ],
)
@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        "<think>{}",
        "<think>{}</think>",
        "<think></think>{}",
        "<think>a</think>\\boxed{{{}",
        "<think>a</think>\\boxed{{{}}}",
        "{}\\boxed{{a}}!",
    ],
)
def test_ten_times_the_hostile_text_takes_about_ten_times_as_long(piece: str, frame: str) -> None:
    """A hundred times would be quadratic. What takes under a millisecond is too short to tell."""
    short, long = (frame.format(piece * (size // len(piece))) for size in (20_000, 200_000))
    assert reading_seconds(long) < 30 * max(reading_seconds(short), 1e-3)


def reading_seconds(text: str) -> float:
    """The least of three."""
    return min(timed(lambda: read_response(text))[1] for _ in range(3))
