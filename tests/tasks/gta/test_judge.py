"""The judge of rationales: cases by hand, gold rationales of every profile, planted errors, hostile text."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickness import answered_within
from trimpi.tasks.gta.items import ACCOUNT_TYPES, Call, Item, PastCall, Profile
from trimpi.tasks.gta.judge import judge_rationale
from trimpi.tasks.gta.override import override_rules
from trimpi.tasks.gta.rationale import write_rationale
from trimpi.tasks.gta.request import gold_call, write_call
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook
from trimpi.tasks.gta.tools import TOOLS, Tool
from trimpi.types import Judgement

IMAGE = "image/image_1.jpg"
BOX = "(10, 20, 30, 40)"
ARGUMENTS = {"image": IMAGE, "query": "towers", "k": 1, "bbox": BOX, "attribute": "color", "text": "cube"}
OCR = (
    "The text in image/image_1.jpg is needed. Read it.",
    "Mathematical expressions in image/image_1.jpg? No, so OCR.",
    "Credits 730 at most 250? No.",
    "Credits 730 at most 750? Yes.",
    "Account B is A or B? Yes.",
    "Call OCR_v4.",
)


def make_item(tool: Tool, profile: Profile, **changes: object) -> Item:
    names = [argument.name for argument in tool.arguments]
    item = Item(
        id="7-2",
        dialog="7",
        images={IMAGE: Path(IMAGE)},
        profile=profile,
        query="What now?",
        history=(PastCall(call=Call(tool="TextToBbox", arguments={}), returned=f"{BOX}, score 84"),),
        call=Call(tool=tool.name, arguments={name: ARGUMENTS[name] for name in names if name in ARGUMENTS}),
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def tool_named(name: str) -> Tool:
    return next(tool for tool in TOOLS if tool.name == name)


PROFILE = Profile(account_type="B", credits=730, age=34)
ITEM = make_item(tool_named("OCR"), PROFILE)


def boxed(name: str) -> str:
    return write_call(Call(tool=name, arguments={"image": IMAGE}))


def judge(lines: Sequence[str], name: str = "OCR_v4", item: Item = ITEM) -> Judgement:
    return judge_rationale("\n".join(lines), item, GTA_RULES, boxed(name))


def test_a_flawless_rationale_scores_ten() -> None:
    judgement = judge(OCR)
    assert judgement.score == 10
    assert [step.verdict for step in judgement.steps] == ["unread", *["right"] * 5]
    assert judgement.cited == ("ocr.4", "ocr.1", "ocr.2", "ocr.2")


def test_the_order_of_checks_and_their_opposites_do_not_matter() -> None:
    lines = ["account B is A or B? yes", OCR[1], "Credits 730 over 250? Yes.", "Credits 730 over 750? No.", OCR[-1]]
    assert judge(lines).score == 10


@pytest.mark.parametrize(
    ("at", "line", "error"),
    [
        (1, "Mathematical expressions in image/image_1.jpg? No, so MathOCR.", "branching"),
        (2, "Credits 130 at most 250? Yes.", "perception"),
        (2, "Credits 730 at most 300? No.", "recall"),
        (2, "Age 34 under 60? Yes.", "recall"),
        (2, "Credits 730 at most 250? Maybe.", "format"),
        (3, "Credits 730 at most 250? No.", "branching"),
        (3, "Credits 730 over 250? Yes.", "branching"),
        (4, "Account C is A or B? No.", "perception"),
        (4, "Account B is A, B or C? Yes.", "recall"),
        (4, "Account B is a cat? Yes.", "format"),
        (5, "Call OCR_v9.", "recall"),
        (5, "Call Telescope.", "recall"),
        (5, "Call OCR.", "recall"),
        (5, "Call OCR_v3.", "branching"),
        (5, "Call MathOCR.", "branching"),
        (5, "Call Calculator.", "branching"),
        (5, "It is OCR_v4.", "format"),
    ],
)
def test_every_error_is_found_where_it_happens(at: int, line: str, error: str) -> None:
    lines = [*OCR[:at], line, *OCR[at + 1 :]]
    judgement = judge(lines)
    found = len(lines) if line.startswith("It is") else at
    assert (judgement.first_wrong, judgement.error) == (found, error)
    assert judgement.score == 10 * (at - 1) / 5


def test_a_wrong_verdict_is_judged_onward_as_stated() -> None:
    wrong = "Account B is A or B? No."
    judgement = judge([*OCR[:4], wrong, "Call OCR_v3."], "OCR_v3")
    assert [step.error for step in judgement.steps] == [None, None, None, None, "perception", None]
    maths = "Mathematical expressions in image/image_1.jpg? Yes, so MathOCR."
    judgement = judge([maths, "Call MathOCR."], "MathOCR")
    assert [step.error for step in judgement.steps] == ["perception", None]


def test_a_version_needs_the_checks_that_lead_to_it() -> None:
    judgement = judge([*OCR[:4], OCR[5]])
    assert judgement.error == "branching"
    assert judgement.steps[-1].why == "the checks before lead to no version yet"
    assert "mathematical" in judge([OCR[2], OCR[3], OCR[4], OCR[5]]).steps[-1].why


def test_the_call_must_be_the_boxed_one() -> None:
    assert judge(OCR, "OCR_v3").error == "format"
    assert judge_rationale("\n".join(OCR), ITEM, GTA_RULES, None).error == "format"
    assert judge_rationale("\n".join(OCR), ITEM, GTA_RULES, "OCR_v4").error == "format"


def test_searches_and_boxes_are_held_against_the_item() -> None:
    search = make_item(tool_named("GoogleSearch"), PROFILE)
    lines = write_rationale(search, GTA_RULES).splitlines()
    at = lines.index("Question open-ended? No, so k = 1.")
    for line, error in (
        ("Question open-ended? Yes, so k = 4.", "perception"),
        ("Question open-ended? No, so k = 4.", "branching"),
    ):
        assert judge([*lines[:at], line, *lines[at + 1 :]], gold_call(search, GTA_RULES).tool, search).error == error
    region = make_item(tool_named("RegionAttributeDescription"), PROFILE)
    lines = write_rationale(region, GTA_RULES).splitlines()
    at = lines.index(f"TextToBbox gave the box {BOX}.")
    lines[at] = "TextToBbox gave the box (1, 2, 3, 4)."
    judgement = judge(lines, gold_call(region, GTA_RULES).tool, region)
    assert (judgement.first_wrong, judgement.error) == (at, "perception")


@pytest.mark.parametrize("book", [GTA_RULES, override_rules(GTA_RULES, 0)])
def test_gold_rationales_score_ten(book: RuleBook) -> None:
    for tool, account, credits, age in itertools.product(TOOLS, ACCOUNT_TYPES, (0, 250, 251, 500, 751), (20, 21, 60)):
        for maths in (frozenset(), frozenset({IMAGE})):
            item = make_item(tool, Profile(account_type=account, credits=credits, age=age), math_images=maths)
            call = gold_call(item, book).tool
            judgement = judge_rationale(write_rationale(item, book), item, book, boxed(call))
            assert judgement.score == 10, judgement


def test_a_planted_error_is_found_at_its_line() -> None:
    rng = random.Random(0)
    checked = 0
    while checked < 500:
        profile = Profile(account_type=rng.choice(ACCOUNT_TYPES), credits=rng.randint(0, 1000), age=rng.randint(0, 90))
        item = make_item(rng.choice(TOOLS), profile)
        call = gold_call(item, GTA_RULES).tool
        lines = write_rationale(item, GTA_RULES).splitlines()
        checks = [at for at, line in enumerate(lines) if line.startswith(("Credits", "Age", "Account"))]
        if not checks:
            continue
        at = rng.choice(checks)
        verdict = lines[at].split("?")[1]
        other = {" Yes.": " No.", " No.": " Yes."}[verdict]
        planted, error = rng.choice(
            (
                (lines[at].replace(verdict, other), "perception"),
                (lines[at].replace(verdict, " Sure."), "format"),
                ("Credits 5 over 5? No.", "recall"),
                ("Call " + call.rpartition("_v")[0] + "_v77.", "recall"),
            )
        )
        if planted.startswith("Call"):
            at = len(lines) - 1
        judgement = judge([*lines[:at], planted, *lines[at + 1 :]], call, item)
        assert (judgement.first_wrong, judgement.error) == (at, error), "\n".join(lines) + f"\n{planted}"
        checked += 1


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "Call " * 20_000,
        "Call OCR_v4.\n" * 5_000,
        "Credits 730 at most 250? No.\n" * 3_000,
        "Credits " + "1" * 100_000 + " over 5? Yes.",
        "Account b is " + "a, " * 30_000,
        "Mathematical expressions in " + "? yes, so " * 10_000,
        "TextToBbox gave the box (\n" * 4_000,
        "\ud800\u2028Credits ٣ over ٣? Yes.\n" * 2_000,
    ],
)
def test_hostile_text_is_judged_quickly(text: str) -> None:
    assert answered_within(2.0, lambda: judge_rationale(text, ITEM, GTA_RULES, text)).score < 10


@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    assert judge([text]).score == 0
