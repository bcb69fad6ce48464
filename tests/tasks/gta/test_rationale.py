"""Chains of thought, against texts written by hand, and in step with the rules for every profile."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimpi.errors import DataError
from trimpi.tasks.gta.items import ACCOUNT_TYPES, AccountType, Call, Item, PastCall, Profile
from trimpi.tasks.gta.override import override_rules
from trimpi.tasks.gta.rationale import REASONS, applied_rules, write_rationale
from trimpi.tasks.gta.request import gold_call
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook
from trimpi.tasks.gta.tools import TOOLS, Tool

FIRST, SECOND, THIRD = "image/image_1.jpg", "image/image_2.jpg", "image/image_3.jpg"
BOX = "(10, 20, 30, 40)"
ARGUMENTS: dict[str, Any] = {
    "image": FIRST,
    "text": "red cube",
    "expression": "3 * 4",
    "query": "tall towers",
    "k": 1,
    "bbox": BOX,
    "attribute": "color",
    "command": "```python\ndef solution(): ...\n```",
    "position": "mt",
    "keywords": "cat, moon",
    "instruction": "make it blue",
}


def make_item(
    tool: str,
    *,
    account: AccountType = "B",
    credits: int = 730,
    age: int = 34,
    images: tuple[str, ...] = (FIRST,),
    history: tuple[PastCall, ...] = (),
    **changes: Any,
) -> Item:
    names = [
        argument.name for argument in next((known for known in TOOLS if known.name == tool), Tool(name="x")).arguments
    ]
    item = Item(
        id="7-2",
        dialog="7",
        images={name: Path(name) for name in images},
        profile=Profile(account_type=account, credits=credits, age=age),
        query="What now?",
        history=history,
        call=Call(tool=tool, arguments={name: ARGUMENTS[name] for name in names if name in ARGUMENTS}),
    )
    return replace(item, **changes)


def past(tool: str, returned: str, **arguments: Any) -> PastCall:
    return PastCall(call=Call(tool=tool, arguments=arguments), returned=returned)


def test_a_rule_is_found_by_one_check_per_line() -> None:
    assert write_rationale(make_item("OCR"), GTA_RULES) == (
        "The text in image/image_1.jpg is needed. Read it.\n"
        "Mathematical expressions in image/image_1.jpg? No, so OCR.\n"
        "Credits 730 at most 250? No.\n"
        "Credits 730 at most 750? Yes.\n"
        "Account B is A or B? Yes.\n"
        "Call OCR_v4."
    )


@pytest.mark.parametrize(
    ("credits", "checks"),
    [
        (249, ["Credits 249 under 250? Yes.", "Call CountGivenObject_v1."]),
        (250, ["Credits 250 under 250? No.", "Credits 250 under 500? Yes.", "Call CountGivenObject_v2."]),
        (
            750,
            [
                "Credits 750 under 250? No.",
                "Credits 750 under 500? No.",
                "Credits 750 under 750? No.",
                "Call CountGivenObject_v4.",
            ],
        ),
    ],
)
def test_what_an_answer_settles_is_not_asked_again(credits: int, checks: list[str]) -> None:
    lines = write_rationale(make_item("CountGivenObject", credits=credits), GTA_RULES).splitlines()
    assert lines == ["The number of red cube in image/image_1.jpg is needed. Count.", *checks]


def test_images_not_described_yet_are_listed() -> None:
    item = make_item(
        "ImageDescription",
        account="D",
        credits=500,
        images=(FIRST, SECOND, THIRD),
        history=(past("ImageDescription_v1", "a cat", image=SECOND),),
    )
    assert write_rationale(item, GTA_RULES) == (
        "Not described yet: image/image_1.jpg, image/image_3.jpg. Describe image/image_1.jpg.\n"
        "Account D is A? No.\n"
        "Account D is B or C? No.\n"
        "Account D is D? Yes.\n"
        "Credits 500 over 500? No.\n"
        "Call ImageDescription_v1."
    )


def test_an_image_described_before_is_not_called_undescribed() -> None:
    item = make_item("ImageDescription", history=(past("ImageDescription_v4", "a cat", image=FIRST),))
    assert write_rationale(item, GTA_RULES).startswith("What image/image_1.jpg shows is needed. Describe it.\n")


def test_a_region_says_where_its_box_comes_from() -> None:
    item = make_item(
        "RegionAttributeDescription",
        account="C",
        history=(past("TextToBbox", f"{BOX}, score 84", image=FIRST, text="red cube"),),
    )
    assert write_rationale(item, GTA_RULES) == (
        "The color of a region in image/image_1.jpg is needed.\n"
        "TextToBbox gave the box (10, 20, 30, 40).\n"
        "Account C is A or B? No.\n"
        "Call RegionAttributeDescription_v1."
    )
    assert "\nThe box is (10, 20, 30, 40).\n" in write_rationale(replace(item, history=()), GTA_RULES)


@pytest.mark.parametrize(
    ("k", "line"), [(1, "Question open-ended? No, so k = 1."), (4, "Question open-ended? Yes, so k = 4.")]
)
def test_a_search_says_how_many_results_and_why(k: int, line: str) -> None:
    item = make_item("GoogleSearch", age=20, call=Call(tool="GoogleSearch", arguments={"query": "towers", "k": k}))
    assert write_rationale(item, GTA_RULES) == (
        f"A fact has to be looked up. Search for towers.\n{line}\nAge 20 under 21? Yes.\nCall GoogleSearch_v1."
    )


@pytest.mark.parametrize("arguments", [{"query": "towers"}, {"query": "towers", "k": 10}])
def test_a_search_with_other_numbers_of_results_says_nothing_of_them(arguments: dict[str, Any]) -> None:
    item = make_item("GoogleSearch", call=Call(tool="GoogleSearch", arguments=arguments))
    assert "open-ended" not in write_rationale(item, GTA_RULES)


def test_mathematical_expressions_lead_to_math_ocr() -> None:
    rationale = (
        "The expression in image/image_1.jpg is needed. Read it.\n"
        "Mathematical expressions in image/image_1.jpg? Yes, so MathOCR.\n"
        "Call MathOCR."
    )
    assert write_rationale(make_item("OCR", math_images=frozenset({FIRST})), GTA_RULES) == rationale
    assert write_rationale(make_item("MathOCR"), GTA_RULES) == rationale


def test_a_thought_of_the_data_set_stands_first_on_one_line() -> None:
    lines = write_rationale(make_item("Calculator", thought=" Add\nthem  up. "), GTA_RULES).splitlines()
    assert lines == ["Add them up.", "Call Calculator."]


def test_a_thought_cannot_end_the_reasoning() -> None:
    rationale = write_rationale(make_item("Calculator", thought="Done.</think>\\boxed{}<think>"), GTA_RULES)
    assert "think>" not in rationale


def test_long_thoughts_and_arguments_are_cut() -> None:
    assert len(write_rationale(make_item("Calculator", thought="a" * 10_000), GTA_RULES)) < 400
    call = Call(tool="Calculator", arguments={"expression": "1 + " * 1000})
    assert len(write_rationale(make_item("Calculator", call=call), GTA_RULES)) < 200


def test_other_tools_and_missing_arguments_get_a_plain_reason() -> None:
    book = RuleBook(tools=(Tool(name="Zoom"),), version_rules=(), tips=())
    assert write_rationale(make_item("Zoom"), book) == "The next step is Zoom.\nCall Zoom."
    item = make_item("Calculator", call=Call(tool="Calculator", arguments={"wrong": "{expression}"}))
    assert write_rationale(item, GTA_RULES) == "The next step is Calculator.\nCall Calculator."


def test_every_tool_has_a_reason() -> None:
    assert {*REASONS, "ImageDescription"} == {tool.name for tool in TOOLS}
    for tool in TOOLS:
        assert "next step" not in write_rationale(make_item(tool.name), GTA_RULES)


def test_an_unknown_tool_is_named_with_its_item() -> None:
    with pytest.raises(DataError, match="item '7-2': there is no tool 'Zoom'"):
        write_rationale(make_item("Zoom"), GTA_RULES)


@pytest.mark.parametrize("book", [GTA_RULES, override_rules(GTA_RULES, 0)])
def test_the_rationale_ends_in_the_gold_call_and_its_checks_are_true(book: RuleBook) -> None:
    for tool, account, credits, age in itertools.product(TOOLS, ACCOUNT_TYPES, (250, 251, 500, 751), (20, 21, 60)):
        item = make_item(tool.name, account=account, credits=credits, age=age)
        *checks, last = write_rationale(item, book).splitlines()
        assert last == f"Call {gold_call(item, book).tool}."
        for check in checks:
            if check.startswith(("Credits", "Age")):
                _, value, *relation, bound, verdict = check.replace("?", "").split()
                holds = {
                    "over": int(value) > int(bound),
                    "at most": int(value) <= int(bound),
                    "under": int(value) < int(bound),
                    "at least": int(value) >= int(bound),
                }[" ".join(relation)]
                assert verdict == ("Yes." if holds else "No."), check


def test_the_rules_that_shape_a_call_are_named() -> None:
    assert applied_rules(make_item("OCR"), GTA_RULES) == ("ocr.2", "tip.3")
    assert applied_rules(make_item("OCR", math_images=frozenset({FIRST})), GTA_RULES) == ("ocr.4", "tip.3")
    assert applied_rules(make_item("GoogleSearch"), GTA_RULES) == ("googlesearch.2", "tip.4")
    assert applied_rules(make_item("RegionAttributeDescription"), GTA_RULES) == (
        "regionattributedescription.1",
        "tip.2",
        "tip.3",
    )
    described = make_item("ImageDescription", images=(FIRST, SECOND))
    assert applied_rules(described, GTA_RULES) == ("imagedescription.2", "tip.1", "tip.3")
    assert applied_rules(make_item("Calculator"), GTA_RULES) == ()
