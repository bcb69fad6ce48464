"""The divergence of the trained model from its policy-aware teacher on some rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trimpi.prefix.packing import IGNORED
from trimpi.prefix.support import plain_model
from trimpi.prefix.training import labelled_states
from trimpi.rendering.prompts import Prompt
from trimpi.stages.rl.teacher import PolicyTeacher, head, reverse_kl
from trimpi.stages.trl_seams import FORWARD_INPUTS, Batch, RolloutTrainer

COUNTS = ("num_images", "num_tiles")
"""Columns of a batch that say how its image tensors are cut, and are no input of a model."""


def distillation_loss(
    trainer: RolloutTrainer,
    model: Any,
    batch: Batch,
    prompts: Sequence[Prompt | None],
    teacher: PolicyTeacher,
    *,
    top_k: int,
) -> tuple[Tensor, Tensor] | None:
    """Reverse KL to the teacher summed over the tokens of the rows with a prompt, over the tokens of the whole step.

    `prompts` are the teacher's, one a row; None where a row is not distilled. The parts of a step add up to the mean
    over its tokens, on any number of processes. Also returns the divergence of every token; None when there is none.
    """
    kept = batch["completion_mask"].bool() & torch.tensor(
        [prompt is not None for prompt in prompts], device=batch["completion_mask"].device
    ).unsqueeze(1)
    rows = [row for row, tokens in enumerate(kept) if tokens.any()]
    if not rows:
        return None
    input_ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    labels = torch.full_like(input_ids, IGNORED)
    labels[:, batch["prompt_ids"].shape[1] :][kept] = batch["completion_ids"][kept]
    network = plain_model(trainer.accelerator.unwrap_model(model))
    completions = [batch["completion_ids"][row][kept[row]].tolist() for row in rows]
    with trainer.accelerator.autocast():
        states = labelled_states(
            network,
            {
                "input_ids": input_ids,
                "attention_mask": torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
                "labels": labels,
                **{name: batch[name] for name in FORWARD_INPUTS if name in batch and name not in COUNTS},
            },
            share=trainer.shares_prefixes,
        )
        theirs = teacher.states([prompt for row in rows if (prompt := prompts[row]) is not None], completions)
        divergence = reverse_kl(states, head(network), theirs, teacher, top_k)
    total = batch["num_items_in_batch"].clamp(min=1.0) / trainer.accelerator.num_processes
    return divergence.sum() / total, divergence.detach()
