"""Data sets on disk: GTA's layout with its own tools and with others, and everything left out by name and reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimpi.errors import DataError
from trimpi.tasks.gta.directory import Skipped, load_gta_directory, read_tools, split_items
from trimpi.tasks.gta.items import Call, Item, Profile
from trimpi.tasks.gta.request import gold_call
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook
from trimpi.tasks.gta.tools import TOOLS

ROOT = Path(__file__).parents[3]
GTA = ROOT / "tests" / "fixtures" / "gta"
EXAMPLE = ROOT / "examples" / "gta"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fixture as a copy that a test may spoil."""
    return shutil.copytree(GTA, tmp_path / "gta_dataset")


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    content = json.loads((folder / "dataset.json").read_text())
    edit(content)
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def error_of(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        load_gta_directory(folder, book=GTA_RULES, seed=0)
    assert "\n" not in str(error.value)
    return str(error.value)


def gta_item(id: str) -> Item:
    return next(item for item in load_gta_directory(GTA, book=GTA_RULES, seed=0).items if item.id == id)


def make_items(*sizes: int) -> list[Item]:
    """So many items of dialog 0, of dialog 1, and so on."""
    return [
        Item(
            id=f"{dialog}-{number}",
            dialog=str(dialog),
            images={},
            profile=Profile(account_type="A", credits=0, age=30),
            query="?",
            history=(),
            call=Call(tool="Calculator", arguments={"expression": "1"}),
        )
        for dialog, size in enumerate(sizes)
        for number in range(1, size + 1)
    ]


def test_every_call_of_the_ten_dialogs_is_an_item_but_the_one_that_failed() -> None:
    report = load_gta_directory(GTA, book=GTA_RULES, seed=0)
    assert len(report.items) == 26
    assert len({item.id for item in report.items}) == 26
    assert len({item.dialog for item in report.items}) == 10
    assert {item.call.tool for item in report.items} == {tool.name for tool in TOOLS}
    assert report.skipped == (Skipped(dialog="8", step=1, reason="the call failed: the service did not answer"),)


def test_an_item_says_what_the_file_says() -> None:
    item = gta_item("0-2")
    assert item.query == "How much did I pay altogether?"
    assert item.images == {"image/image_1.jpg": (GTA / "image" / "image_1.jpg").resolve()}
    assert item.call == Call(tool="Calculator", arguments={"expression": "4 + 16 + 7"})
    assert [past.returned for past in item.history] == ["Receipt\nTea 4\nCake 16\nEgg 7"]
    assert item.thought == "Add the three amounts."


def test_names_that_are_spelled_differently_become_the_policys() -> None:
    found, described = gta_item("2-1"), gta_item("2-2")
    assert found.call.tool == "TextToBbox"
    assert found.call.arguments["image"] == "image/image_5.jpg"
    assert described.call.tool == "RegionAttributeDescription"
    assert described.history[0].call.tool == "TextToBbox"


def test_arguments_written_as_json_are_read() -> None:
    assert gta_item("6-2").call.arguments == {"keywords": "brown house, red roof, night"}


def test_calls_made_at_once_are_items_one_after_the_other() -> None:
    items = [gta_item(f"5-{number}") for number in range(1, 6)]
    assert [item.call.tool for item in items] == ["ImageDescription"] * 2 + ["OCR"] * 2 + ["Calculator"]
    assert list(items[0].images) == ["image/image_1.jpg", "image/image_7.jpg"]
    assert [past.returned for past in items[2].history] == [
        "A receipt for tea, cake and an egg.",
        "A receipt for milk, rice and a salad.",
    ]


def test_a_failed_call_is_not_in_the_history_of_those_after_it() -> None:
    assert gta_item("8-2").history == ()
    assert [past.returned for past in gta_item("8-4").history] == ["2", "3"]


def test_an_image_made_by_an_earlier_call_may_be_named() -> None:
    assert gta_item("7-3").call.arguments["image"] == "image/drawn_1.jpg"


def test_the_formulas_image_is_mathematical() -> None:
    assert gta_item("4-1").math_images == {"image/image_4.jpg"}


def test_users_are_drawn_by_seed_for_each_call_alone(folder: Path) -> None:
    first = load_gta_directory(GTA, book=GTA_RULES, seed=0).items
    other = load_gta_directory(GTA, book=GTA_RULES, seed=1).items
    assert [item.profile for item in first] != [item.profile for item in other]
    assert len({item.profile for item in first}) > 20
    change(folder, lambda content: content.pop("0"))
    fewer = load_gta_directory(folder, book=GTA_RULES, seed=0).items
    assert [item.profile for item in fewer] == [item.profile for item in first if item.dialog != "0"]


def test_another_data_set_brings_its_own_tools() -> None:
    tools = read_tools(EXAMPLE)
    assert [tool.name for tool in tools] == ["PlantName", "PriceList", "Stock", "Order"]
    shop = tools[2].arguments[1]
    assert (shop.name, shop.type, shop.required, shop.default) == ("shop", "text", False, "north")
    book = RuleBook(tools=tools, version_rules=(), tips=())
    report = load_gta_directory(EXAMPLE, book=book, seed=0)
    assert not report.skipped
    assert [gold_call(item, book).tool for item in report.items] == [
        "PlantName",
        "PriceList",
        "PlantName",
        "Stock",
        "Order",
        "PlantName",
        "Stock",
    ]


def test_the_fixtures_tools_are_the_policys() -> None:
    assert {tool.name: tool.arguments for tool in read_tools(GTA)} == {tool.name: tool.arguments for tool in TOOLS}


def test_a_tool_described_in_two_ways_is_refused(folder: Path) -> None:
    change(folder, lambda content: content["1"]["tools"][0].update(description="Something else."))
    with pytest.raises(DataError, match=r"dialog 1 describes the tool 'OCR' unlike an earlier dialog"):
        read_tools(folder)


def test_what_cannot_be_used_is_left_out_with_dialog_call_and_reason(folder: Path) -> None:
    shutil.copy(GTA / "defective.json", folder / "dataset.json")
    report = load_gta_directory(folder, book=GTA_RULES, seed=0)
    assert [item.id for item in report.items] == ["good-1", "value missing-1"]
    assert {(skip.dialog, skip.step): skip.reason for skip in report.skipped} == {
        ("not an object", None): "it is list; allowed is an object with files and dialogs",
        ("role unknown", None): "dialogs.1.role is 'narrator'; allowed is 'user', 'assistant' or 'tool'",
        ("silent user", None): "no user turn says anything: a request needs words",
        ("no call", None): "no assistant turn calls a tool: there is nothing to learn from it",
        ("two requests", None): "turn 3 is a second request: give each request a dialog of its own",
        ("value without call", None): "turn 1 gives a value of 'OCR', which no call waits for",
        ("call without name", None): 'turn 1: call 1 has no name; allowed is {"function": {"name": ..}}',
        ("sound", None): "its file sound.wav is of type 'audio'; only images can be used",
        ("unknown tool", 1): f"it calls 'Telescope'; the tools are {', '.join(tool.name for tool in TOOLS)}",
        ("unknown tool", 2): "it follows call 1, which cannot be used",
        ("arguments cut off", 1): "its arguments are not valid JSON (Expecting value: line 1 column 11 (char 10))",
        ("arguments a list", 1): "its arguments are list; allowed is an object, or one written as JSON",
        ("argument unknown", 1): "it gives OCR the argument 'language' which it does not have; allowed are image",
        ("argument missing", 1): "it gives RegionAttributeDescription no bbox",
        ("image unknown", 1): "it names the image 'image/image_77.jpg'; the dialog has image/image_1.jpg",
        ("value missing", 2): "it follows call 1, whose returned value is missing",
    }


def test_a_data_set_of_which_nothing_can_be_used_is_refused(folder: Path) -> None:
    (folder / "dataset.json").write_text(json.dumps({"a": [], "b": 3}))
    assert "no call that can be used; the first reason, of dialog a: it is list" in error_of(folder)


def test_a_file_that_is_cut_off_gives_one_line(folder: Path) -> None:
    shutil.copy(GTA / "cut_off.json", folder / "dataset.json")
    assert "dataset.json is not valid JSON" in error_of(folder)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    assert "give the folder that holds dataset.json and image/" in error_of(tmp_path)


def test_a_missing_image_is_named(folder: Path) -> None:
    (folder / "image" / "image_3.jpg").unlink()
    assert f"dialog 3: its image {folder / 'image' / 'image_3.jpg'} is missing" in error_of(folder)


def test_an_unreadable_image_is_named(folder: Path) -> None:
    (folder / "image" / "image_3.jpg").write_text("no image")
    assert "image_3.jpg cannot be read" in error_of(folder)


@pytest.mark.parametrize("place", ["../outside.jpg", "image/../../outside.jpg", "/etc/hostname"])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, place: str) -> None:
    shutil.copy(GTA / "image" / "image_1.jpg", folder.parent / "outside.jpg")
    change(folder, lambda content: content["0"]["files"][0].update(path=place))
    assert f"dialog 0: the image {place!r} leads outside" in error_of(folder)


def test_a_link_that_leaves_the_folder_is_refused(folder: Path) -> None:
    outside = shutil.copy(GTA / "image" / "image_1.jpg", folder.parent / "outside.jpg")
    (folder / "image" / "image_1.jpg").unlink()
    (folder / "image" / "image_1.jpg").symlink_to(outside)
    assert "leads outside" in error_of(folder)


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "image").rename(folder / "files")
    (folder / "image").symlink_to(folder / "files")
    assert len(load_gta_directory(folder, book=GTA_RULES, seed=0).items) == 26


def test_gtas_sizes_split_as_in_the_paper() -> None:
    """229 dialogs with 557 calls: 99 of three and 130 of two."""
    sides = split_items(make_items(*[3] * 99, *[2] * 130), seed=0)
    assert (len(sides["train"]), len(sides["test"])) == (451, 106)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=60), st.integers(0, 1000))
def test_dialogs_stay_on_one_side_and_both_sides_have_some(sizes: list[int], seed: int) -> None:
    items = make_items(*sizes)
    sides = split_items(items, seed=seed)
    train, test = ({item.dialog for item in sides[split]} for split in ("train", "test"))
    assert train
    assert test
    assert not train & test
    assert len(sides["train"]) + len(sides["test"]) == len(items)


def test_a_smaller_data_set_is_split_in_proportion() -> None:
    """106 of 557 is 19 %, so 38 of 200."""
    sides = split_items(make_items(*[2] * 100), seed=0)
    assert (len(sides["train"]), len(sides["test"])) == (162, 38)


def test_no_more_than_asked_for_is_taken() -> None:
    sides = split_items(make_items(*[2] * 100), train=50, test=20, seed=0)
    assert (len(sides["train"]), len(sides["test"])) == (50, 20)


def test_splits_are_a_function_of_the_seed_and_keep_the_order() -> None:
    items = make_items(*[2] * 20)
    assert split_items(items, seed=3) == split_items(items, seed=3) != split_items(items, seed=4)
    side = split_items(items, seed=3)["train"]
    assert sorted(side, key=items.index) == list(side)


def test_a_split_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="give at least 2"):
        split_items(make_items(5), seed=0)
    with pytest.raises(DataError, match="at least 1 of each"):
        split_items(make_items(1, 1), test=0, seed=0)
