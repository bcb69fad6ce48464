"""Sweeps with services that need no model; tests/e2e has one with real stages."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from run.fake_services import FakeWorld, Killed, base_model, make_recipe
from trimpi.errors import RunError
from trimpi.recipe import StageConfig, Sweep, SweepJob
from trimpi.run import execute_run
from trimpi.run.directory import RunDirectory
from trimpi.stages.context import StageContext, StageResult
from trimpi.sweep import SweepDirectory, execute_sweep
from trimpi.sweep.locks import locked

RL = {"type": "rl", "steps": 3, "prompts_per_step": 2, "group_size": 2}
METHODS: dict[str, list[dict[str, Any]]] = {
    "sft": [{"type": "vm_cpt"}, {"type": "cot_sft"}],
    "grpo": [{"type": "vm_cpt"}, {"type": "cot_sft"}, {**RL, "policy_aware_share": 0.0}],
    "poro": [{"type": "vm_cpt"}, {"type": "cot_sft"}, RL],
}
GRID = Sweep.model_validate({"name": "grid", "base": "base.yaml", "methods": METHODS, "seeds": [0, 1]})


def jobs(
    *methods: str, seeds: tuple[int, ...] = (0,), kept: dict[str, int] | None = None, **recipe: Any
) -> list[SweepJob]:
    return [
        SweepJob(
            number=number,
            name=f"{method}.seed-{seed}",
            method=method,
            point={},
            seed=seed,
            recipe=make_recipe(
                name=f"{method}.seed-{seed}", seed=seed, seeds=kept or {}, stages=METHODS[method], **recipe
            ),
        )
        for number, (seed, method) in enumerate((seed, method) for seed in seeds for method in methods)
    ]


def sweep(folder: Path, world: FakeWorld, chosen: list[SweepJob]) -> SweepDirectory:
    execute_sweep(GRID, chosen, folder / "sweep", services=world.services(base_model(folder / "base")))
    return SweepDirectory(folder / "sweep")


def files(run: Path) -> dict[str, str]:
    """What a run leaves, without its manifests (times, and where stages came from)."""
    return {
        str(path.relative_to(run)): path.read_text()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and not path.name.startswith(".")
    }


def stage_manifest(out: SweepDirectory, job: str, stage: str) -> dict[str, Any]:
    return dict(json.loads(out.run(job).stage_manifest(stage).read_text()))


def test_equal_stages_and_evaluations_are_done_once(tmp_path: Path) -> None:
    world = FakeWorld()
    sweep(tmp_path, world, jobs("sft", "grpo", "poro"))
    assert len(world.stages_begun) == 4, "two supervised stages for all, an RL stage for each of two"
    # The last model of `sft` has its costs measured; as a stage of the others it is the same model.
    assert world.evaluated == ["00-base", "01-vm_cpt", "02-cot_sft", "03-rl", "03-rl"]


def test_a_run_of_a_sweep_is_the_run_alone(tmp_path: Path) -> None:
    chosen = jobs("sft", "grpo", "poro")
    out = sweep(tmp_path, FakeWorld(), chosen)
    for job in chosen:
        alone = tmp_path / "alone" / job.name
        execute_run(job.recipe, RunDirectory(alone), services=FakeWorld().services(tmp_path / "base"))
        assert files(out.run(job.name).path) == files(alone)


def test_a_manifest_says_whose_stage_was_shared_with_its_costs(tmp_path: Path) -> None:
    out = sweep(tmp_path, FakeWorld(), jobs("grpo", "poro"))
    theirs, ours = (stage_manifest(out, job, "02-cot_sft") for job in ("grpo.seed-0", "poro.seed-0"))
    assert (theirs["shared_from"], ours["shared_from"]) == (None, "grpo.seed-0")
    assert (ours["seconds"], ours["tokens"]) == (theirs["seconds"], theirs["tokens"]) == (1.0, 10)
    assert stage_manifest(out, "poro.seed-0", "03-rl")["shared_from"] is None


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"instruction": "Be brief."}, {"engine": "plain"}, {"model": {"dtype": "bfloat16"}}]
)
def test_nothing_is_shared_where_what_decides_it_differs(tmp_path: Path, changes: dict[str, Any]) -> None:
    world = FakeWorld()
    first = jobs("sft")[0]
    recipe = make_recipe(**{"name": "other", "stages": METHODS["sft"], **changes})
    other = SweepJob(number=1, name="other", method="other", point={}, seed=recipe.seed, recipe=recipe)
    sweep(tmp_path, world, [first, other])
    assert (len(world.stages_begun), len(world.evaluated)) == (4, 6)


def test_seeds_that_are_kept_let_jobs_share(tmp_path: Path) -> None:
    world = FakeWorld()
    sweep(tmp_path, world, jobs("grpo", seeds=(0, 1), kept={"data": 0, "vm_cpt": 0, "cot_sft": 0}))
    assert len(world.stages_begun) == 4, "two supervised stages once, RL with either seed"
    assert world.evaluated.count("00-base") == 1


def test_a_sweep_killed_anywhere_goes_on_to_the_same_runs(tmp_path: Path) -> None:
    chosen = jobs("grpo", "poro")
    whole = FakeWorld()
    expected = sweep(tmp_path / "whole", whole, chosen)
    for point in range(whole.points):
        folder, killed, again = tmp_path / str(point), FakeWorld(kill_at=point), FakeWorld()
        with pytest.raises(Killed):
            sweep(folder, killed, chosen)
        out = sweep(folder, again, chosen)
        assert killed.steps_taken + again.steps_taken <= whole.steps_taken + 3, "at most one stage again"
        for job in chosen:
            assert files(out.run(job.name).path) == files(expected.run(job.name).path), f"killed at point {point}"


def test_a_job_goes_on_with_the_stage_another_was_killed_in(tmp_path: Path) -> None:
    killed, again = FakeWorld(kill_at=4), FakeWorld()
    with pytest.raises(Killed):
        sweep(tmp_path, killed, jobs("grpo"))
    assert killed.steps_taken == 1
    sweep(tmp_path, again, jobs("sft"))
    assert again.steps_taken == 5


def test_finished_jobs_are_kept(tmp_path: Path) -> None:
    chosen, again = jobs("sft", "grpo"), FakeWorld()
    out = sweep(tmp_path, FakeWorld(), chosen)
    before = {job.name: out.run(job.name).manifest.read_text() for job in chosen}
    sweep(tmp_path, again, chosen)
    assert again.points == 0
    assert {job.name: out.run(job.name).manifest.read_text() for job in chosen} == before


def test_a_failing_job_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    class WithoutPolicyRollout(FakeWorld):
        def _run_stage(self, config: StageConfig, context: StageContext) -> StageResult:
            if config.type == "rl" and config.policy_aware_share == 0.5:
                raise ValueError("no\nmemory")
            return super()._run_stage(config, context)

    chosen = jobs("poro", "grpo")
    with pytest.raises(RunError, match=r"1 of 2 jobs failed.*poro\.seed-0: ValueError: no memory"):
        sweep(tmp_path, WithoutPolicyRollout(), chosen)
    out = SweepDirectory(tmp_path / "sweep")
    assert [out.state(job.name) for job in chosen] == ["failed", "finished"]
    assert "Traceback" in json.loads(out.job("poro.seed-0").read_text())["details"]
    sweep(tmp_path, FakeWorld(), chosen)
    assert [out.state(job.name) for job in chosen] == ["finished", "finished"]


def test_states_of_jobs(tmp_path: Path) -> None:
    chosen = jobs("grpo", "poro")
    with pytest.raises(Killed):
        sweep(tmp_path, FakeWorld(kill_at=5), chosen)
    out = SweepDirectory(tmp_path / "sweep")
    assert [out.state(job.name) for job in chosen] == ["begun", "waiting"]
    with locked(out.lock("poro.seed-0")):
        assert out.state("poro.seed-0") == "running"


def test_a_changed_job_is_refused_before_anything_runs(tmp_path: Path) -> None:
    sweep(tmp_path, FakeWorld(), jobs("sft"))
    world = FakeWorld()
    with pytest.raises(RunError, match=r"job sft\.seed-0 was begun with another recipe; engine: given 'plain'"):
        sweep(tmp_path, world, [*jobs("grpo"), *jobs("sft", engine="plain")])
    assert world.points == 0


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match=r"holds thesis\.tex"):
        sweep(tmp_path, FakeWorld(), jobs("sft"))


def test_a_folder_that_another_process_is_beginning_is_the_sweep_s(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / ".sweep.yaml.1-1.partial").write_text("name: gr")
    out = sweep(tmp_path, FakeWorld(), jobs("sft"))
    assert out.state("sft.seed-0") == "finished"


def test_two_processes_do_every_job_and_every_stage_once(tmp_path: Path) -> None:
    """Threads stand for processes: a lock file is held by whoever opened it. Both begin with the same shared stage."""
    both_begun = threading.Barrier(2)
    chosen = jobs("grpo", "poro", seeds=(0, 1))

    class Worker(FakeWorld):
        waited = False

        def _build_task(self, recipe: Any, progress: Any) -> Any:
            if not self.waited:
                self.waited = True
                both_begun.wait(timeout=20)
            return super()._build_task(recipe, progress)

    worlds = [Worker(), Worker()]
    threads = [threading.Thread(target=sweep, args=(tmp_path, world, chosen)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    out = SweepDirectory(tmp_path / "sweep")
    assert [out.state(job.name) for job in chosen] == ["finished"] * 4
    assert len(worlds[0].stages_begun) + len(worlds[1].stages_begun) == 8, "per seed two supervised stages, two of RL"
    finished = [line for world in worlds for line in world.reporter.said if "finished in" in line]
    assert len(finished) == 4
