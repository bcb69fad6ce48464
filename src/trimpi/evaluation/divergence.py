"""How far a trained model has moved from its base where no policy is concerned: KL(base || model) per token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trimpi.errors import ModelError
from trimpi.recipe import Engine
from trimpi.rendering.masks import pad_rows
from trimpi.sampling.local_engines import local_sampler
from trimpi.types import Completion

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress

TOKENS_AT_ONCE = 512
"""Completion tokens whose logits a model gives at once, padding included: 300 MB of float32 at a vocabulary of 150,000.

A longer completion is a batch of its own.
"""
TOKENS_IN_FULL = 64
"""Tokens whose distributions are held in float32 at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDivergence:
    """Of one prompt: the base model's completion and the mean KL over its `tokens`, end of turn included, in nats."""

    completion: str
    tokens: int
    kl: float


def kl_to_base(
    model: PreTrainedModel,
    base: PreTrainedModel,
    renderer: Renderer,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int,
    batch_size: int,
    engine: Engine = "prefix",
    base_renderer: Renderer | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[PromptDivergence]:
    """The base model answers every prompt greedily; both models are then led through each answer token by token.

    Each reads the prompts as its own renderer writes them (`base_renderer`; the same unless given): a soft prompt is
    the model's alone. Tokens that the base does not have are left out of the model's distribution. In the order of the
    prompts. Raises ModelError when the model lacks some of the base's vocabulary.
    """
    base_renderer = base_renderer or renderer
    sampler = local_sampler(base, base_renderer, batch_size=batch_size, engine=engine)
    sampled = sampler.sample(
        prompts, samples=1, temperature=0.0, top_p=1.0, max_new_tokens=max_new_tokens, seed=seed, progress=progress
    )
    completions = [completion for (completion,) in sampled]
    divergences: dict[int, PromptDivergence] = {}
    with _evaluating(model, base):
        for rows in _batches([len(completion.token_ids) for completion in completions], batch_size):
            batch = [(prompts[row], completions[row]) for row in rows]
            for row, kl in zip(rows, _teacher_forced(model, base, (renderer, base_renderer), batch), strict=True):
                divergences[row] = PromptDivergence(
                    completion=completions[row].text, tokens=len(kl), kl=kl.double().mean().item()
                )
    return [divergences[row] for row in range(len(prompts))]


def token_kl(base_logits: Tensor, logits: Tensor) -> Tensor:
    """KL(base || model) of each token's distribution in nats, (tokens,) float32; logits are (tokens, vocabulary).

    Never below zero, where rounding would put two distributions that are nearly the same.
    """
    parts = [
        _kl(ours.float().log_softmax(-1), theirs.float().log_softmax(-1))
        for ours, theirs in zip(base_logits.split(TOKENS_IN_FULL), logits.split(TOKENS_IN_FULL), strict=True)
    ]
    return torch.cat(parts).clamp_min(0.0)


def _kl(base: Tensor, other: Tensor) -> Tensor:
    """Of log-probabilities; a token that the base rules out adds nothing."""
    terms = base.exp() * (base - other)
    return terms.masked_fill(base == -torch.inf, 0.0).sum(-1)


@torch.inference_mode()
def _teacher_forced(
    model: PreTrainedModel,
    base: PreTrainedModel,
    renderers: tuple[Renderer, Renderer],
    batch: Sequence[tuple[Prompt, Completion]],
) -> list[Tensor]:
    """The KL at every token of every completion: prompts stand right before their completions, padding around them."""
    written = [torch.tensor(completion.token_ids) for _, completion in batch]
    ours, theirs = (
        _logits(network, _inputs(renderer, batch, written), max(len(tokens) for tokens in written))
        for network, renderer in zip((model, base), renderers, strict=True)
    )
    if theirs.shape[-1] > ours.shape[-1]:
        raise ModelError(
            f"the base model tells {theirs.shape[-1]} tokens apart, this one {ours.shape[-1]}: "
            "set model.path to the model it was trained from"
        )
    ours = ours[..., : theirs.shape[-1]]
    return [token_kl(theirs[row, : len(tokens)], ours[row, : len(tokens)]) for row, tokens in enumerate(written)]


def _inputs(renderer: Renderer, batch: Sequence[tuple[Prompt, Completion]], written: Sequence[Tensor]) -> Any:
    inputs = renderer.encode_prompts([prompt for prompt, _ in batch], padding_side="left")
    for name, tensor in _continued(inputs, written, renderer.pad_token_id).items():
        inputs[name] = tensor
    return inputs


def _logits(network: PreTrainedModel, inputs: Any, longest: int) -> Tensor:
    """(rows, longest, vocabulary): what is predicted at each completion token."""
    placed = {name: value.to(network.device) for name, value in inputs.items()}
    placed = {name: value.to(network.dtype) if value.is_floating_point() else value for name, value in placed.items()}
    return network(**placed, use_cache=False, logits_to_keep=longest + 1).logits[:, -longest - 1 : -1]


def _continued(inputs: Any, written: Sequence[Tensor], padding: int) -> dict[str, Tensor]:
    """The inputs that have a column per token, with the completions' columns behind the prompts'."""
    fills = {
        "input_ids": pad_rows(written, padding, "right"),
        "attention_mask": pad_rows([torch.ones_like(tokens) for tokens in written], 0, "right"),
        "mm_token_type_ids": pad_rows([torch.zeros_like(tokens) for tokens in written], 0, "right"),
    }
    return {
        name: torch.cat([inputs[name], fill.to(inputs[name].dtype)], dim=1)
        for name, fill in fills.items()
        if name in inputs
    }


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """All rows, those of similar length together: at most `batch_size`, and TOKENS_AT_ONCE with their padding."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if rows and (len(rows) == batch_size or lengths[row] * (len(rows) + 1) > TOKENS_AT_ONCE):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


@contextmanager
def _evaluating(*networks: PreTrainedModel) -> Iterator[None]:
    """Dropout off, and back as it was."""
    with ExitStack() as stack:
        for network in networks:
            stack.callback(network.train, network.training)
            network.eval()
        yield
