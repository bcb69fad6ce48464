from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from tasks.gta.fake_scenes import fake_rendered_scenes
from trimpi.errors import DataError
from trimpi.recipe import GtaDirectory, GtaTaskConfig
from trimpi.rewards.response import write_response
from trimpi.tasks.clevr import rendered
from trimpi.tasks.gta.task import GtaTask
from trimpi.types import Completion, Example, Score

FIXTURE = Path(__file__).parents[2] / "fixtures" / "gta"
OTHER_TOOLS = Path(__file__).parents[3] / "examples" / "gta"


def task_of(path: Path = FIXTURE, *, tools: Literal["gta", "own"] = "gta") -> GtaTask:
    config = GtaTaskConfig(data=GtaDirectory(path=path, tools=tools), similarity="exact")
    return GtaTask(config, seed=0, cache_dir=Path("unused"))


@pytest.fixture(scope="module")
def task() -> GtaTask:
    return task_of()


def score(task: GtaTask, example: Example, answer: str, *, truncated: bool = False) -> Score:
    return task.score(example, Completion(text=write_response("so", answer), token_ids=(), truncated=truncated))


def versioned(task: GtaTask) -> tuple[Example, dict[str, object]]:
    """An example whose tool has versions, and its gold call."""
    examples = [example for split in ("train", "test") for example in task.examples(split)]  # type: ignore[arg-type]
    example = next(example for example in examples if "_v" in json.loads(example.answer)["name"])
    return example, json.loads(example.answer)


def test_the_fixture_passes_its_own_check(task: GtaTask) -> None:
    task.validate()
    assert list(task.policies) == ["GTAPolicy"]
    assert sum(len(task.examples(split)) for split in ("train", "test")) > 20  # type: ignore[arg-type]


def test_no_dialog_is_in_both_splits(task: GtaTask) -> None:
    dialogs = [{example.id.rpartition("-")[0] for example in task.examples(split)} for split in ("train", "test")]  # type: ignore[arg-type]
    assert not dialogs[0] & dialogs[1]


def test_what_cannot_be_used_is_said_with_its_reason(tmp_path: Path) -> None:
    for file in FIXTURE.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(FIXTURE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    (tmp_path / "dataset.json").write_bytes((FIXTURE / "defective.json").read_bytes())
    left_out = task_of(tmp_path).left_out
    assert left_out
    assert all(line.startswith("dialog ") and ": " in line for line in left_out)


@pytest.mark.parametrize(
    ("change", "parts", "error"),
    [
        ({}, {"tool": 1.0, "argument": 1.0, "overall": 1.0}, None),
        ({"name": "Nothing"}, {"tool": 0.0, "argument": 1.0, "overall": 0.5}, "wrong_tool"),
        ({"arguments": {}}, {"tool": 1.0, "argument": 0.0, "overall": 0.5}, "wrong_argument:image"),
    ],
)
def test_half_is_the_tool_and_half_its_arguments(
    task: GtaTask, change: Mapping[str, object], parts: Mapping[str, float], error: str | None
) -> None:
    example = next(
        example
        for example in task.examples("train")
        if list(json.loads(example.answer)["arguments"]) == ["image"] and "_v" in example.answer
    )
    given = score(task, example, json.dumps({**json.loads(example.answer), **change}))
    assert (given.parts, given.error) == (parts, error)
    assert given.value == pytest.approx(parts["overall"], abs=1e-6)
    assert given.outcome == ("correct" if error is None else "wrong")


def test_another_version_is_an_error_of_its_own(task: GtaTask) -> None:
    example, call = versioned(task)
    other = f"{str(call['name'])[:-1]}9"
    assert score(task, example, json.dumps({**call, "name": other})).error == "wrong_version"


def test_no_answer_malformed_and_truncated_are_told_apart(task: GtaTask) -> None:
    example, _ = versioned(task)
    nothing = Completion(text="<think>hm</think>", token_ids=())
    assert (task.score(example, nothing).outcome, task.score(example, nothing).error) == ("no_answer", "no_answer")
    cut = Completion(text="<think>hm", token_ids=(), truncated=True)
    assert (task.score(example, cut).outcome, task.score(example, cut).error) == ("truncated", "truncated")
    assert score(task, example, "OCR please").error == "malformed"


def test_an_override_changes_requests_and_gold_calls_but_not_the_policy(task: GtaTask) -> None:
    updated = task.override()
    updated.validate()
    assert updated.policies == task.policies
    pairs = list(zip(task.examples("train"), updated.examples("train"), strict=True))
    assert all("Updated rules." in new.prompt and "Updated rules." not in old.prompt for old, new in pairs)
    ocr = [(old, new) for old, new in pairs if '"OCR_v' in old.answer]
    assert ocr
    assert all((old.answer == new.answer) == ("OCR_v3" in old.answer) for old, new in ocr), "version 3 alone stays"


def test_edits_are_of_growing_size_and_the_policy_stays(task: GtaTask) -> None:
    edits = task.edits()
    assert list(edits) == ["one rule", "some rules", "all rules"]
    for edited in edits.values():
        edited.validate()
        assert edited.policies == task.policies
        assert [example.id for example in edited.examples("test")] == [example.id for example in task.examples("test")]
    counts = task.coverage("test")
    changed = [
        len(
            [
                new
                for old, new in zip(task.examples("test"), edited.examples("test"), strict=True)
                if old.answer != new.answer
            ]
        )
        for edited in edits.values()
    ]
    assert 0 < changed[0] <= changed[2]
    assert changed[0] == max(
        counts[rule.id] for rule in task._book.version_rules if task._book.tool(rule.tool).versions > 1
    )


def test_policies_of_other_names_are_not_to_be_had(task: GtaTask) -> None:
    assert task.unseen() is None and task.unnamed(task.examples("test")[0]) is None


def test_examples_name_the_rules_that_decide_them(task: GtaTask) -> None:
    example, _ = versioned(task)
    assert set(example.meta["sections"]) <= set(task.coverage("train"))
    assert len(task.coverage("train")) == 24


def test_a_data_set_with_other_tools_brings_its_own() -> None:
    task = task_of(OTHER_TOOLS, tools="own")
    task.validate()
    assert "OCR_v" not in task.policies["GTAPolicy"].text
    assert set(task.coverage("train")) <= {"tip.1", "tip.2", "tip.3", "tip.4"}


def test_generated_items_fill_both_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "rendered_scenes", fake_rendered_scenes)
    config = GtaTaskConfig(train_examples=60, test_examples=20, similarity="exact")
    task = GtaTask(config, seed=0, cache_dir=tmp_path)
    task.validate()
    assert 50 <= len(task.examples("train")) <= 60
    assert 10 <= len(task.examples("test")) <= 20


def test_a_folder_that_is_no_data_set_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.json"):
        task_of(tmp_path)


def test_gold_rationales_are_judged_flawless_under_the_rules_that_hold(task: GtaTask) -> None:
    for tried in (task, task.override()):
        for example in tried.examples("train"):
            gold = Completion(text=write_response(example.cot, example.answer), token_ids=())
            judgement = tried.judge(example, gold)
            assert judgement.score == 10
            assert set(judgement.cited) <= set(tried.section_ids("GTAPolicy"))


def test_an_old_version_is_a_wrong_step_under_an_update(task: GtaTask) -> None:
    updated = task.override()
    pairs = zip(task.examples("train"), updated.examples("train"), strict=True)
    old, new = next(pair for pair in pairs if pair[0].answer != pair[1].answer)
    judgement = updated.judge(new, Completion(text=write_response(old.cot, old.answer), token_ids=()))
    assert judgement.error == "branching"


def test_the_rules_of_every_versioned_tool_can_be_asked_for(task: GtaTask) -> None:
    recitations = task.recitations()
    assert [example.prompt.split()[-1] for example in recitations[:2]] == ["OCR?", "CountGivenObject?"]
    for example in recitations:
        assert example.answer in task.policies["GTAPolicy"].text.replace("\n- ", " ")
        assert (
            task.score_recitation(example, Completion(text=write_response("", example.answer), token_ids=())).value == 1
        )
        assert task.score_recitation(example, Completion(text=write_response("", "OCR_v1"), token_ids=())).value == 0
