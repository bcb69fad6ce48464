"""What stands in a prepared version's folder; nothing is trained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.folders import POLICY, rows, write_folder
from trimpi.errors import DataError, RunError
from trimpi.policies import load_policy
from trimpi.recipe import load_recipe, parse_recipe, recipe_yaml
from trimpi.recipe.rewards import ExactReward
from trimpi.run.data import write_data
from trimpi.run.directory import RunDirectory
from trimpi.tasks.custom.task import CustomTask
from trimpi.update.change import UpdateRequest
from trimpi.update.preparing import PreparedUpdate, prepare_update
from trimpi.update.recipe import load_update_recipe
from trimpi.update.versions import Version, VersionHistory

NEW = POLICY.replace("Say left.", "Say up.")
SCORE = "from helper import same\n\n\ndef score(answer, row):\n    return float(same(answer, row['answer']))\n"


def finished_run(folder: Path, *, reward: Any = "exact", policies: dict[str, str] | None = None) -> Path:
    """A run of the task in `folder/desk` that looks finished, its stages with 4 and 6 epochs."""
    desk = write_folder(folder / "desk")
    if policies is not None:
        (desk / "policy.md").unlink()
        for name, text in policies.items():
            (desk / "policies" / name).mkdir(parents=True)
            shutil.copytree(desk / "images", desk / "policies" / name / "images")
            (desk / "policies" / name / "policy.md").write_text(text)
        for split in ("train", "test"):
            named = [{**row, "policy": list(policies)[n % 2]} for n, row in enumerate(rows(4, split))]
            write(desk / f"{split}.jsonl", named)
    (desk / "schemas").mkdir()
    (desk / "schemas" / "answer.json").write_text('{"type": "object"}')
    (desk / "rewards.py").write_text(SCORE)
    (desk / "helper.py").write_text("def same(one, other):\n    return one == other\n")
    epochs = {"vm_cpt": 8, "cot_sft": 6}
    stages = [
        {"type": kind, "learning_rate": 1e-3, "epochs": number, "batch_size": 2} for kind, number in epochs.items()
    ]
    data = {"name": "desk", "model": {"path": "base"}, "stages": stages}
    recipe = parse_recipe({**data, "task": {"type": "custom", "path": str(desk), "reward": reward}}, source="a test")
    run = RunDirectory(folder / "run")
    run.path.mkdir()
    run.recipe.write_text(recipe_yaml(recipe))
    plain = recipe.task.model_copy(update={"reward": ExactReward()})
    write_data(CustomTask(plain), run.data)
    done = [{"name": name, "seconds": 1.0, "steps": 1} for name in ("01-vm_cpt", "02-cot_sft")]
    run.manifest.write_text(json.dumps({"finished": "2026-01-01T00:00:00", "stages": done, "policies": {"Desk": "1"}}))
    return run.path


def write(file: Path, data: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in data))
    return file


def prepare(run: Path, text: str = NEW, **request: Any) -> PreparedUpdate:
    folder = run.parent / "new"
    shutil.copytree(run.parent / "desk" / "images", folder / "images", dirs_exist_ok=True)
    (folder / "policy-new.md").write_text(text)
    settings = {"answers_stand": True, **request}
    return prepare_update(VersionHistory(run), UpdateRequest(policy=folder / "policy-new.md", **settings))


def use(run: Path, prepared: PreparedUpdate) -> None:
    """As if its training had ended."""
    prepared.folder.run.path.mkdir()
    prepared.folder.run.recipe.write_text(recipe_yaml(load_update_recipe(prepared.folder)))
    history = VersionHistory(run)
    place = str(prepared.folder.run.path.relative_to(run))
    version: Version = replace(history.get(1), number=prepared.number, parent=prepared.plan["parent"], run=place)
    history.add(version)


def test_what_a_reward_reads_is_copied_with_the_modules_beside_it(tmp_path: Path) -> None:
    task = prepare(finished_run(tmp_path, reward="rewards:score")).folder.task
    assert (task / "rewards.py").read_text() == SCORE and (task / "helper.py").is_file()


def test_a_reward_in_a_package_is_copied_whole(tmp_path: Path) -> None:
    run = finished_run(tmp_path, reward="scoring.own:score")
    (tmp_path / "desk" / "scoring").mkdir()
    (tmp_path / "desk" / "scoring" / "own.py").write_text(SCORE)
    task = prepare(run).folder.task
    assert (task / "scoring" / "own.py").is_file() and (task / "helper.py").is_file()


def test_a_run_that_was_moved_is_updated_from_its_own_folders(tmp_path: Path) -> None:
    run = finished_run(tmp_path, reward={"type": "json", "json_schema": "schemas/answer.json"})
    use(run, prepare(run))
    moved = run.rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "desk" / "schemas")
    prepared = prepare(moved, NEW.replace("Say right.", "Say down."))
    assert prepared.number == 3 and (prepared.folder.task / "schemas" / "answer.json").is_file()
    assert load_recipe(prepared.folder.recipe).model.path == str(moved / "versions" / "02" / "run/stages/02-cot_sft")


def test_an_update_of_an_update_keeps_its_epochs_and_takes_new_answers_as_choices(tmp_path: Path) -> None:
    run = finished_run(tmp_path, reward="choice")
    use(run, prepare(run))
    given = [{**row, "answer": "down"} for row in rows(4, "train") if row["answer"] == "right"]
    third = prepare(run, NEW.replace("Say right.", "Say down."), train=write(tmp_path / "new" / "train.jsonl", given))
    recipe = load_update_recipe(third.folder)
    assert [stage.epochs for stage in recipe.stages] == [2, 3]  # type: ignore[union-attr]
    assert recipe.task.reward.choices == ["down", "left", "right"]  # type: ignore[union-attr]


def test_a_row_written_anew_beside_its_kept_one_is_the_row(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    second = prepare(run, replay=0)
    trained, kept = second.folder.train_files()
    anew = [{**json.loads(line), "answer": "anew"} for line in kept.read_text().splitlines()]
    with trained.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in anew)
    use(run, second)
    third = prepare(run, NEW + "\n## More\nSay no more.\n", replay=9)
    untouched = third.plan["rows"]["train"]["untouched"]
    assert sorted(untouched) == sorted(row["id"] for row in rows(4, "train"))


def test_a_row_of_the_other_split_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    given = write(tmp_path / "train.jsonl", [{**rows(1, "test")[0], "images": [], "answer": "up"}])
    with pytest.raises(DataError, match=r"train.jsonl:1: the id 'test-0' is a test row's: give it with --test"):
        prepare(run, train=given)
    new = write(tmp_path / "new.jsonl", [{"id": "new", "prompt": "?", "answer": "up"}])
    with pytest.raises(DataError, match="the id 'new' is a test row's"):
        prepare(run, train=new, test=new)
    assert not (run / "versions").exists()


def test_one_of_several_policies_is_replaced_with_its_pictures_and_earlier_turns(tmp_path: Path) -> None:
    run = finished_run(tmp_path, policies={"desk": POLICY, "other": POLICY.replace("# Desk", "# Other")})
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "See this."}]}]
    chat += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And now?"}]
    given = {"id": "chat", "policy": "Desk", "prompt": chat, "images": ["blue.png"], "answer": "up"}
    shutil.copyfile(tmp_path / "desk" / "images" / "blue.png", tmp_path / "blue.png")
    prepared = prepare(run, train=write(tmp_path / "train.jsonl", [given]))
    assert prepared.plan["rows"]["train"] == {
        "changed": ["chat"],
        "confirmed": ["train-0", "train-2"],
        "untouched": ["train-1", "train-3"],
        "unanswered": [],
    }
    config = load_recipe(prepared.folder.recipe).task
    task = CustomTask(config)  # type: ignore[arg-type]
    (example,) = (one for one in task.examples("train") if one.id == "chat")
    assert example.all_images[0].read_bytes() == (tmp_path / "blue.png").read_bytes() and len(example.before) == 2
    texts = {name: policy.text for name, policy in task.policies.items()}
    assert "Say up." in texts["Desk"] and "Say left." in texts["Other"]


def test_a_policy_may_have_another_name(tmp_path: Path) -> None:
    prepared = prepare(finished_run(tmp_path), NEW.replace("# Desk", "# Counter"))
    (file,) = prepared.folder.task.glob("policies/*")
    assert load_policy(file).name == "Counter"
    assert {json.loads(line)["policy"] for line in prepared.folder.train_files()[0].open()} == {"Counter"}


def test_a_kill_while_a_folder_is_replaced_leaves_no_half_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run(tmp_path)
    prepare(run)

    def killed(path: Path, **_: Any) -> None:
        if path.exists():
            (path / "task" / "train.jsonl").unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("trimpi.update.folder.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(run, replay=2)
    assert prepare(run, replay=2).folder.train_files()[0].is_file()
    assert not list((run / "versions").glob(".*.partial"))


def test_what_was_prepared_from_something_else_says_what_and_how_to_go_on(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    folder = prepare(run).folder
    (folder.task / "policy.md").touch()
    (folder.task / "note.txt").write_text("Mine.")
    given = write(tmp_path / "train.jsonl", [{**rows(1, "train")[0], "images": [], "answer": "up"}])
    with pytest.raises(RunError) as refusal:
        prepare(run, replay=2, train=given)
    said = str(refusal.value)
    assert "has been edited since" in said and "replay: given 2, recorded 1.0" in said
    assert "train: given '1 rows " in said and "recorded '0 rows " in said and "answers_stand" not in said
    assert f"delete {folder.path} to prepare it afresh" in said


def test_refusals(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    with pytest.raises(RunError, match="--replay is inf"):
        prepare(run, replay=float("inf"))
    use(run, prepare(run))
    with pytest.raises(RunError, match=r"02/run is version 02 of .*run: give that run"):
        VersionHistory(run / "versions" / "02" / "run")
