"""Requests and calls, against texts written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimpi.errors import DataError
from trimpi.tasks.gta.items import Call, Item, PastCall, Profile
from trimpi.tasks.gta.request import CUT_MARK, INSTRUCTION, RETURNED_LIMIT, gold_call, write_call, write_request
from trimpi.tasks.gta.rules import GTA_RULES

FIRST, SECOND = "image/image_1.jpg", "image/image_2.jpg"


def make_item(call: Call, **changes: Any) -> Item:
    item = Item(
        id="7-2",
        dialog="7",
        images={FIRST: Path("one.jpg"), SECOND: Path("two.jpg")},
        profile=Profile(account_type="B", credits=730, age=34),
        query="How much is the bill? ",
        history=(),
        call=call,
    )
    return replace(item, **changes)


def past(tool: str, returned: str, **arguments: Any) -> PastCall:
    return PastCall(call=Call(tool=tool, arguments=arguments), returned=returned)


READ = Call(tool="OCR", arguments={"image": FIRST})


def test_a_first_request_has_profile_images_query_and_instruction() -> None:
    assert write_request(make_item(READ), GTA_RULES) == (
        "Account: B. Credits: 730. Age: 34.\n"
        "Images: image/image_1.jpg, image/image_2.jpg.\n"
        "Request: How much is the bill?\n"
        "Calls so far: none.\n"
        'What is the next call? Answer with one JSON object {"name": ..., "arguments": {...}}.'
    )


def test_past_calls_stand_with_what_they_returned_and_an_update_before_the_instruction() -> None:
    history = (past("ImageDescription_v2", "a bill\n", image=FIRST), past("Calculator", "12", expression="3 * 4"))
    item = make_item(READ, history=history, images={})
    assert write_request(item, GTA_RULES, "Updated rules.\n- Use OCR_v1.\n") == (
        "Account: B. Credits: 730. Age: 34.\n"
        "Request: How much is the bill?\n"
        "Calls so far:\n"
        '{"name": "ImageDescription_v2", "arguments": {"image": "image/image_1.jpg"}}\n'
        "It returned: a bill\n"
        '{"name": "Calculator", "arguments": {"expression": "3 * 4"}}\n'
        "It returned: 12\n"
        "Updated rules.\n"
        "- Use OCR_v1.\n"
        f"{INSTRUCTION}"
    )


def test_a_past_call_without_version_gets_the_one_that_the_rules_demand() -> None:
    item = make_item(READ, history=(past("ImageDescription", "a bill", image=FIRST),))
    assert '"ImageDescription_v4"' in write_request(item, GTA_RULES)


def test_a_long_value_is_cut_and_marked() -> None:
    item = make_item(READ, history=(past("OCR_v4", "x" * (RETURNED_LIMIT + 1), image=FIRST),))
    assert f"\nIt returned: {'x' * RETURNED_LIMIT}{CUT_MARK}\n" in write_request(item, GTA_RULES)
    item = make_item(READ, history=(past("OCR_v4", "x" * RETURNED_LIMIT, image=FIRST),))
    assert CUT_MARK not in write_request(item, GTA_RULES)


def test_a_request_does_not_say_the_answer() -> None:
    request = write_request(make_item(READ), GTA_RULES)
    assert "OCR" not in request


def test_an_unknown_tool_in_the_history_is_named_with_its_item() -> None:
    with pytest.raises(DataError, match="item '7-2', a past call: there is no tool 'Zoom'"):
        write_request(make_item(READ, history=(past("Zoom", ""),)), GTA_RULES)


def test_the_gold_call_has_the_version_of_the_profile() -> None:
    assert gold_call(make_item(READ), GTA_RULES) == Call(tool="OCR_v4", arguments={"image": FIRST})


def test_a_tool_without_versions_keeps_its_name() -> None:
    call = Call(tool="Calculator", arguments={"expression": "3 * 4"})
    assert gold_call(make_item(call), GTA_RULES) == call


def test_text_on_an_image_with_mathematical_expressions_is_read_by_math_ocr() -> None:
    item = make_item(READ, math_images=frozenset({FIRST}))
    assert gold_call(item, GTA_RULES) == Call(tool="MathOCR", arguments={"image": FIRST})
    assert gold_call(replace(item, math_images=frozenset({SECOND})), GTA_RULES).tool == "OCR_v4"
    assert gold_call(item, replace(GTA_RULES, math_rule=None)).tool == "OCR_v4"


def test_only_text_is_read_by_math_ocr_instead() -> None:
    call = Call(tool="ImageDescription", arguments={"image": FIRST})
    assert gold_call(make_item(call, math_images=frozenset({FIRST})), GTA_RULES).tool == "ImageDescription_v4"


def test_an_unknown_tool_is_named_with_its_item() -> None:
    with pytest.raises(DataError, match="item '7-2': there is no tool 'Zoom'"):
        gold_call(make_item(Call(tool="Zoom", arguments={})), GTA_RULES)


def test_a_call_is_one_line_of_json() -> None:
    call = Call(tool="AddText", arguments={"text": 'Grüße "A"\n', "position": "mt", "k": 4, "top1": True})
    assert write_call(call) == (
        '{"name": "AddText", "arguments": {"text": "Grüße \\"A\\"\\n", "position": "mt", "k": 4, "top1": true}}'
    )


def test_balanced_braces_stay_as_they_are() -> None:
    call = Call(tool="Solver", arguments={"command": "\\frac{1}{2}"})
    assert '"\\\\frac{1}{2}"' in write_call(call)


@pytest.mark.parametrize("text", ["{", "}", "}{", 'a "quoted{" brace', "\\{", "{{}"])
def test_a_lone_brace_is_escaped(text: str) -> None:
    written = write_call(Call(tool="AddText", arguments={"text": text}))
    assert written.count("{") == written.count("}") == 2
    assert json.loads(written)["arguments"] == {"text": text}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text('{}\\"a'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}\\"a'), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text('{}\\"a'), values, max_size=3))
def test_any_call_reads_back_and_its_braces_always_match(arguments: dict[str, Any]) -> None:
    written = write_call(Call(tool="OCR_v3", arguments=arguments))
    assert json.loads(written) == {"name": "OCR_v3", "arguments": arguments}
    assert "\n" not in written
    depths = [written[:end].count("{") - written[:end].count("}") for end in range(1, len(written) + 1)]
    assert min(depths) == depths[-1] == 0
    assert depths.index(0) == len(written) - 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_arguments_that_json_cannot_say_are_refused(value: object) -> None:
    with pytest.raises(DataError, match="the arguments of Plot cannot be JSON"):
        write_call(Call(tool="Plot", arguments={"command": value}))
