from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.test_commands import invoke, one_line_refusal
from tasks.custom.folders import rows, write_folder
from trimpi.recipe import load_recipe
from trimpi.tasks.custom.starter_recipe import DataSize, write_recipe
from trimpi.tasks.registry import build_task


def test_a_new_folder_is_checked_and_ready(tmp_path: Path) -> None:
    folder = tmp_path / "my desk"
    code, output = invoke("init", str(folder))
    assert code == 0, output
    code, output = invoke("check", str(folder / "recipe.yaml"))
    assert code == 0, output
    assert "ready to run" in output and "look at" not in output
    assert "Condition 1.1" in output and "a year in prompts" in output
    recipe = load_recipe(folder / "recipe.yaml")
    task = build_task(recipe.task, seed=0, cache_dir=tmp_path)
    examples = [*task.examples("train"), *task.examples("test")]
    assert len({image.read_bytes() for example in examples for image in example.images}) == 32


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    assert invoke("init", str(folder))[0] == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "recipe.yaml is there already" in one_line_refusal("init", str(folder))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    assert "is not empty" in one_line_refusal("init", str(tmp_path / "full"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["note.txt"]


def test_rows_of_ones_own_get_a_recipe_that_fits(tmp_path: Path) -> None:
    call = {"name": "refund", "arguments": {}}
    train = [{"id": f"{number}", "prompt": f"{number}?", "answer": call} for number in range(3)]
    folder = write_folder(tmp_path / "own", train=train)
    assert invoke("init", str(folder), "--model", "some/vlm")[0] == 0
    recipe = load_recipe(folder / "recipe.yaml")
    assert (recipe.model.path, recipe.task.reward.type) == ("some/vlm", "tool_call")  # type: ignore[union-attr]
    assert [stage.type for stage in recipe.stages] == ["direct_sft"]


def test_many_rows_with_reasoning_get_the_three_stages(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", train=rows(128, "train"))
    assert invoke("init", str(folder))[0] == 0
    vm_cpt, cot_sft, rl = load_recipe(folder / "recipe.yaml").stages
    assert [vm_cpt.type, cot_sft.type, rl.type] == ["vm_cpt", "cot_sft", "rl"]
    # 40 and 120 steps of 16 rows over 128 rows.
    assert (vm_cpt.epochs, cot_sft.epochs) == (5, 15)  # type: ignore[union-attr]


@pytest.mark.parametrize(("rows_", "epochs"), [(10, (10, 20)), (512, (2, 4)), (100_000, (1, 1))])
def test_epochs_fall_as_rows_grow(rows_: int, epochs: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(write_recipe("x", "exact", DataSize(train=rows_, reasoned=True, longest_response=50)))
    stages = load_recipe(file).stages
    assert tuple(stage.epochs for stage in stages[:2]) == epochs  # type: ignore[union-attr]


def test_check_lists_every_gold_answer_that_never_scores(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    (folder / "recipe.yaml").write_text(
        "name: own\ntask: {type: custom, path: ., reward: {type: choice, choices: [left, up]}}\nstages: []\n"
    )
    code, output = invoke("check", str(folder / "recipe.yaml"))
    assert code == 2
    places = [Path(line.partition(": example")[0]).name for line in output.splitlines() if "scores 0" in line]
    assert places == ["train.jsonl:2", "train.jsonl:4", "test.jsonl:2"]
    assert "3 examples are wrong" in output


def test_data_import_is_beside_the_data_of_a_recipe(tmp_path: Path) -> None:
    logs = tmp_path / "logs.jsonl"
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"}]
    logs.write_text(json.dumps({"messages": chat}) + "\n" + json.dumps({}) + "\n")
    code, output = invoke("data", "import", str(logs), "--out", str(tmp_path / "desk"), "--test-share", "0")
    assert code == 0, output
    assert 'logs.jsonl:2: it has no "messages"' in output
    assert "1 training and 0 test rows; 1 lines left out" in output
