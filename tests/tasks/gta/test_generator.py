"""Items made here: all rules and tools, deterministic, cached, pictures of one dialog only."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tasks.gta.fake_scenes import fake_rendered_scenes
from trimpi.errors import DataError
from trimpi.tasks.clevr import rendered
from trimpi.tasks.gta import generator, pictures
from trimpi.tasks.gta.chains import CHAINS
from trimpi.tasks.gta.directory import split_items
from trimpi.tasks.gta.generator import coverage, generate_items
from trimpi.tasks.gta.items import Item
from trimpi.tasks.gta.request import gold_call
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook
from trimpi.tasks.gta.tools import TOOLS, split_version

ROUNDS = 3


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


def make_items(
    cache_dir: Path, dialogs: int = ROUNDS * len(CHAINS), seed: int = 5, book: RuleBook = GTA_RULES
) -> tuple[Item, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "rendered_scenes", fake_rendered_scenes)
        return generate_items(dialogs, seed=seed, cache_dir=cache_dir, book=book)


@pytest.fixture(scope="module")
def items(cache_dir: Path) -> tuple[Item, ...]:
    return make_items(cache_dir)


def test_three_rounds_of_chains_exercise_every_rule_and_tool(items: tuple[Item, ...]) -> None:
    counts = coverage(items, GTA_RULES)
    assert list(counts) == list(GTA_RULES.rule_ids)
    assert len(counts) == 24
    assert min(counts.values()) >= 1, counts
    assert {item.call.tool for item in items} == {tool.name for tool in TOOLS}
    versions = {gold_call(item, GTA_RULES).tool for item in items}
    missing = {f"{tool.name}_v{n}" for tool in TOOLS for n in range(1, tool.versions + 1)} - versions
    assert not missing


def test_coverage_counts_by_hand(items: tuple[Item, ...]) -> None:
    """The second chain of the first round: OCR by its first rule (the first of its cases), a sum, a text."""
    dialog = [item for item in items if item.dialog == "00001"]
    assert [item.call.tool for item in dialog] == ["OCR", "Calculator", "AddText"]
    counts = coverage(dialog, GTA_RULES)
    assert {id: count for id, count in counts.items() if count} == {"ocr.1": 1, "tip.3": 2}


def test_items_are_a_function_of_the_seed(items: tuple[Item, ...], tmp_path: Path) -> None:
    def contents(items: tuple[Item, ...]) -> list[object]:
        return [
            (item.id, item.profile, item.query, item.history, item.call, [p.read_bytes() for p in item.images.values()])
            for item in items
        ]

    assert contents(make_items(tmp_path)) == contents(items)
    assert contents(make_items(tmp_path, seed=6)) != contents(items)


def test_fewer_dialogs_are_the_first_of_more(items: tuple[Item, ...], cache_dir: Path) -> None:
    few = make_items(cache_dir, dialogs=len(CHAINS))
    assert items[: len(few)] == few


def test_a_drawing_on_disk_is_not_made_again(
    items: tuple[Item, ...], cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(pictures, "draw", refuse)
    assert make_items(cache_dir) == items


def test_pictures_fit_the_base_model_and_belong_to_one_dialog(items: tuple[Item, ...]) -> None:
    owners: dict[Path, str] = {}
    for item in items:
        for path in item.images.values():
            assert Image.open(path).size <= (128, 128)
            assert owners.setdefault(path, item.dialog) == item.dialog


def test_no_picture_is_in_both_splits(items: tuple[Item, ...]) -> None:
    sides = split_items(items, seed=0)
    train, test = ({path for item in sides[split] for path in item.images.values()} for split in ("train", "test"))
    assert train
    assert test
    assert not train & test


def test_calls_name_the_dialogs_images_exactly(items: tuple[Item, ...]) -> None:
    for item in items:
        named = [call.arguments["image"] for call in _all_calls(item) if "image" in call.arguments]
        assert set(named) <= set(item.images)


def test_tips_hold_in_every_item(items: tuple[Item, ...]) -> None:
    for item in items:
        earlier = [(split_version(past.call.tool)[0], past) for past in item.history]
        if len(item.images) > 1 and item.call.tool != "ImageDescription":
            described = {past.call.arguments["image"] for tool, past in earlier if tool == "ImageDescription"}
            assert described == set(item.images)
        if item.call.tool == "RegionAttributeDescription":
            assert item.call.arguments["bbox"] in [past.returned for tool, past in earlier if tool == "TextToBbox"]
        if item.call.tool == "GoogleSearch":
            assert item.call.arguments["k"] == (4 if "Tell me" in item.query else 1)


def test_formulas_and_nothing_else_are_mathematical(items: tuple[Item, ...]) -> None:
    for item in items:
        mathematical = any(call.tool == "MathOCR" for call in _all_calls(item))
        if mathematical:
            assert item.math_images == set(item.images)
        if item.call.tool == "OCR":
            assert not item.math_images


def test_scenes_are_rendered_once_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "SHARD", 1)
    seen: list[tuple[int, int]] = []
    first = generate_items(1, seed=0, cache_dir=tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 1)]
    assert {Image.open(path).size for item in first for path in item.images.values()} == {(128, 96)}
    assert (
        generate_items(1, seed=0, cache_dir=tmp_path, progress=lambda done, total: seen.append((done, total))) == first
    )
    assert seen == [(1, 1)]


def test_a_book_without_the_tools_is_refused(cache_dir: Path) -> None:
    book = RuleBook(tools=TOOLS[:1], version_rules=(), tips=())
    with pytest.raises(DataError, match="there is no tool"):
        make_items(cache_dir, dialogs=2, book=book)


def test_scenes_stay_small_enough_to_describe(items: tuple[Item, ...]) -> None:
    described = [
        past.returned for item in items for past in item.history if past.call.tool.startswith("ImageDescription")
    ]
    assert max(text.count(",") + 1 for text in described) <= generator.MOST_OBJECTS


def _all_calls(item: Item) -> list:  # type: ignore[type-arg]
    return [*(past.call for past in item.history), item.call]
