"""Policy-aware rollouts by a frozen model: whose completions they are, and what the gate measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from trimpi.stages.rl.gate import measure_gate
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
    context = replace(stage_context(tmp_path, "stage"), earlier_models={"base": other})
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
    assert policy_aware_completions(tmp_path / "stage", step=3) == texts
    assert policy_aware_completions(tmp_path / "current", step=3) != texts


def policy_aware_completions(stage: Path, *, step: int) -> list[str]:
    rollouts = lines(stage / "rollouts.jsonl")
    return [line["completion"] for line in rollouts if line["policy_aware"] and line["step"] == step]


@dataclass
class Writing:
    """A sampler that writes one text."""

    text: str
    statistics: Mapping[str, float] = field(default_factory=dict)

    def sample_rows(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], settings: SamplingSettings, progress: object = None
    ) -> list[Completion]:
        return [Completion(text=self.text, token_ids=(1,)) for _ in prompts]


@pytest.mark.parametrize(
    ("current", "base", "best"), [("abCD", "abc", "base"), ("abCD", "ABC", "current"), ("ab", "cd", "current")]
)
def test_the_best_is_who_has_more_right_with_the_policy(tmp_path: Path, current: str, base: str, best: str) -> None:
    """LetterTask scores the share of lower-case letters."""
    renderer = Renderer(load_processor(save_tiny_model(tmp_path / "model")))
    task = LetterTask(tmp_path / "images")
    gate = measure_gate(
        task,
        task.examples("train"),
        Writing("aBCD"),
        {"current": Writing(current), "base": Writing(base)},
        renderer,
        SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=4),
        seed=0,
    )
    assert (gate.examples, gate.accuracy_policy_free, gate.policy_aware_model) == (6, 0.25, best)
    assert gate.accuracy_policy_aware == gate.compared[best] == max(gate.compared.values())
    assert gate.is_open


def test_the_gate_asks_the_models_named(tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "other", seed=7)
    gates = {}
    for by in ("current", "input", "base", "best"):
        config = rl_config(steps=1, policy_aware_model=by, gate_examples=6, checkpoint_every_steps=None)
        context = replace(stage_context(tmp_path, f"by-{by}"), earlier_models={"base": other})
        run_stage(config, context)
        gates[by] = json.loads((context.output_dir / "gate.json").read_text())
    assert len({gate["accuracy_policy_free"] for gate in gates.values()}) == 1
    current, base = (gates[by]["accuracy_policy_aware"] for by in ("current", "base"))
    assert gates["input"]["accuracy_policy_aware"] == current
    assert gates["best"]["compared"] == {"current": current, "base": base}
    best, expected = (
        policy_aware_completions(tmp_path / f"by-{by}", step=1) for by in ("best", gates["best"]["policy_aware_model"])
    )
    assert best == expected


def test_of_equals_the_best_is_the_one_being_trained_and_nothing_unseen_is_measured(tmp_path: Path) -> None:
    same = replace(stage_context(tmp_path, "same"), earlier_models={"base": tmp_path / "base"})
    unseen = replace(
        stage_context(tmp_path, "unseen"), earlier_models={"base": save_tiny_model(tmp_path / "other", seed=7)}
    )
    config = rl_config(steps=1, policy_aware_model="best", gate_examples=2, checkpoint_every_steps=None)
    run_stage(config, same)
    run_stage(config.model_copy(update={"policy_aware_share": 0.0}), unseen)
    for stage in ("same", "unseen"):
        gate = json.loads((tmp_path / stage / "gate.json").read_text())
        assert (gate["policy_aware_model"], list(gate["compared"])) == ("current", ["current"])


def test_the_best_is_measured_once(tmp_path: Path) -> None:
    """A stage that goes on reads what was measured before it was interrupted."""
    context = replace(stage_context(tmp_path, "rl"), earlier_models={"base": save_tiny_model(tmp_path / "o", seed=7)})
    (tmp_path / "rl").mkdir()
    gate = {"examples": 2, "accuracy_policy_free": 0.0, "accuracy_policy_aware": 1.0, "compared": {}}
    (tmp_path / "rl" / "gate.json").write_text(json.dumps({**gate, "policy_aware_model": "base"}))
    run_stage(rl_config(steps=1, policy_aware_model="best", checkpoint_every_steps=None), context)
    run_stage(
        rl_config(steps=1, policy_aware_model="base", checkpoint_every_steps=None),
        replace(context, output_dir=tmp_path / "named"),
    )
    assert policy_aware_completions(tmp_path / "rl", step=1) == policy_aware_completions(tmp_path / "named", step=1)
