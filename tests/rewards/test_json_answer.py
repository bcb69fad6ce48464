from __future__ import annotations

import json

import pytest

from trimpi.errors import RecipeError
from trimpi.rewards.json_answer import check_schema, grade_json, write_json
from trimpi.rewards.response import read_response, write_response

SCHEMA = {
    "type": "object",
    "properties": {"action": {"enum": ["refund", "exchange"]}, "days": {"type": "integer", "minimum": 0}},
    "required": ["action"],
    "additionalProperties": False,
}
GOLD = '{"action": "refund", "days": 14}'


def test_the_value_is_the_share_of_right_fields() -> None:
    grade = grade_json(None)
    assert grade('{"days": 14.0, "action": "refund"}', GOLD).value == 1
    assert grade('{"action": "refund", "days": 7}', GOLD).value == 0.5
    assert grade('{"action": "refund"}', GOLD).value == 0.5
    # Of action, days and note, one is right.
    assert grade('{"action": "refund", "days": 7, "note": "x"}', GOLD).value == pytest.approx(1 / 3)
    assert grade('{"action": "refund", "days": 7}', GOLD).error == "field:days"


def test_chosen_fields_alone_count() -> None:
    assert grade_json(None, ["action"])('{"action": "refund", "days": 7}', GOLD).value == 1


@pytest.mark.parametrize("answer", ['{"action": "keep"}', '{"action": "refund", "days": -1}', "[]", '{"days": 14}'])
def test_what_the_schema_forbids_scores_nothing(answer: str) -> None:
    assert grade_json(SCHEMA)(answer, GOLD).error == "schema"


@pytest.mark.parametrize("answer", ["refund", "{", '{"a": 1, "a": 1}', "NaN", "[" * 100_000])
def test_what_is_no_json_scores_nothing(answer: str) -> None:
    graded = grade_json(SCHEMA)(answer, GOLD)
    assert (graded.value, graded.error) == (0, "malformed")


def test_a_wrong_schema_is_refused_with_its_place() -> None:
    with pytest.raises(RecipeError, match=r"properties\.a\.type"):
        check_schema({"properties": {"a": {"type": "txt"}}})


def test_a_schema_refers_to_nothing_outside() -> None:
    with pytest.raises(RecipeError, match="refers to 'https"):
        check_schema({"allOf": [{"$ref": "https://example.org/schema.json"}]})


def test_json_with_lone_braces_can_be_boxed() -> None:
    value = {"text": "a } b"}
    read = read_response(write_response(None, write_json(value))).answer
    assert read is not None and json.loads(read) == value
