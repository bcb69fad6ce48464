"""Muon for the matrices, AdamW for the rest, one warm-up-and-decay schedule for both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

WARMUP_STEPS = 100
FINAL_SHARE = 0.02
"""Share of the peak learning rate that is left at the last step."""


class Optimizers:
    """Two optimizers that step, zero and checkpoint as one."""

    def __init__(
        self, named_parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float, weight_decay: float
    ) -> None:
        named = [(name, parameter) for name, parameter in named_parameters if parameter.requires_grad]
        matrices = [parameter for name, parameter in named if parameter.ndim == 2 and not _is_table(name)]
        others = [parameter for name, parameter in named if parameter.ndim != 2 or _is_table(name)]
        muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        adamw = torch.optim.AdamW(others, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
        self.parts: list[torch.optim.Optimizer] = [muon, adamw]
        self.peak = learning_rate
        self.parameters = [*matrices, *others]

    def step(self, share: float) -> float:
        """Clip, step at this share of the peak learning rate, clear the gradients; returns the norm before clipping."""
        norm = float(nn.utils.clip_grad_norm_(self.parameters, 1.0))
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.peak * share
            part.step()
            part.zero_grad(set_to_none=True)
        return norm

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def scheduled_share(step: int, steps: int, *, decay: bool) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then flat, or half a cosine down to FINAL_SHARE."""
    if step < WARMUP_STEPS or not decay:
        return min(1.0, (step + 1) / WARMUP_STEPS)
    progress = min(1.0, (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS))
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress))


def _is_table(name: str) -> bool:
    """Embeddings and output heads are tables of rows, not maps: Muon does not suit them."""
    return "embed" in name or "lm_head" in name
