"""What each supervised stage learns: which prompt, which response, on which tokens (paper, Training)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trimpi.cot.store import CotRecord
from trimpi.errors import DataError
from trimpi.recipe import CotSftConfig, DirectSftConfig, SoftPromptConfig, VmCptConfig
from trimpi.rendering.masks import LossOn
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.rewards.response import write_response
from trimpi.tasks.base import Task
from trimpi.types import Example

SupervisedStage = VmCptConfig | DirectSftConfig | CotSftConfig | SoftPromptConfig

LOSS_ON: Mapping[str, LossOn] = {
    "vm_cpt": "text",
    "direct_sft": "response",
    "cot_sft": "response",
    "soft_prompt": "response",
}
"""VM-CPT learns every text token, the policy's too; fine-tuning learns the response."""


def training_rows(
    config: SupervisedStage,
    task: Task,
    examples: Sequence[Example],
    renderer: Renderer,
    cots: Sequence[CotRecord] | None,
) -> list[TrainingExample]:
    """One row per example, or per chain of thought where the stage learns them.

    Policy-aware for VM-CPT, and for fine-tuning where its `prompt` says so: a baseline.

    Raises DataError when a chain of thought is of no training example, or when no row is left.
    """
    policy_aware = isinstance(config, VmCptConfig) or (
        isinstance(config, DirectSftConfig | CotSftConfig) and config.prompt == "policy_aware"
    )
    if cots is None:
        pairs = [(example, write_response(None, example.answer)) for example in examples]
    else:
        pairs = _reasoned(examples, cots)
    if not pairs:
        raise DataError("there is nothing to train on: no training example has a chain of thought")
    return [
        TrainingExample(
            prompt=renderer.prompt(example, task.policy_of(example) if policy_aware else None), response=response
        )
        for example, response in pairs
    ]


def _reasoned(examples: Sequence[Example], cots: Sequence[CotRecord]) -> list[tuple[Example, str]]:
    """Chains of thought of examples that were not chosen (`examples_per_policy`) are left out."""
    by_id = {example.id: example for example in examples}
    return [(by_id[record.id], write_response(record.cot, record.answer)) for record in cots if record.id in by_id]
