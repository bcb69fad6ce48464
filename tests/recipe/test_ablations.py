"""The shipped sweeps are what docs/results.md says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trimpi.recipe import RlConfig, load_sweep

ABLATIONS = Path(__file__).parents[2] / "recipes" / "ablation"
BASELINES = ABLATIONS.parent / "baselines-nano.yaml"
FILES = [*sorted(ABLATIONS.glob("*.yaml")), BASELINES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_baseline_in_its_commands_is_a_method(file: Path) -> None:
    sweep, jobs = load_sweep(file)
    assert sweep.name == file.stem
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


def test_baselines_differ_from_fine_tuning_in_what_they_are_named_for() -> None:
    _, jobs = load_sweep(BASELINES)
    stages = {job.method: [stage.model_dump() for stage in job.recipe.stages] for job in jobs}
    assert stages.pop("in-context") == []
    (sft,) = stages.pop("cot-sft")
    differing = {method: {key for key in sft if stage.get(key) != sft[key]} for method, (stage,) in stages.items()}
    assert differing == {
        "lora": {"lora", "learning_rate"},
        "policy-dropped": {"prompt"},
        "soft-prompt": {"type", "prompt", "learning_rate", "checkpoint_every_steps"},
    }
