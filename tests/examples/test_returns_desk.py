"""The example policy: its document, the tree its rows come from, and the rows that are shipped say the same."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from trimpi.recipe import load_recipe
from trimpi.tasks.clevr.ontology import noun_phrase, predicate
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.custom.task import CustomTask

FOLDER = Path(__file__).parents[2] / "examples" / "returns-desk"


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_data", FOLDER / "make_data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_data"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_data"]


@pytest.fixture(scope="module")
def task() -> CustomTask:
    config = load_recipe(FOLDER / "recipe.yaml").task
    return CustomTask(config)  # type: ignore[arg-type]


def nodes(node: Any) -> Iterator[Any]:
    if not isinstance(node, str):
        yield node
        yield from nodes(node.yes)
        yield from nodes(node.no)


def leads(node: Any) -> str:
    return f"respond {node}." if isinstance(node, str) else f"go to Condition {node.id}."


def question(node: Any, maker: ModuleType) -> str:
    if isinstance(node, maker.Tier):
        return f"Is the account's type {node.tier}?"
    if node.shown:
        return "Is there an object of this color: ?"
    if node.id == "1.1.2":
        return f"Is one of those objects {predicate('material', node.values['material'])}?"
    return f"Is there a {noun_phrase(node.values)}?"


def test_the_document_says_what_the_tree_says(task: CustomTask, maker: ModuleType) -> None:
    sections = {section.id: section.text for section in task.files["Returns-Desk"].sections}
    for node in nodes(maker.DESK):
        said = f"{question(node, maker)} Yes: {leads(node.yes)} No: {leads(node.no)}"
        assert sections[f"Condition {node.id}"].partition("\n")[2].strip() == said


def test_the_rows_are_sound_and_exercise_every_condition(task: CustomTask) -> None:
    task.validate()
    assert (len(task.examples("train")), len(task.examples("test"))) == (150, 100)
    assert [finding.message for finding in task.findings()] == [
        "no train and no test row exercises the section 'What the cases mean'"
    ]


def test_a_decision_by_hand(maker: ModuleType, tmp_path: Path) -> None:
    empty = Scene(id="", image=tmp_path / "a.png", objects=())
    Image.new("RGB", (8, 8)).save(empty.image)
    steps, sections, case = maker.decide(empty, "D")
    assert (sections, case) == (["Condition 1", "Condition 1.2", "Condition 1.2.2"], "Case 7")
    assert steps[0] == "Condition 1: the image shows red. Is there a red object? No."
