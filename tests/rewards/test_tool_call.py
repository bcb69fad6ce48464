"""Tool calls: what reads as one, and scores worked out by hand from the paper's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quickness import answered_within
from trimpi.errors import DataError
from trimpi.rewards.similarity import ExactText
from trimpi.rewards.tool_call import (
    ARGUMENT_KINDS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_DIGITS,
    CallScore,
    ReadCall,
    read_call,
    score_call,
)


class SharedWords:
    """The share of the gold's words that were given."""

    name = "shared words"

    def score(self, given: str, gold: str) -> float:
        return len(set(given.split()) & set(gold.split())) / len(set(gold.split()))


def call(name: str, **arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def score(answer: str | None, gold: str) -> CallScore:
    return score_call(answer, gold, kinds=ARGUMENT_KINDS, similarity=SharedWords())


def argument(name: str, given: Any, gold: Any) -> float:
    """The score of one argument of a call that is otherwise right."""
    return score(call("Tool", **{name: given}), call("Tool", **{name: gold})).argument


def test_a_call_is_read() -> None:
    assert read_call(' {"arguments": {"k": 1, "top1": true}, "name": "GoogleSearch_v3"}\n') == ReadCall(
        name="GoogleSearch_v3", arguments={"k": 1, "top1": True}
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("OCR_v3", "not JSON"),
        ('{"name": "OCR_v3", "arguments": {}', "not JSON"),
        ('{"name": "OCR_v3", "arguments": {}} {}', "not JSON"),
        ("```json\n{}\n```", "not JSON"),
        ("{'name': 'OCR_v3', 'arguments': {}}", "not JSON"),
        ('{"name": "a\nb", "arguments": {}}', "not JSON"),
        ('{"name": "OCR_v3", "name": "OCR_v3", "arguments": {}}', "same key twice"),
        ('{"name": "T", "arguments": {"k": 1, "k": 1}}', "same key twice"),
        ('{"name": "T", "arguments": {"k": NaN}}', "NaN"),
        ('{"name": "T", "arguments": {"k": -Infinity}}', "-Infinity"),
        ('{"name": "T", "arguments": {"k": 1e999}}', "too large"),
        ('{"name": "T", "arguments": {"k": ' + "1" * (MAX_DIGITS + 1) + "}}", "digits"),
        ('{"name": "T", "arguments": {"k": "\\ud800"}}', "surrogates"),
        ('{"name": "T", "arguments": {"\\udfff": 1}}', "surrogates"),
        ('{"name": "T", "arguments": {"k": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}}", "nested"),
        ("[" * 40_000, "nested"),
        ('{"a":' * 8_000, "nested"),
        ("[" * 20_000 + "]" * 20_000, "nested"),
        (call("T", text="a" * MAX_CHARACTERS), "characters"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ('"OCR_v3"', "JSON object"),
        ("{}", "JSON object"),
        ('{"name": "OCR_v3"}', "JSON object"),
        ('{"name": "OCR_v3", "arguments": {}, "thought": ""}', "JSON object"),
        ('{"name": 3, "arguments": {}}', "not text"),
        ('{"name": "OCR_v3", "arguments": []}', "not an object"),
        ('{"name": "OCR_v3", "arguments": "{}"}', "not an object"),
    ],
)
def test_anything_but_one_plain_json_call_is_refused_with_its_reason(text: str, reason: str) -> None:
    read = read_call(text)
    assert isinstance(read, str)
    assert reason in read


def test_nesting_up_to_the_limit_is_read() -> None:
    """The call, its arguments, and 18 lists."""
    inner = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert isinstance(read_call(f'{{"name": "T", "arguments": {{"k": {inner}}}}}'), ReadCall)


GOLD = call("GoogleSearch_v3", query="price of a flat white", k=1)


def test_the_gold_call_scores_one_however_it_is_laid_out() -> None:
    reordered = call("GoogleSearch_v3", k="1", query=" price of a\nflat white")
    for answer in (GOLD, json.dumps(json.loads(GOLD), indent=2), reordered):
        assert score(answer, GOLD).overall == 1.0, answer
    result = score(GOLD, GOLD)
    assert (result.tool, result.argument, result.error, result.wrong_arguments) == (1.0, 1.0, "none", ())
    assert result.arguments == {"query": 1.0, "k": 1.0}


@pytest.mark.parametrize(
    ("answer", "error", "overall"),
    [
        (None, "no_answer", 0.0),
        (" \n", "no_answer", 0.0),
        ("GoogleSearch_v3", "malformed", 0.0),
        (call("TextToImage_v3", query="price of a flat white", k=1), "wrong_tool", 0.5),
        (call("", query="price of a flat white", k=1), "wrong_tool", 0.5),
        (call("googlesearch_v3", query="price of a flat white", k=1), "wrong_tool", 0.5),
        (call("GoogleSearch_v2", query="price of a flat white", k=1), "wrong_version", 0.5),
        (call("GoogleSearch", query="price of a flat white", k=1), "wrong_version", 0.5),
        (call("GoogleSearch_v2", query="price", k=4), "wrong_version", 0.5 * (1 / 5 + 0) / 2),
        (call("GoogleSearch_v3", query="price of a flat white", k=4), "wrong_argument", 0.5 + 0.5 * (1 + 0) / 2),
        (call("GoogleSearch_v3", query="price of milk", k=1), "wrong_argument", 0.5 + 0.5 * (2 / 5 + 1) / 2),
        (call("GoogleSearch_v3", query="price of a flat white"), "wrong_argument", 0.5 + 0.5 * (1 + 0) / 2),
        (call("GoogleSearch_v3", query="price of a flat white", k=1, lang="en"), "wrong_argument", 0.5 + 0.5 * 2 / 3),
        (call("GoogleSearch_v3"), "wrong_argument", 0.5),
    ],
)
def test_scores_and_errors_by_hand(answer: str | None, error: str, overall: float) -> None:
    result = score(answer, GOLD)
    assert result.error == error
    assert result.overall == pytest.approx(overall)


def test_the_wrong_arguments_are_named_whatever_the_first_error_is() -> None:
    result = score(call("GoogleSearch_v2", query="price of a flat white", k=4, lang="en"), GOLD)
    assert (result.error, result.wrong_arguments) == ("wrong_version", ("k", "lang"))
    assert "'GoogleSearch_v2'" in result.reason
    assert "'GoogleSearch_v3'" in result.reason
    assert score(call("GoogleSearch_v3", query="price of a flat white"), GOLD).reason == "wrong arguments: k"


def test_a_malformed_call_scores_zero_in_every_argument_and_says_why() -> None:
    result = score('{"name": "GoogleSearch_v3"', GOLD)
    assert result.arguments == {"query": 0.0, "k": 0.0}
    assert result.wrong_arguments == ("query", "k")
    assert "not JSON" in result.reason


def test_calls_without_arguments_agree() -> None:
    assert score(call("Now"), call("Now")).overall == 1.0
    assert score(call("Now", k=1), call("Now")).overall == 0.5


@pytest.mark.parametrize(
    ("name", "given", "gold"),
    [
        ("k", "4", 4),
        ("k", 4.0, 4),
        ("k", " 4.0 ", 4),
        ("k", 4, "4"),
        ("top1", "true", True),
        ("top1", "True", True),
        ("top1", False, "false"),
        ("position", "(10,20)", "(10, 20)"),
        ("position", " ( 10 , 20 ) ", "(10, 20)"),
        ("image", "image/image_1.jpg ", "image/image_1.jpg"),
        ("unheard_of", {"a": [1, "x"], "b": None}, {"b": None, "a": [1, "x"]}),
    ],
)
def test_exact_arguments_agree_up_to_white_space_and_the_form_of_a_number(name: str, given: Any, gold: Any) -> None:
    assert argument(name, given, gold) == 1.0


@pytest.mark.parametrize(
    ("name", "given", "gold"),
    [
        ("k", 1, 4),
        ("k", True, 1),
        ("k", [4], 4),
        ("k", None, 4),
        ("k", "1e0", 1),
        ("top1", 1, True),
        ("top1", False, True),
        ("color", "dark red", "red"),
        ("position", "(10, 21)", "(10, 20)"),
        ("image", "image/image_2.jpg", "image/image_1.jpg"),
        ("image", "IMAGE/image_1.jpg", "image/image_1.jpg"),
        ("image", ["image/image_1.jpg"], "image/image_1.jpg"),
        ("image", "['image/image_1.jpg']", ["image/image_1.jpg"]),
        ("unheard_of", "a b", "a b c"),
    ],
)
def test_exact_arguments_that_differ_score_zero(name: str, given: Any, gold: Any) -> None:
    assert argument(name, given, gold) == 0.0


@pytest.mark.parametrize("name", ["attribute", "text", "query", "command", "annotation", "keywords", "instruction"])
def test_text_is_compared_by_similarity(name: str) -> None:
    assert argument(name, "a red cube", "a red ball") == pytest.approx(2 / 3)
    assert argument(name, 12, "12") == 1.0
    assert argument(name, ["a red ball"], "a red ball") == 0.0
    assert argument(name, None, "a red ball") == 0.0


def test_expressions_are_compared_by_value() -> None:
    assert argument("expression", "2 * (3 + 4)", "14") == 1.0
    assert argument("expression", 14, "2 * 7") == 1.0
    assert argument("expression", "15", "2 * 7") == 0.0
    assert argument("expression", "9**9**9**9", "2 * 7") == 0.0
    assert argument("expression", True, "1") == 0.0
    assert argument("expression", ["14"], "14") == 0.0


def test_boxes_are_compared_by_overlap() -> None:
    assert argument("bbox", "(0, 0, 10, 10)", "(5, 0, 15, 10)") == pytest.approx(1 / 3)
    assert argument("bbox", [5, 0, 15, 10], "(5, 0, 15, 10)") == 1.0
    assert argument("bbox", "(5.0, 0, 15, 10)", "(5, 0, 15, 10)") == 1.0
    assert argument("bbox", "left", "(5, 0, 15, 10)") == 0.0
    assert argument("bbox", "(nan, 0, 15, 10)", "(5, 0, 15, 10)") == 0.0
    assert argument("bbox", None, "(5, 0, 15, 10)") == 0.0
    assert argument("bbox", "all of it", "all of it") == 1.0


@pytest.mark.parametrize("gold", ["", "OCR_v3", '{"name": "OCR_v3"}'])
def test_a_gold_answer_that_is_no_call_is_an_error(gold: str) -> None:
    with pytest.raises(DataError, match="write it as one JSON object"):
        score(GOLD, gold)


@pytest.mark.parametrize(
    "answer",
    [
        call("T", text="a" * 49_000),
        call("T", text=" a," * 16_000),
        call("T", bbox="(" + "1" * 49_000),
        call("T", bbox=" " * 49_000),
        call("T", expression="(" * 49_000),
        call("T", k="1" * 49_000),
        call("T" + "_v1" * 16_000, k=1),
        call("T", **{f"a{number}": number for number in range(3_500)}),
        call("T", k=[[0, 1]] * 4_000),
        "a" * 100_000,
        '"' + "\\u0000" * 8_000,
    ],
)
def test_long_hostile_answers_are_scored_within_a_tenth_of_a_second(answer: str) -> None:
    gold = call("T_v1", text="a b", bbox="(1, 2, 3, 4)", expression="1 + 1", k=1)
    similarity = ExactText()
    result = answered_within(0.1, lambda: score_call(answer, gold, kinds=ARGUMENT_KINDS, similarity=similarity))
    assert 0.0 <= result.overall < 1.0
    assert len(result.reason) < 500
