from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from run.fake_services import FakeWorld, Killed, WordTask, base_model, make_recipe
from trimpi.errors import DataError, RecipeError, RunError
from trimpi.evaluation import harness
from trimpi.policies import load_policy
from trimpi.recipe import Recipe, StageConfig, load_recipe
from trimpi.run import execute_run
from trimpi.run.directory import RunDirectory
from trimpi.stages.context import StageContext, StageResult

STAGES = ["01-vm_cpt", "02-cot_sft", "03-rl"]


def run(folder: Path, world: FakeWorld, recipe: Recipe | None = None) -> Path:
    """Carry out a recipe in folder/run, from a base model beside it."""
    out = folder / "run"
    execute_run(recipe or make_recipe(), RunDirectory(out), services=world.services(base_model(folder / "base")))
    return out


def results(out: Path) -> dict[str, object]:
    """Every file a run leaves, without what tells attempts apart: the times and the sessions of the manifests."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.is_dir() or path.name.startswith("."):
            continue
        if path.name == "manifest.json":
            manifest = without_times(json.loads(path.read_text()))
            found[name] = {**manifest, "model": None}
        else:
            found[name] = path.read_text()
    return found


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in ("finished", "sessions")}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def test_run_leaves_everything_in_its_place(tmp_path: Path) -> None:
    world = FakeWorld()
    out = run(tmp_path, world)
    assert world.stages_begun == STAGES
    assert world.evaluated == ["00-base", *STAGES]
    assert load_recipe(out / "recipe.yaml") == make_recipe()
    assert load_policy(out / "data" / "policies" / "Ako") == WordTask().policies["Ako"]
    rows = [json.loads(line) for line in (out / "data" / "test.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "id": "test-0",
        "policy": "Ako",
        "prompt": "Which way, 0?",
        "images": [],
        "answer": "left",
        "cot": "The policy says so.",
    }
    assert (out / "report.html").is_file()


def test_suites_the_task_cannot_carry_out_are_refused_before_anything_runs(tmp_path: Path) -> None:
    world = FakeWorld()
    with pytest.raises(DataError, match="'referral' holds reasoning against the policy"):
        run(tmp_path, world, make_recipe(evaluation={"suites": ["accuracy", "referral"]}))
    assert (world.stages_begun, world.evaluated) == ([], [])
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_every_suite_of_the_recipe_is_carried_out(tmp_path: Path) -> None:
    recipe = make_recipe(evaluation={"suites": ["override", "leakage", "few_shot", "retrieval"]})
    out = run(tmp_path, FakeWorld(), recipe)
    written = {path.stem for path in (out / "eval" / "03-rl").glob("*.json")}
    assert written == {"override", "leakage", "few_shot", "retrieval", "efficiency"}


def test_manifest_says_what_was_run(tmp_path: Path) -> None:
    out = run(tmp_path, FakeWorld())
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == 0
    assert manifest["policies"] == {name: policy.content_hash for name, policy in WordTask().policies.items()}
    assert [(stage["name"], stage["parent"]) for stage in manifest["stages"]] == [
        ("01-vm_cpt", "00-base"),
        ("02-cot_sft", "01-vm_cpt"),
        ("03-rl", "02-cot_sft"),
    ]
    assert manifest["evaluations"]["03-rl"] == ["accuracy", "efficiency", "in_context"]
    assert manifest["finished"] is not None
    assert manifest["sessions"][0]["environment"]["packages"]["torch"]


def test_logs_of_all_stages_are_merged_in_order(tmp_path: Path) -> None:
    out = run(tmp_path, FakeWorld())
    metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(row["stage"], row["step"]) for row in metrics] == [(name, step) for name in STAGES for step in (1, 2, 3)]
    rollouts = [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]
    assert {row["stage"] for row in rollouts} == {"03-rl"}


def test_efficiency_is_measured_on_the_last_model_only(tmp_path: Path) -> None:
    out = run(tmp_path, FakeWorld())
    assert [path.parent.name for path in out.glob("eval/*/efficiency.json")] == ["03-rl"]


def test_evaluation_happens_when_the_recipe_says(tmp_path: Path) -> None:
    world = FakeWorld()
    run(tmp_path, world, make_recipe(evaluation={"after": "last_stage", "base": False}))
    assert world.evaluated == ["03-rl"]


@pytest.mark.parametrize("evaluation", [{}, {"base": False}])
def test_without_stages_the_base_is_evaluated(evaluation: dict[str, bool], tmp_path: Path) -> None:
    world = FakeWorld()
    run(tmp_path, world, make_recipe(stages=[], evaluation=evaluation))
    assert world.evaluated == ["00-base"]


def with_points_at_writes(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process can also be killed just before a file takes the place of another."""
    original = Path.replace

    def replace(path: Path, target: Path) -> Path:
        world.point()
        return original(path, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_run_killed_anywhere_goes_on_to_the_same_results(tmp_path: Path) -> None:
    recipe = make_recipe(stages=[{"type": "vm_cpt"}, {"type": "rl", "steps": 3, "prompts_per_step": 2}])
    whole = FakeWorld()
    with pytest.MonkeyPatch.context() as patch:
        with_points_at_writes(whole, patch)
        expected = results(run(tmp_path / "whole", whole, recipe))
    assert whole.points > 30
    for point in range(whole.points):
        folder = tmp_path / str(point)
        killed = FakeWorld(kill_at=point)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            with_points_at_writes(killed, patch)
            run(folder, killed, recipe)
        assert results(run(folder, FakeWorld(), recipe)) == expected, f"killed at point {point}"


def test_run_killed_twice_goes_on_to_the_same_results(tmp_path: Path) -> None:
    expected = results(run(tmp_path / "whole", FakeWorld()))
    for point in (4, 8):
        with pytest.raises(Killed):
            run(tmp_path / "killed", FakeWorld(kill_at=point))
    assert results(run(tmp_path / "killed", FakeWorld())) == expected


def test_finished_parts_are_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, killed := FakeWorld(kill_at=11))
    again = FakeWorld()
    run(tmp_path, again)
    finished = {json.loads(path.read_text())["name"] for path in tmp_path.glob("run/stages/*/manifest.json")}
    assert finished == set(STAGES)
    assert killed.steps_taken + again.steps_taken == 9
    assert "01-vm_cpt" not in again.stages_begun
    assert "00-base" not in again.evaluated


def test_finished_run_is_only_reported_again(tmp_path: Path) -> None:
    out = run(tmp_path, FakeWorld())
    before = (out / "manifest.json").read_text()
    again = FakeWorld()
    run(tmp_path, again)
    assert (again.stages_begun, again.evaluated) == ([], [])
    assert (out / "manifest.json").read_text() == before


def test_changed_recipe_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    run(tmp_path, FakeWorld())
    changed = make_recipe(seed=3, evaluation={"batch_size": 7})
    with pytest.raises(RunError) as refusal:
        run(tmp_path, FakeWorld(), changed)
    message = str(refusal.value)
    assert "seed: given 3, recorded 0" in message
    assert "evaluation.batch_size: given 7, recorded 32" in message
    assert "--out" in message


def test_changed_data_are_refused(tmp_path: Path) -> None:
    run(tmp_path, FakeWorld())
    with pytest.raises(RunError, match="no longer makes the data"):
        run(tmp_path, FakeWorld(task=WordTask(answer="right")))


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match=r"holds thesis\.tex"):
        run(tmp_path, FakeWorld())


def test_file_as_run_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunError, match="is a file"):
        run(tmp_path, FakeWorld())


def test_data_that_fail_validation_leave_the_directory_free(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="scores as well"):
        run(tmp_path, FakeWorld(task=WordTask(answer="nowhere")))
    run(tmp_path, FakeWorld(), make_recipe(seed=5))


def test_missing_chains_of_thought_are_found_before_any_stage(tmp_path: Path) -> None:
    world = FakeWorld()
    with pytest.raises(DataError, match=r"no chains of thought at gone\.jsonl"):
        run(tmp_path, world, make_recipe(stages=[{"type": "vm_cpt"}, {"type": "cot_sft", "cot": "gone.jsonl"}]))
    assert world.stages_begun == []


@pytest.mark.parametrize("missing", ["divergence.json", "harness.json"])
def test_divergence_and_benchmarks_are_part_of_an_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(harness, "find_spec", lambda name: name)
    recipe = make_recipe(evaluation={"suites": ["accuracy", "forgetting"], "harness": {"tasks": ["mmlu_pro"]}})
    out = run(tmp_path, FakeWorld(), recipe)
    (out / "eval" / "02-cot_sft" / missing).unlink()
    again = FakeWorld()
    run(tmp_path, again, recipe)
    assert again.evaluated == ["02-cot_sft"]


def test_benchmarks_without_what_asks_them_are_refused_before_any_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "find_spec", lambda name: None)
    world = FakeWorld()
    with pytest.raises(RecipeError, match=r"pip install 'trimpi\[harness\]'"):
        run(tmp_path, world, make_recipe(evaluation={"harness": {"tasks": ["mmlu_pro"]}}))
    assert (world.stages_begun, world.evaluated) == ([], [])


def test_directory_in_use_is_refused(tmp_path: Path) -> None:
    class Meddler(FakeWorld):
        def point(self) -> None:
            with pytest.raises(RunError, match="another process works in"):
                services = FakeWorld().services(tmp_path / "base")
                execute_run(make_recipe(), RunDirectory(tmp_path / "run"), services=services)

    run(tmp_path, Meddler())


class ThreadProcess:
    """Threads in the place of processes."""

    def __init__(self, barrier: threading.Barrier, *, is_main: bool) -> None:
        self._barrier = barrier
        self.count = barrier.parties
        self.is_main = is_main

    def barrier(self) -> None:
        self._barrier.wait(timeout=20)


def test_two_processes_share_stages_and_only_the_main_one_evaluates(tmp_path: Path) -> None:
    class Helper(FakeWorld):
        """Takes part in a stage, of which the main process alone writes the outcome."""

        def _run_stage(self, config: StageConfig, context: StageContext) -> StageResult:
            self.stages_begun.append(context.output_dir.name)
            return StageResult(steps=0, seconds=0.0, tokens=0, peak_memory_bytes=0)

    barrier = threading.Barrier(2)
    worlds = [
        FakeWorld(processes=ThreadProcess(barrier, is_main=True)),
        Helper(processes=ThreadProcess(barrier, is_main=False)),
    ]
    threads = [threading.Thread(target=run, args=(tmp_path, world)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert worlds[0].stages_begun == worlds[1].stages_begun == STAGES
    assert worlds[0].evaluated == ["00-base", *STAGES]
    assert worlds[1].evaluated == []
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["processes"] == 2


def test_going_on_with_other_processes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, FakeWorld(kill_at=5))

    class MainOfTwo:
        count = 2
        is_main = True

        def barrier(self) -> None:
            """The other one is always there."""

    with pytest.raises(RunError, match="begun with 1 processes and has stages left, but 2"):
        run(tmp_path, FakeWorld(processes=MainOfTwo()))


def test_killed_process_leaves_the_directory_free(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from run.fake_services import FakeWorld, base_model, make_recipe\n"
        "from trimpi.run import execute_run\n"
        "from trimpi.run.directory import RunDirectory\n"
        "class World(FakeWorld):\n"
        "    def point(self):\n"
        "        self.points += 1\n"
        "        if self.points == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "folder = Path(sys.argv[1])\n"
        "services = World().services(base_model(folder / 'base'))\n"
        "execute_run(make_recipe(), RunDirectory(folder / 'run'), services=services)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "killed")], env=environment)
    assert killed.returncode == -signal.SIGKILL
    expected = results(run(tmp_path / "whole", FakeWorld()))
    assert results(run(tmp_path / "killed", FakeWorld())) == expected


def test_a_stage_trained_again_is_evaluated_again(tmp_path: Path) -> None:
    out = run(tmp_path, FakeWorld())
    shutil.rmtree(out / "stages" / "03-rl")
    world = FakeWorld()
    run(tmp_path, world)
    assert (world.stages_begun, world.evaluated) == (["03-rl"], ["03-rl"])
