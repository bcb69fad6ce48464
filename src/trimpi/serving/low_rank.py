"""The adapter that a LoRA stage's merged weights hold: what they differ by from the base, factorised again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from trimpi.errors import ModelError

SPARE_RANK = 8
"""Directions beyond the rank that the randomised factorisation looks at."""
ROUNDS = 4


def save_adapter(base: PreTrainedModel, trained: PreTrainedModel, *, rank: int, base_name: str, folder: Path) -> None:
    """Write a PEFT adapter of `rank` that makes `trained` out of `base`, which is spent.

    Raises ModelError when something other than linear layers was trained, or nothing was.
    """
    changed = _changed_layers(base, trained)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(changed), task_type="CAUSAL_LM")
    config.base_model_name_or_path = base_name
    adapted: Any = get_peft_model(base, config)
    layers = dict(adapted.base_model.model.named_modules())
    with torch.no_grad():
        for name, difference in changed.items():
            up, down = factorised(difference, rank)
            layers[name].lora_A["default"].weight.copy_(down)
            layers[name].lora_B["default"].weight.copy_(up)
    adapted.peft_config["default"].base_model_name_or_path = base_name
    adapted.save_pretrained(folder)


def factorised(difference: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """(out, rank) and (rank, in), whose product is the difference if its rank is no higher. Seeded."""
    sides = min(difference.shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left, scale, right = torch.svd_lowrank(difference.double(), q=min(rank + SPARE_RANK, sides), niter=ROUNDS)
    kept = min(rank, len(scale))
    root = scale[:kept].sqrt()
    up, down = difference.new_zeros(difference.shape[0], rank), difference.new_zeros(rank, difference.shape[1])
    up[:, :kept] = (left[:, :kept] * root).to(difference.dtype)
    down[:kept] = (right[:, :kept] * root).T.to(difference.dtype)
    return up, down


def _changed_layers(base: PreTrainedModel, trained: PreTrainedModel) -> dict[str, Tensor]:
    """By module name, what was added to its weight."""
    linear = {f"{name}.weight": name for name, module in base.named_modules() if isinstance(module, nn.Linear)}
    before = dict(base.named_parameters())
    changed = {}
    for name, weight in trained.named_parameters():
        if name not in before or before[name].shape != weight.shape:
            raise ModelError(f"the trained model has another {name} than its base: export the merged weights")
        if torch.equal(before[name], weight):
            continue
        if name not in linear:
            raise ModelError(f"{name} was trained too, which no adapter holds: export the merged weights")
        changed[linear[name]] = (weight.double() - before[name].double()).to(torch.float32).detach()
    if not changed:
        raise ModelError("the model has the weights of its base: there is nothing to make an adapter of")
    return changed
