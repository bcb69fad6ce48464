"""Whether the policy in the prompt still gains anything: measured before the first step, written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import SamplingSettings, row_seed
from trimpi.stages.json_lines import write_json
from trimpi.stages.rl.samplers import HalvesSampler
from trimpi.tasks.base import Task
from trimpi.types import Example

GATE_FILE = "gate.json"
GATE_SEED = -1
"""In the place of a step, so that no rollout has the seed of a gate's answer."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Mean scores of `examples` training requests, each answered once with and once without the policy."""

    examples: int
    accuracy_policy_free: float
    accuracy_policy_aware: float

    @property
    def is_open(self) -> bool:
        """Whether a policy-aware model has anything to teach."""
        return self.accuracy_policy_aware > self.accuracy_policy_free


def measure_gate(
    task: Task,
    examples: Sequence[Example],
    sampler: HalvesSampler,
    renderer: Renderer,
    settings: SamplingSettings,
    seed: int,
) -> Gate:
    """Answer every example twice, sampled as rollouts are."""
    prompts = [renderer.prompt(example) for example in examples]
    prompts += [renderer.prompt(example, task.policy_of(example)) for example in examples]
    seeds = [row_seed(seed, GATE_SEED, number) for number in range(len(prompts))]
    policy_aware = [number >= len(examples) for number in range(len(prompts))]
    completions = sampler.sample_rows(prompts, policy_aware, seeds, settings)
    scores = [
        task.score(example, completion).value
        for example, completion in zip([*examples, *examples], completions, strict=True)
    ]
    return Gate(
        examples=len(examples),
        accuracy_policy_free=fmean(scores[: len(examples)]),
        accuracy_policy_aware=fmean(scores[len(examples) :]),
    )


def read_gate(path: Path) -> Gate | None:
    """What was measured before an interruption; None if nothing was."""
    return Gate(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def write_gate(path: Path, gate: Gate) -> None:
    write_json(path, asdict(gate))
