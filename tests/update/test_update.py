"""Updates of a small run through the command line, with a tiny model that learns nothing much."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.test_commands import invoke, one_line_refusal
from tasks.custom.folders import POLICY, rows, write_folder
from tiny_task import save_tiny_model
from trimpi.recipe import CustomTaskConfig, load_recipe
from trimpi.recipe.rewards import ChoiceReward
from trimpi.run.directory import RunDirectory
from trimpi.run.processes import SingleProcess
from trimpi.serving.source import find_model
from trimpi.update.versions import VersionHistory

pytestmark = pytest.mark.slow
RECIPE = """
name: desk
model: {{path: {model}}}
task: {{type: custom, path: ., reward: choice}}
stages:
  - {{type: vm_cpt, learning_rate: 1.0e-3, epochs: 4, batch_size: 2}}
  - {{type: cot_sft, learning_rate: 1.0e-3, epochs: 2, batch_size: 2}}
evaluation:
  batch_size: 4
  max_new_tokens: 8
  efficiency: {{examples: 1, repeats: 1, new_tokens: 2, query_lengths: [], batch: 1}}
"""
NEW = POLICY.replace("Say left.", "Say up.")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `desk`, the task, and `run`, finished."""
    folder = tmp_path_factory.mktemp("finished")
    save_tiny_model(folder / "base")
    desk = write_folder(folder / "desk")
    (desk / "recipe.yaml").write_text(RECIPE.format(model=folder / "base"))
    code, output = invoke("run", str(desk / "recipe.yaml"), "--out", str(folder / "run"))
    assert code == 0, output
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished / "run", tmp_path / "a run")


@pytest.fixture
def new_policy(finished: Path, tmp_path: Path) -> Path:
    """A new version beside what it shows, and the rows it changes."""
    folder = tmp_path / "new"
    shutil.copytree(finished / "desk" / "images", folder / "images")
    (folder / "policy-v2.md").write_text(NEW)
    for split in ("train", "test"):
        changed = [{**row, "answer": "up"} for row in rows(4, split) if row["answer"] == "left"]
        write(folder / f"{split}-v2.jsonl", changed[: 2 if split == "train" else 1])
    return folder


def write(file: Path, data: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in data))


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def update(run: Path, new: Path, *options: str, given: bool = True) -> tuple[int, str]:
    files = ("--train", str(new / "train-v2.jsonl"), "--test", str(new / "test-v2.jsonl")) if given else ()
    return invoke("update", str(run), str(new / "policy-v2.md"), *files, *options)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_update_says_what_changes_trains_measures_and_can_be_taken_back(run: Path, new_policy: Path) -> None:
    first = digests(run / "stages")
    code, output = update(run, new_policy)
    assert code == 0, output
    assert "changed: Red labels" in output and "Say up." in output
    assert "train rows: 2 changed or new" in output and "2 untouched\n" in output
    assert "what the update did" in output and "untouched" in output
    policy = new_policy / "policy-v2.md"
    for command in (f"serve '{run}'; ", f"versions '{run}' --use 1 goes", f"serve '{run}' --policy {policy} --update"):
        assert f"trimpi {command}" in output
    history = VersionHistory(run)
    assert history.current.number == 2 and history.current.parent == 1
    task = run / "versions" / "02" / "task"
    page = (run / "versions" / "02" / "run" / "report.html").read_text()
    assert 'id="update"' in page and "New policy in prompt" in page
    assert [row["answer"] for row in read(task / "train.jsonl")] == ["up", "up", "right", "right"]
    assert find_model(str(run)).path == str(history.model(history.current))
    assert find_model(str(run)).path.startswith(str(run / "versions"))

    code, output = invoke("versions", str(run), "--use", "1")
    assert code == 0 and "1 in use" in output
    assert find_model(str(run)).path == str(run / "stages" / "02-cot_sft")
    assert digests(run / "stages") == first  # so the old answers are the old ones exactly


def test_an_update_begins_at_the_previous_model_and_asks_it_too(run: Path, new_policy: Path) -> None:
    update(run, new_policy)
    folder = run / "versions" / "02" / "run"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["model"]["resolved"] == str((run / "stages" / "02-cot_sft").resolve())
    assert [stage["type"] for stage in manifest["stages"]] == ["vm_cpt", "cot_sft"]
    assert [stage["steps"] for stage in manifest["stages"]] == [2, 2]  # a quarter and a half of the epochs
    assert {row["gold"] for row in read(folder / "eval" / "00-base" / "accuracy.jsonl")} == {"up", "right"}


def test_the_choices_stay_those_of_all_rows(run: Path, new_policy: Path) -> None:
    """With nothing replayed, the rows that are trained on have one answer."""
    assert update(run, new_policy, "--replay", "0")[0] == 0
    recipe = load_recipe(run / "versions" / "02" / "run" / "recipe.yaml")
    assert isinstance(recipe.task, CustomTaskConfig)
    # "left" is no answer now, but what the update is to unlearn, and looked for.
    assert recipe.task.reward == ChoiceReward(choices=["up", "right", "left"])


def test_a_version_can_be_updated_again_from_all_of_its_rows(run: Path, new_policy: Path) -> None:
    assert update(run, new_policy, "--replay", "0.5")[0] == 0
    assert len(read(run / "versions" / "02" / "task" / "kept.jsonl")) == 1
    (new_policy / "policy-v2.md").write_text(NEW.replace("Say right.", "Say down."))
    code, output = update(run, new_policy, "--answers-stand", given=False)
    assert code == 0, output
    assert "version 3, from version 2" in output and "changed: Blue labels" in output
    everything = [read(run / "versions" / "03" / "task" / name) for name in ("train.jsonl", "kept.jsonl")]
    assert {row["id"] for rows in everything for row in rows} == {row["id"] for row in rows(4, "train")}
    assert VersionHistory(run).current.parent == 2


def test_after_going_back_the_next_update_is_of_the_version_in_use(run: Path, new_policy: Path) -> None:
    update(run, new_policy)
    invoke("versions", str(run), "--use", "1")
    assert update(run, new_policy)[0] == 0
    history = VersionHistory(run)
    assert (history.current.number, history.current.parent) == (3, 1)


def test_rows_without_an_answer_are_left_out_and_can_be_answered_in_the_folder(run: Path, new_policy: Path) -> None:
    code, output = update(run, new_policy, "--prepare", given=False)
    assert code == 0 and "2 left out" in output and "unanswered-train.jsonl" in output
    code, output = update(run, new_policy, given=False)
    assert code == 2 and "no training row would teach what has changed (Red labels)" in output
    task = run / "versions" / "02" / "task"
    for split in ("train", "test"):
        answered = [{**row, "answer": "up"} for row in read(task / f"unanswered-{split}.jsonl")]
        write(task / f"{split}.jsonl", [*read(task / f"{split}.jsonl"), *answered])
    code, output = update(run, new_policy, given=False)
    assert code == 0, output
    results = json.loads((run / "versions" / "02" / "results.json").read_text())
    assert {group["name"]: group["before"][1] for group in results["groups"]} == {
        "affected": 1,
        "untouched": 1,
        "old answers": 1,
    }


def test_what_was_prepared_is_replaced_until_it_is_edited(run: Path, new_policy: Path) -> None:
    update(run, new_policy, "--prepare", given=False)
    assert update(run, new_policy, "--prepare")[0] == 0
    task = run / "versions" / "02" / "task"
    assert len(read(task / "train.jsonl")) == 4 and not (task / "unanswered-train.jsonl").exists()
    write(task / "train.jsonl", read(task / "train.jsonl")[:3])
    code, output = update(run, new_policy, "--prepare", given=False)
    assert code == 2 and "has been edited since" in output
    assert len(read(task / "train.jsonl")) == 3


def test_a_stopped_update_goes_on_and_is_in_use_only_when_it_is_measured(
    run: Path, new_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(run, new_policy, monkeypatch)
    assert VersionHistory(run).current.number == 1
    code, output = update(run, new_policy)
    assert code == 0 and "finished before, kept" in output
    assert VersionHistory(run).current.number == 2


def interrupted(run: Path, new: Path, monkeypatch: pytest.MonkeyPatch, *settings: str) -> None:
    """An update that is trained, and stopped before it is measured."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("trimpi.update.finishing.finish_update", interrupt)
        code, output = update(run, new, *settings)
    assert code == 130, output


def test_a_prepared_update_goes_on_where_its_run_was_moved(run: Path, new_policy: Path) -> None:
    assert update(run, new_policy, "--prepare")[0] == 0
    moved = run.rename(run.with_name("moved"))
    code, output = update(moved, new_policy)
    assert code == 0, output
    manifest = json.loads((moved / "versions" / "02" / "run" / "manifest.json").read_text())
    assert manifest["model"]["resolved"] == str((moved / "stages" / "02-cot_sft").resolve())


def test_a_begun_update_goes_on_where_its_run_was_moved(
    run: Path, new_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(run, new_policy, monkeypatch)
    once = run.rename(run.with_name("once"))
    interrupted(once, new_policy, monkeypatch)
    twice = once.rename(run.with_name("twice"))
    code, output = update(twice, new_policy)
    assert code == 0 and output.count("finished before, kept") == 2, output


def test_a_begun_update_goes_on_with_its_settings_alone(
    run: Path, new_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(run, new_policy, monkeypatch, "stages.1.epochs=2")
    code, output = update(run, new_policy)
    assert code == 2 and "stages.1.epochs: given 1.0, recorded 2.0" in output and "--out" not in output
    folder = run / "versions" / "02"
    assert f"to start afresh, delete {folder / 'run'}: policy, rows and recipe stay in {folder / 'task'}" in output
    code, output = update(run, new_policy, "stages.1.epochs=2")
    assert code == 0 and output.count("finished before, kept") == 2, output


def test_one_process_at_a_time_updates_a_run(run: Path, new_policy: Path) -> None:
    with RunDirectory(run).locked():
        code, output = update(run, new_policy, "--prepare")
    assert code == 2 and f"another process works in {run}" in output
    assert not (run / "versions").exists()


def test_of_several_processes_the_main_one_alone_writes(
    run: Path, new_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Another(SingleProcess):
        count = 2
        is_main = False

        def barrier(self) -> None:
            assert not (run / "versions").exists()

    monkeypatch.setattr("trimpi.run.processes.join_processes", Another)
    assert update(run, new_policy) == (0, "")
    assert not (run / "versions").exists() and not (run / "versions.json").exists()


@pytest.mark.thorough
def test_two_processes_update_together(run: Path, new_policy: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "trimpi"]
    files = ["--train", str(new_policy / "train-v2.jsonl"), "--test", str(new_policy / "test-v2.jsonl")]
    command = [*launcher, "update", str(run), str(new_policy / "policy-v2.md"), *files]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("version 2 is in use") == 1
    manifest = json.loads((run / "versions" / "02" / "run" / "manifest.json").read_text())
    assert manifest["processes"] == 2 and [stage["steps"] for stage in manifest["stages"]] == [1, 1]
    assert VersionHistory(run).current.number == 2


def test_rows_of_which_nobody_knows_what_decides_them_are_said(run: Path, new_policy: Path) -> None:
    file = run / "data" / "train.jsonl"
    write(file, [{**row, "cot": "I see.", "sections": []} if row["id"] == "train-1" else row for row in read(file)])
    code, output = update(run, new_policy, "--prepare")
    assert code == 0 and "1 of the untouched name no section that could have changed: train-1" in output


def test_refusals(run: Path, new_policy: Path, tmp_path: Path) -> None:
    policy = str(new_policy / "policy-v2.md")
    assert "is not a run directory" in one_line_refusal("update", str(tmp_path), policy)
    assert "no policy at" in one_line_refusal("update", str(run), str(tmp_path / "none.md"))
    (new_policy / "policy-v2.md").write_text(POLICY)
    assert "there is nothing to update" in one_line_refusal("update", str(run), policy)
    assert "has no version 7; it has 1" in one_line_refusal("versions", str(run), "--use", "7")
    (new_policy / "policy-v2.md").write_text(NEW)
    write(new_policy / "train-v2.jsonl", [{"id": "x", "prompt": "?", "answer": "up", "sections": ["Reed labels"]}])
    code, output = update(run, new_policy)
    assert code == 2 and "train-v2.jsonl:1: sections names 'Reed labels'; did you mean" in output
    assert not (run / "versions").exists()
    write(new_policy / "train-v2.jsonl", [{"id": "x", "prompt": "?", "answer": "up", "sections": ["Red labels"]}])
    code, output = update(run, new_policy, "evaluation.base=false")
    assert code == 2 and "compares models before and after it: keep stages, evaluation.base: true" in output
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    assert "is not finished" in one_line_refusal("update", str(run), policy)
