"""A dialog becomes one item for each call."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimpi.errors import DataError
from trimpi.tasks.gta.dialogs import Dialog, Step, next_calls, under_rules
from trimpi.tasks.gta.items import Call, Profile
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook, VersionRule
from trimpi.tasks.gta.tools import Tool

IMAGE = "image/image_3.jpg"
POOR = Profile(account_type="D", credits=100, age=30)
RICH = Profile(account_type="A", credits=900, age=18)


def make_dialog(*steps: tuple[str, dict[str, str], str]) -> Dialog:
    return Dialog(
        id="7",
        query="What does it cost?",
        images={IMAGE: Path("picture.png")},
        steps=tuple(
            Step(number=number, tool=tool, arguments=arguments, returned=returned, thought=f"thought {number}")
            for number, (tool, arguments, returned) in enumerate(steps, start=1)
        ),
    )


def make_receipt_dialog() -> Dialog:
    return make_dialog(
        ("OCR", {"image": IMAGE}, "Tea 4"),
        ("CountGivenObject", {"image": IMAGE, "text": "cup"}, "2"),
        ("Calculator", {"expression": "2 * 4"}, "8"),
    )


def test_every_call_is_an_item_with_the_calls_before_it() -> None:
    items = next_calls(make_receipt_dialog(), GTA_RULES, [POOR, RICH, POOR])
    assert [item.id for item in items] == ["7-1", "7-2", "7-3"]
    assert [item.call.tool for item in items] == ["OCR", "CountGivenObject", "Calculator"]
    assert [item.profile for item in items] == [POOR, RICH, POOR]
    assert [[past.returned for past in item.history] for item in items] == [[], ["Tea 4"], ["Tea 4", "2"]]
    assert items[1].thought == "thought 2"
    assert {item.dialog for item in items} == {"7"}


def test_past_calls_have_the_version_of_the_items_own_user() -> None:
    """OCR: 100 credits give v5; 900 credits and 18 years give v2. CountGivenObject: 100 credits give v1, 900 v4."""
    poor = next_calls(make_receipt_dialog(), GTA_RULES, [POOR] * 3)[2]
    rich = next_calls(make_receipt_dialog(), GTA_RULES, [RICH] * 3)[2]
    assert [past.call.tool for past in poor.history] == ["OCR_v5", "CountGivenObject_v1"]
    assert [past.call.tool for past in rich.history] == ["OCR_v2", "CountGivenObject_v4"]


def test_other_rules_change_the_versions_of_past_calls_and_nothing_else() -> None:
    item = next_calls(make_receipt_dialog(), GTA_RULES, [POOR] * 3)[1]
    tools = (Tool(name="OCR", versions=3),)
    book = RuleBook(
        tools=tools, version_rules=(VersionRule(id="ocr.1", tool="OCR", conditions=(), version=3),), tips=()
    )
    updated = under_rules(item, book)
    assert [past.call for past in updated.history] == [Call(tool="OCR_v3", arguments={"image": IMAGE})]
    assert (updated.call, updated.profile, updated.query) == (item.call, item.profile, item.query)
    assert under_rules(updated, GTA_RULES) == item


def test_images_that_mathocr_reads_are_mathematical() -> None:
    item = next_calls(make_dialog(("MathOCR", {"image": IMAGE}, "x = 2")), GTA_RULES, [POOR])[0]
    assert item.math_images == {IMAGE}
    assert next_calls(make_receipt_dialog(), GTA_RULES, [POOR] * 3)[0].math_images == frozenset()


def test_a_tool_without_description_is_refused() -> None:
    dialog = make_dialog(("Telescope", {}, "stars"), ("Calculator", {"expression": "1"}, "1"))
    with pytest.raises(DataError, match="Telescope"):
        next_calls(dialog, GTA_RULES, [POOR] * 2)
