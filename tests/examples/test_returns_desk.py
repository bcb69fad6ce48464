"""The example policy: its document, the tree its rows come from, and the rows that are shipped say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from examples.example_folder import EXAMPLES, maker_of, task_of
from trimpi.policies import load_policy
from trimpi.policies.outline import outline
from trimpi.tasks.clevr.ontology import noun_phrase, predicate
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.custom.task import CustomTask
from trimpi.update.rows import read_examples

FOLDER = EXAMPLES / "returns-desk"


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    with maker_of(FOLDER) as module:
        yield module


@pytest.fixture(scope="module")
def task() -> CustomTask:
    return task_of(FOLDER)


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


@pytest.mark.parametrize(("file", "tree"), [("policy.md", "DESK"), ("policy-v2.md", "DESK_2")])
def test_the_document_says_what_the_tree_says(file: str, tree: str, maker: ModuleType) -> None:
    policy = load_policy(FOLDER / file)
    sections = {section.id: section.text for section in outline(policy, (FOLDER / file).read_text())}
    for node in nodes(getattr(maker, tree)):
        said = f"{question(node, maker)} Yes: {leads(node.yes)} No: {leads(node.no)}"
        assert sections[f"Condition {node.id}"].partition("\n")[2].strip() == said


def test_the_rows_are_sound_and_exercise_every_condition(task: CustomTask) -> None:
    task.validate()
    assert (len(task.examples("train")), len(task.examples("test"))) == (150, 100)
    assert [finding.message for finding in task.findings()] == [
        "no train and no test row exercises the section 'What the cases mean'"
    ]


def test_the_next_version_changes_one_condition_and_its_rows_are_answered(task: CustomTask) -> None:
    old, new = (load_policy(FOLDER / name) for name in ("policy.md", "policy-v2.md"))
    assert old.name == new.name and old.content_hash != new.content_hash
    for split in ("train", "test"):
        decided = {one.id for one in task.examples(split) if "Condition 1.2.2" in one.meta["sections"]}
        given = read_examples(FOLDER / f"{split}-v2.jsonl", task.files)
        assert {one.id for one in given} == decided
        assert {one.answer for one in given} == {"Case 6", "Case 7"}


def test_a_decision_by_hand(maker: ModuleType, tmp_path: Path) -> None:
    empty = Scene(id="", image=tmp_path / "a.png", objects=())
    Image.new("RGB", (8, 8)).save(empty.image)
    steps, sections, case = maker.decide(empty, "D")
    assert (sections, case) == (["Condition 1", "Condition 1.2", "Condition 1.2.2"], "Case 7")
    assert steps[0] == "Condition 1: the image shows red. Is there a red object? No."
