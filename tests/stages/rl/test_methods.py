"""Every method of the axis trains in two steps; one that cannot fill its batch ends with a usable model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages.stage_runs import (
    Killed,
    assert_same_weights,
    kill_at,
    lines,
    rl_config,
    run,
    stage_context,
    untimed,
    weights,
)
from tiny_task import LetterTask
from trimpi.models import load_model
from trimpi.recipe import (
    AdvantageConfig,
    DapoConfig,
    DynamicSamplingConfig,
    GapDrivenShare,
    GrpoConfig,
    OverlongConfig,
    ReverseKlTeacher,
    ReweightingTeacher,
    ScheduledShare,
)
from trimpi.stages import run_stage
from trimpi.types import Completion, Example, Score

pytestmark = pytest.mark.slow
METHODS: dict[str, dict[str, Any]] = {
    "grpo as published": {"algorithm": GrpoConfig(epsilon_high=0.2, loss_type="grpo", beta=0.04)},
    "grpo with a dual clip": {"algorithm": GrpoConfig(dual_clip=3.0, kl_ratio=True, num_iterations=2)},
    "dapo": {"algorithm": DapoConfig()},
    "dapo over the policy-free half": {
        "algorithm": DapoConfig(dynamic_sampling=DynamicSamplingConfig(over="policy_free"), overlong=None)
    },
    "scheduled": {"policy_aware_share": ScheduledShare()},
    "gap-driven": {"policy_aware_share": GapDrivenShare()},
    "per half": {"advantage": AdvantageConfig(baseline="per_half")},
    "policy-free statistics": {"advantage": AdvantageConfig(baseline="policy_free")},
    "positive policy half": {"advantage": AdvantageConfig(policy_aware="positive")},
    "leave one out, no std": {"advantage": AdvantageConfig(baseline="leave_one_out", scale="none")},
    "on-policy context distillation": {
        "policy_aware_share": 0.0,
        "teacher": ReverseKlTeacher(coefficient=1.0, alone=True),
        "gate_examples": 0,
    },
    "gated, annealed divergence": {
        "teacher": ReverseKlTeacher(only_positive=True, anneal_steps=2),
        "gate_examples": 0,
    },
    "re-weighting": {"policy_aware_share": 0.0, "teacher": ReweightingTeacher(anneal_steps=2), "gate_examples": 0},
    "policy-aware by a frozen model": {"policy_aware_model": "input", "policy_aware_share": GapDrivenShare()},
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(tmp_path: Path, method: str) -> None:
    result = run(rl_config(steps=2, checkpoint_every_steps=None, **METHODS[method]), tmp_path, "rl")
    assert result.ended_early is None
    steps = lines(tmp_path / "rl" / "metrics.jsonl")
    assert all(math.isfinite(value) for line in steps for value in line.values())
    if method != "dapo":  # all tiny completions are cut off, and dapo does not train on those
        before, after = weights(tmp_path / "base"), weights(tmp_path / "rl")
        assert any(not before[name].equal(after[name]) for name in before)


class OneAnswer(LetterTask):
    """Every completion has the same reward: no group can ever teach."""

    def score(self, example: Example, completion: Completion) -> Score:
        return replace(super().score(example, completion), value=0.0)


def test_dapo_that_cannot_fill_a_batch_ends_with_a_message_and_a_usable_model(tmp_path: Path) -> None:
    config = rl_config(algorithm=DapoConfig(dynamic_sampling=DynamicSamplingConfig(max_draws=3), overlong=None))
    result = run(config, tmp_path, "rl", task=OneAnswer(tmp_path / "images"))
    assert result.ended_early is not None
    assert "before step 1: 3 draws gave 0 of the 2 groups" in result.ended_early
    assert "6 failed" in result.ended_early
    assert result.steps == 0
    load_model(tmp_path / "rl")
    assert_same_weights(tmp_path / "base", tmp_path / "rl")
    logged = lines(tmp_path / "rl" / "rollouts.jsonl")
    assert len(logged) == 3 * 8
    assert {line["dropped"] for line in logged} == {"failed"}
    assert {line["advantage"] for line in logged} == {None}


def test_the_gate_is_measured_before_the_first_step_and_closes_a_teacher_without_gain(tmp_path: Path) -> None:
    """The random model gains nothing reliably; with every score equal the gate is shut, and no divergence is taken."""
    config = rl_config(steps=1, teacher=ReverseKlTeacher(), gate_examples=4)
    run(config, tmp_path, "rl", task=OneAnswer(tmp_path / "images"))
    gate = json.loads((tmp_path / "rl" / "gate.json").read_text())
    assert gate == {
        "examples": 4,
        "accuracy_policy_free": 0.0,
        "accuracy_policy_aware": 0.0,
        "policy_aware_model": "current",
        "compared": {"current": 0.0},
    }
    assert "teacher_kl" not in lines(tmp_path / "rl" / "metrics.jsonl")[0]


def test_a_stage_that_only_distils_ends_where_there_is_nothing_to_distil(tmp_path: Path) -> None:
    config = rl_config(teacher=ReverseKlTeacher(alone=True), gate_examples=4)
    result = run(config, tmp_path, "rl", task=OneAnswer(tmp_path / "images"))
    assert result.ended_early is not None and "nothing to distil" in result.ended_early
    assert_same_weights(tmp_path / "base", tmp_path / "rl")


RESUMED = {
    "gap-driven dapo": {
        "policy_aware_share": GapDrivenShare(full_at=0.01),
        "algorithm": DapoConfig(overlong=OverlongConfig(mask_truncated=False)),
    },
    "re-weighting": {"teacher": ReweightingTeacher(anneal_steps=8)},
    "policy-aware by a frozen model": {"policy_aware_model": "input", "teacher": ReverseKlTeacher()},
    "divergence": {"teacher": ReverseKlTeacher(anneal_steps=8), "algorithm": GrpoConfig(num_iterations=2)},
}


@pytest.mark.parametrize("method", RESUMED)
def test_an_interrupted_stage_ends_as_an_uninterrupted_one(tmp_path: Path, method: str) -> None:
    config = rl_config(**RESUMED[method])
    run(config, tmp_path, "whole")
    with pytest.raises(Killed):
        run_stage(config, stage_context(tmp_path, "killed", progress=kill_at(3)))
    run(config, tmp_path, "killed")
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        assert untimed(tmp_path / "killed" / name) == untimed(tmp_path / "whole" / name)
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")
