"""The shipped sweeps are what docs/results.md says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trimpi.recipe import RlConfig, load_sweep

ABLATIONS = Path(__file__).parents[2] / "recipes" / "ablation"
FILES = sorted(file.stem for file in ABLATIONS.glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_the_baseline_in_its_commands_is_a_method(name: str) -> None:
    file = ABLATIONS / f"{name}.yaml"
    sweep, jobs = load_sweep(file)
    assert sweep.name == name
    methods = {job.method for job in jobs}
    named = re.findall(r"--baseline (\S+)", file.read_text(encoding="utf-8"))
    assert set(named) <= methods


@pytest.mark.parametrize("name", ["base-nano", "m-nano", "rl-nano"])
def test_methods_are_compared_at_640_rollouts_and_one_rate_unless_they_name_another(name: str) -> None:
    _, jobs = load_sweep(ABLATIONS / f"{name}.yaml")
    stages = [(job.method, stage) for job in jobs for stage in job.recipe.stages if isinstance(stage, RlConfig)]
    assert stages
    for method, stage in stages:
        assert stage.steps * stage.completions_per_step == 640, method
        assert stage.learning_rate == (1e-4 if method.endswith("-1e-4") else 5e-5), method


def test_a_distilled_model_sees_as_many_completions() -> None:
    _, jobs = load_sweep(ABLATIONS / "base-nano.yaml")
    recipe = next(job.recipe for job in jobs if job.method == "distilled")
    stage = recipe.stages[-1]
    assert stage.type == "cot_sft" and stage.examples_per_policy is not None
    assert stage.forward_cot.samples * stage.examples_per_policy * recipe.task.policies == 640  # type: ignore[union-attr]
