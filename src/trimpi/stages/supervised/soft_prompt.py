"""The soft-prompt baseline: tokens of its own in front of every prompt, whose embeddings are all that is trained.

The tokens are the vocabulary's, and the chat template writes them, so that the stage leaves a folder that anything
loads and asks as it would any other model; they are ordinary tokens to M-RoPE, to images and to the prefix engine,
which computes them once for all rows. PEFT's prompt tuning prepends vectors instead, which no processor knows of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor
from transformers import PreTrainedModel

from trimpi.errors import ModelError
from trimpi.policies import Policy

TOKEN = "<|soft_prompt_{number}|>"
TOKENS = re.compile(r"<\|soft_prompt_\d+\|>")


def add_soft_prompt(model: PreTrainedModel, processor: Any, count: int, policies: Sequence[Policy]) -> list[int]:
    """Put `count` new tokens in front of every chat; their ids.

    Their embeddings begin as those of tokens of the policies' texts, evenly spread, as prompt tuning does from text. In
    an output layer of its own a new token gets the mean of the others, and is not trained. A soft prompt that is there
    already stays in front, and is not trained either. Raises ModelError for a processor without one chat template.
    """
    template = processor.chat_template or processor.tokenizer.chat_template
    if not isinstance(template, str):
        raise ModelError("a soft prompt is written by the chat template: this model's processor does not have one")
    tokenizer = processor.tokenizer
    first = sum(bool(TOKENS.fullmatch(token)) for token in tokenizer.get_vocab())
    tokens = [TOKEN.format(number=first + number) for number in range(count)]
    begins_as = _spread(tokenizer("\n".join(policy.text for policy in policies))["input_ids"], count)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens], special_tokens=True)
    processor.chat_template = "{{- '" + "".join(tokens) + "' -}}" + template
    ids = list(tokenizer.convert_tokens_to_ids(tokens))
    _make_room(model, len(tokenizer))
    with torch.no_grad():
        table: Any = model.get_input_embeddings().weight
        table[ids] = table[begins_as]
    return ids


def train_rows_only(model: PreTrainedModel, rows: Sequence[int]) -> None:
    """Freeze everything but these rows of the embeddings: the others get gradients of zero, and no weight decay.

    Under tied embeddings the output layer's rows are the same ones. Every process must hold the whole table (one
    process, or DDP): the gradient of a shard (FSDP, ZeRO) would not fit the rows.
    """
    model.requires_grad_(False)
    weight: Any = model.get_input_embeddings().weight
    weight.requires_grad_(True)
    kept = torch.zeros(weight.shape[0], 1, dtype=weight.dtype, device=weight.device)
    kept[list(rows)] = 1.0

    def only_rows(gradient: Tensor) -> Tensor:
        return gradient * kept.to(gradient)

    weight.register_hook(only_rows)


def _make_room(model: PreTrainedModel, tokens: int) -> None:
    """Rows for all tokens; many models have some to spare."""
    table: Any = model.get_input_embeddings()
    head: Any = model.get_output_embeddings()
    before = table.weight.shape[0]
    if tokens <= before:
        return
    tied = head is None or head.weight is table.weight
    model.resize_token_embeddings(tokens, mean_resizing=False)
    if not tied:
        with torch.no_grad():
            weight = model.get_output_embeddings().weight
            weight[before:] = weight[:before].mean(dim=0)


def _spread(ids: Sequence[int], count: int) -> list[int]:
    return [ids[number * len(ids) // count] for number in range(count)]
