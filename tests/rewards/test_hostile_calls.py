"""Hostile completions through the whole scoring of a call: never an error, always in [0, 1], each within 100 ms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickness import answered_within
from trimpi.rewards.response import read_response, write_response
from trimpi.rewards.similarity import ExactText
from trimpi.rewards.tool_call import ARGUMENT_KINDS, CallScore, score_call

LIMIT = 0.1
GOLD = json.dumps(
    {
        "name": "AddText_v2",
        "arguments": {
            "image": "image/image_1.jpg",
            "text": "a red cube",
            "bbox": "(10, 20, 110, 220)",
            "expression": "3 * (4 + 5)",
            "k": 4,
            "top1": True,
        },
    }
)
TAGS = ["<think>", "</think>", "\\boxed{"]
ESCAPES = ["\\\\", '\\"', "\\u0000", "\\ud800"]
LITERALS = ["-1", "1e999", "0.1", "NaN", "Infinity", "null", "true"]
FIELDS = ['"name":"AddText_v3"', '"arguments":{', '"k":4', '"bbox":"(1,2,3,4)"', '"expression":"9**9**9"']
PIECES = [*"{}[]()\"'\\,: \n\0é😀", *TAGS, *ESCAPES, *LITERALS, *FIELDS]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(PIECES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
calls = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["AddText_v2", "AddText_v9", "AddText", "OCR_v1", "_v", ""]) | st.text(max_size=20),
        "arguments": st.dictionaries(st.sampled_from(list(ARGUMENT_KINDS)) | st.text(max_size=8), values, max_size=8),
    }
)
mangled = st.builds(
    lambda text, start, stop, piece, times: text[:start] + piece * times + text[stop:],
    st.just(write_response("why", GOLD)),
    st.integers(0, 300),
    st.integers(0, 300),
    st.sampled_from(PIECES),
    st.integers(0, 3),
)
repeated = st.builds(
    lambda head, piece, size, tail: head + piece * (size // len(piece)) + tail,
    st.sampled_from(
        ["", "<think>", "<think>a</think>\\boxed{", '\\boxed{{"name": "', '\\boxed{{"name":"T","arguments":{"k":']
    ),
    st.sampled_from(PIECES),
    st.sampled_from([100, 5_000, 49_000, 100_000]),
    st.sampled_from(["", "}", '"}}', "</think>\\boxed{a}"]),
)
completions = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    values.map(lambda value: write_response("", json.dumps(value))),
    calls.map(lambda call: write_response("", json.dumps(call))),
    mangled,
    repeated,
)


def score(completion: str) -> CallScore:
    return score_call(read_response(completion).answer, GOLD, kinds=ARGUMENT_KINDS, similarity=ExactText())


def check(completion: str) -> None:
    result = answered_within(LIMIT, lambda: score(completion))
    assert result.tool in (0.0, 1.0)
    assert 0.0 <= result.argument <= 1.0
    assert 0.0 <= result.overall <= 1.0
    assert all(0.0 <= score <= 1.0 for score in result.arguments.values())
    assert (result.error == "none") == (result.overall > 1 - 1e-5)
    json.dumps([result.reason, list(result.arguments)], ensure_ascii=False).encode()


anything: dict[str, Any] = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@given(completion=completions)
@settings(max_examples=500, **anything)
def test_hostile_completions_score_in_range_and_in_time(completion: str) -> None:
    check(completion)


@pytest.mark.thorough
@given(completion=completions)
@settings(max_examples=10_000, **anything)
def test_ten_thousand_hostile_completions_score_in_range_and_in_time(completion: str) -> None:
    check(completion)


def test_the_gold_completion_scores_one() -> None:
    assert score(write_response("why", GOLD)).overall == 1.0
