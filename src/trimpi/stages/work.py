"""What a stage has computed: its weights counted, and its tokens by what they were for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import nn
from transformers import PretrainedConfig

from trimpi.prefix.support import plain_model
from trimpi.recipe import RlConfig, SupervisedConfig, TrainingConfig, VllmSamplerConfig
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.stages.flops import HOW, Weights, Work, estimate_flops
from trimpi.tasks.base import Task
from trimpi.types import Example

SAMPLED = 16
"""Lengths of prompts are estimated from the first so many."""


def count_weights(model: nn.Module) -> Weights:
    """The weights of a model, with or without adapters."""
    plain = plain_model(model)
    heads = [plain.get_decoder(), plain.get_output_embeddings()]
    language = {id(weight): (name, weight) for part in heads if part is not None for name, weight in _named(part)}
    table, head = plain.get_input_embeddings(), plain.get_output_embeddings()
    if head is None or table.weight is not head.weight:
        language.pop(id(table.weight), None)
    adapters = sum(_size(weight) for name, weight in language.values() if "lora_" in name)
    own = sum(_size(weight) for _, weight in language.values()) - adapters
    counted = {*language, id(table.weight)}
    vision = sum(_size(weight) for name, weight in _named(plain) if id(weight) not in counted and "lora_" not in name)
    return Weights(language=own, vision=vision, adapters=adapters)


def _named(module: Any) -> list[tuple[str, Any]]:
    return list(module.named_parameters())


def _size(weight: Any) -> int:
    """ZeRO-3 keeps the weights of other processes elsewhere, and their number here."""
    return int(getattr(weight, "ds_numel", weight.numel()))


def supervised_cost(
    config: SupervisedConfig,
    weights: Weights,
    *,
    tokens: int,
    rows: Sequence[TrainingExample],
    renderer: Renderer,
    model_config: PretrainedConfig,
) -> dict[str, Any]:
    """What a supervised stage cost, for its manifest. `tokens` are those trained on."""
    sample = rows[:SAMPLED]
    length = fmean(len(renderer.prompt_ids(row.prompt)) + len(renderer.response_ids(row.response)) for row in sample)
    patches = fmean(_patches(row.prompt, renderer, model_config) for row in sample)
    work = Work(trained_tokens=tokens, trained_patches_per_token=patches / length)
    return cost(config, weights, work)


def rl_cost(
    config: RlConfig,
    weights: Weights,
    *,
    tokens: int,
    rollouts: Path,
    task: Task,
    examples: Sequence[Example],
    renderer: Renderer,
    model_config: PretrainedConfig,
) -> dict[str, Any]:
    """What an rl stage cost, for its manifest. `tokens` are policy-free prompts and completions, once each."""
    halves = _completion_lengths(rollouts)
    prompts = {
        aware: [renderer.prompt(example, task.policy_of(example) if aware else None) for example in examples[:SAMPLED]]
        for aware in halves
    }
    lengths = {aware: fmean(len(renderer.prompt_ids(prompt)) for prompt in prompts[aware]) for aware in halves}
    patches = {aware: fmean(_patches(prompt, renderer, model_config) for prompt in prompts[aware]) for aware in halves}
    read = sum(len(halves[aware]) * lengths[aware] for aware in halves)
    old = config.algorithm.num_iterations > 1 or isinstance(config.sampler, VllmSamplerConfig)
    work = Work(
        trained_tokens=tokens * config.algorithm.num_iterations,
        scored_tokens=tokens * (int(config.algorithm.beta > 0) + int(old)),
        rollout_prompt_tokens=round(read),
        rollout_completion_tokens=sum(map(sum, halves.values())),
        trained_patches_per_token=sum(map(len, halves.values())) * patches[False] / max(tokens, 1),
        rollout_patches_per_token=sum(len(halves[aware]) * patches[aware] for aware in halves) / max(read, 1),
    )
    loss_tokens = work.rollout_completion_tokens * config.algorithm.num_iterations
    return {**cost(config, weights, work), "loss_tokens": loss_tokens}


def _completion_lengths(rollouts: Path) -> dict[bool, list[int]]:
    """Tokens of every completion, policy-free and policy-aware; line by line, since the texts may be many.

    None where a stage ended before it sampled any.
    """
    halves: dict[bool, list[int]] = {False: [], True: []}
    if not rollouts.exists():
        return halves
    with rollouts.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            halves[line["policy_aware"]].append(line["tokens"])
    return halves


def cost(config: TrainingConfig, weights: Weights, work: Work) -> dict[str, Any]:
    """Weights, tokens and estimated FLOPs, as a stage's manifest shows them."""
    flops = estimate_flops(weights, work, checkpointing=config.gradient_checkpointing)
    return {"weights": asdict(weights), **asdict(work), "estimated_flops": flops.as_dict(), "how": HOW}


def _patches(prompt: Prompt, renderer: Renderer, model_config: PretrainedConfig) -> float:
    """What the vision tower computes for a prompt's images, in patches of its own.

    Where the family does not say how many patches become a token, a patch a token.
    """
    token = int(getattr(model_config, "image_token_id", None) or -1)
    merge = getattr(getattr(model_config, "vision_config", None), "spatial_merge_size", 1)
    return float(renderer.prompt_ids(prompt).count(token) * merge**2)
