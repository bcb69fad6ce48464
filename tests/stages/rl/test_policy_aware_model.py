"""Policy-aware rollouts by a frozen model: whose completions they are, and what the gate measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stages.stage_runs import lines, rl_config, stage_context
from tiny_task import LetterTask, save_tiny_model
from trimpi.models import load_model, load_processor
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.sampling.sampler import SamplingSettings
from trimpi.stages import run_stage
from trimpi.stages.rl.samplers import HalvesSampler
from trimpi.stages.rl.stage import stage_plan
from trimpi.types import Completion


@dataclass
class Named:
    """A sampler whose completions say who made them, from which seed."""

    name: str
    calls: int = 0

    @property
    def statistics(self) -> Mapping[str, float]:
        return {self.name: 1.0}

    def sample_rows(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], settings: SamplingSettings, progress: object = None
    ) -> list[Completion]:
        self.calls += 1
        return [Completion(text=f"{self.name}{seed}", token_ids=(), truncated=False) for seed in seeds]


def test_each_half_is_sampled_by_its_own_model_in_the_order_of_the_rows() -> None:
    ours, frozen = Named("ours"), Named("frozen")
    prompts = [Prompt(messages=(), policy_aware=False)] * 5
    settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=1)
    sampled = HalvesSampler(ours, frozen).sample_rows(prompts, [True, False, True, False, True], range(5), settings)
    assert [completion.text for completion in sampled] == ["frozen0", "ours1", "frozen2", "ours3", "frozen4"]
    HalvesSampler(ours, frozen).sample_rows(prompts[:2], [False, False], range(2), settings)
    assert (ours.calls, frozen.calls) == (2, 1), "a half without rows asks nobody"
    HalvesSampler(ours, ours).sample_rows(prompts, [True, False, True, False, True], range(5), settings)
    assert ours.calls == 3, "one model samples both halves together"
    assert HalvesSampler(ours, frozen).statistics == {"ours": 1.0}


@pytest.mark.parametrize("by", ["input", "base"])
def test_policy_aware_rollouts_are_those_of_the_model_named(tmp_path: Path, by: str) -> None:
    """At step 3 the trained model has moved away from its input, and "base" is another model from the start."""
    other = save_tiny_model(tmp_path / "other", seed=7)
    config = rl_config(steps=3, policy_aware_model=by, checkpoint_every_steps=None)
    context = replace(stage_context(tmp_path, by), earlier_models={"base": other})
    run_stage(config, context)
    run_stage(rl_config(steps=3, checkpoint_every_steps=None), stage_context(tmp_path, "current"))

    renderer = Renderer(load_processor(context.model_path))
    task = LetterTask(tmp_path / "images")
    examples = task.examples("train")
    plan = stage_plan(config, len(examples), seed=context.seed)
    rows = [row for row in plan.rows(step=2, process=0, count=8, policy_aware=2) if row.policy_aware]
    expected = local_sampler(
        load_model(other if by == "base" else context.model_path), renderer, batch_size=8, engine="prefix"
    ).sample_rows(
        [renderer.prompt(examples[row.example], task.policy_of(examples[row.example])) for row in rows],
        [row.seed for row in rows],
        SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6),
    )
    texts = [completion.text for completion in expected]
    assert policy_aware_completions(tmp_path / by, step=3) == texts
    assert policy_aware_completions(tmp_path / "current", step=3) != texts


def policy_aware_completions(stage: Path, *, step: int) -> list[str]:
    rollouts = lines(stage / "rollouts.jsonl")
    return [line["completion"] for line in rollouts if line["policy_aware"] and line["step"] == step]


def test_the_gate_asks_the_model_named(tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "other", seed=7)
    gates = []
    for by in ("current", "input", "base"):
        config = rl_config(steps=1, policy_aware_model=by, gate_examples=6, checkpoint_every_steps=None)
        run_stage(config, replace(stage_context(tmp_path, by), earlier_models={"base": other}))
        gates.append(json.loads((tmp_path / by / "gate.json").read_text()))
    assert gates[0] == gates[1], "before the first step the model is its input"
    assert gates[2]["accuracy_policy_free"] == gates[0]["accuracy_policy_free"]
