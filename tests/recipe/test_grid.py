from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from trimpi.errors import RecipeError
from trimpi.recipe import SweepJob, load_sweep, parse_recipe

BASE = {
    "name": "base",
    "task": {"type": "clevr", "train_examples_per_policy": 4, "test_examples_per_policy": 2},
    "stages": [{"type": "cot_sft", "epochs": 3}, {"type": "rl", "steps": 5, "prompts_per_step": 2}],
}
SWEEP = {
    "name": "grid",
    "base": "base.yaml",
    "stages": {"grpo": {"use": "rl", "policy_aware_share": 0}, "cpt": {"type": "vm_cpt"}},
    "methods": {
        "none": [],
        "grpo": ["cot_sft", "grpo"],
        "poro": ["cpt", "cot_sft", {"use": "grpo", "policy_aware_share": 0.5, "rewards.format": 0.2}],
    },
    "axes": {"task.layers": [2, 3]},
    "seeds": [0, 7],
}


def load(folder: Path, *overrides: str, recipe: object = BASE, **changes: object) -> list[SweepJob]:
    (folder / "base.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, **changes}, sort_keys=False))
    return load_sweep(folder / "sweep.yaml", overrides)[1]


def test_every_combination_is_a_job_and_a_sweep_cut_short_still_compares_its_methods(tmp_path: Path) -> None:
    assert [job.name for job in load(tmp_path)] == [
        f"{method}.layers-{layers}.seed-{seed}"
        for seed in (0, 7)
        for layers in (2, 3)
        for method in ("none", "grpo", "poro")
    ]


def test_a_job_is_the_base_recipe_with_its_method_point_and_seed(tmp_path: Path) -> None:
    job = next(job for job in load(tmp_path) if job.name == "poro.layers-3.seed-7")
    assert (job.method, job.point, job.seed) == ("poro", {"layers": "3"}, 7)
    expected = {
        **BASE,
        "name": job.name,
        "seed": 7,
        "task": {**BASE["task"], "layers": 3},  # type: ignore[dict-item]
        "stages": [
            {"type": "vm_cpt"},
            {"type": "cot_sft", "epochs": 3},
            {"type": "rl", "steps": 5, "prompts_per_step": 2, "policy_aware_share": 0.5, "rewards": {"format": 0.2}},
        ],
    }
    assert job.recipe == parse_recipe(expected, source="by hand")


def test_set_changes_the_base_of_all_jobs_and_overrides_reach_every_key(tmp_path: Path) -> None:
    jobs = load(tmp_path, "seeds=[1]", "axes.task.layers=[4]", set={"task": {"policies": 1}, "stages.rl.steps": 9})
    assert {(job.seed, job.recipe.task.layers, job.recipe.task.policies) for job in jobs} == {(1, 4, 1)}  # type: ignore[union-attr]
    assert jobs[1].recipe.stages[1].steps == 9  # type: ignore[union-attr]


def test_points_of_an_axis_may_set_several_keys(tmp_path: Path) -> None:
    points = {"small": {"task.layers": 2}, "large": {"task.layers": 4, "evaluation.examples": 8}}
    jobs = load(tmp_path, axes={"size": points}, seeds=[0], methods={"none": []})
    assert [(job.name, job.recipe.evaluation.examples) for job in jobs] == [
        ("none.size-small.seed-0", None),
        ("none.size-large.seed-0", 8),
    ]


def test_parts_of_a_recipe_may_keep_one_seed_in_all_jobs(tmp_path: Path) -> None:
    jobs = load(tmp_path, recipe={**BASE, "seeds": {"data": 3, "cot_sft": 4}}, axes={})
    seeds = [(job.recipe.data_seed, *map(job.recipe.stage_seed, job.recipe.stages)) for job in jobs]
    assert seeds == [(3,), (3, 4, 0), (3, 0, 4, 0), (3,), (3, 4, 7), (3, 7, 4, 7)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": {}}, "unknown key 'method': did you mean 'methods'"),
        ({"methods": {"a": ["cot_stf"]}}, "methods.a.0: unknown stage 'cot_stf': did you mean 'cot_sft'"),
        ({"methods": {"a": [{"epochs": 1}]}}, "a stage needs its `type`"),
        ({"methods": {"a": [{"use": "rl", "stepz": 1}]}}, "job a.layers-2.seed-0"),
        ({"methods": {"a b": []}}, "allowed is letters"),
        ({"axes": {"seed": [1]}}, "'seed' is not for an axis: use `seeds`"),
        ({"axes": {"task.layers": 3}}, "is no axis: allowed is a list of plain values"),
        ({"axes": {"task.layer": [3]}}, "did you mean 'layers'"),
        ({"set": {"seed": 1}}, "use `seeds`"),
        ({"seeds": [1, 1]}, "each seed once"),
        ({"base": "gone.yaml"}, "no recipe at"),
        ({"recipe": {**BASE, "seeds": {"rll": 1}}}, "did you mean 'rl'"),
        ({"axes": {"task.layers": [2, 2]}}, "two jobs would be called none.layers-2.seed-0"),
    ],
)
def test_wrong_sweeps_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        load(tmp_path, **changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
