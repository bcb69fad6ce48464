"""Whether the policy in the prompt still gains anything, and with which model: measured before the first step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from accelerate import PartialState

from trimpi.recipe import CURRENT
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import RowSampler, SamplingSettings, row_seed
from trimpi.stages.json_lines import write_json
from trimpi.tasks.base import Task
from trimpi.types import Example

GATE_FILE = "gate.json"
GATE_SEED = -1
"""In the place of a step, so that no rollout has the seed of a gate's answer."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Mean scores of `examples` training requests, each answered once with and once without the policy.

    Without it by the model to be trained, with it by `policy_aware_model`, the best of those in `compared`.
    """

    examples: int
    accuracy_policy_free: float
    accuracy_policy_aware: float
    policy_aware_model: str = CURRENT
    compared: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether a policy-aware model has anything to teach."""
        return self.accuracy_policy_aware > self.accuracy_policy_free


def kept_gate(file: Path, measure: Callable[[], Gate]) -> Gate:
    """What was measured before an interruption, or is by the first process now; the others wait for its file."""
    processes = PartialState()
    if processes.is_main_process and not file.is_file():
        write_json(file, asdict(measure()))
    processes.wait_for_everyone()
    return Gate(**json.loads(file.read_text(encoding="utf-8")))


def measure_gate(
    task: Task,
    examples: Sequence[Example],
    trained: RowSampler,
    policy_aware: Mapping[str, RowSampler],
    renderer: Renderer,
    settings: SamplingSettings,
    seed: int,
) -> Gate:
    """Answer every example without the policy, and with it by every model, sampled as rollouts are.

    `policy_aware` are the models that may see the policy, by name; of equals the first is taken.
    """

    def accuracy(sampler: RowSampler, *, aware: bool) -> float:
        prompts = [renderer.prompt(example, task.policy_of(example) if aware else None) for example in examples]
        seeds = [row_seed(seed, GATE_SEED, number + aware * len(examples)) for number in range(len(examples))]
        completions = sampler.sample_rows(prompts, seeds, settings)
        return fmean(
            task.score(example, completion).value for example, completion in zip(examples, completions, strict=True)
        )

    free = accuracy(trained, aware=False)
    compared = {name: accuracy(sampler, aware=True) for name, sampler in policy_aware.items()}
    best = max(compared, key=lambda name: compared[name])
    return Gate(
        examples=len(examples),
        accuracy_policy_free=free,
        accuracy_policy_aware=compared[best],
        policy_aware_model=best,
        compared=compared,
    )
