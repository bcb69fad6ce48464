"""The attention function that lets sequences share a prefix, registered with transformers under a name of its own.

A forward pass that is given `shared_attention=...` attends through it in every text layer; any other forward pass of
the same model is plain scaled dot product attention.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "trimpi_shared_prefix"


class SharedAttention(Protocol):
    """How the tokens of one forward pass attend."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scaling: float) -> Tensor:
        """query (rows, heads, queries, d); key, value (rows, key heads, keys, d). Returns query's shape.

        `key` and `value` are what the forward pass wrote, with what its cache held before, if it has one.
        """
        ...


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    shared_attention: SharedAttention | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    if shared_attention is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
        return output, None
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    output = shared_attention.attend(module.layer_idx, query, key, value, scaling=scale)
    return output.transpose(1, 2).contiguous(), None


function: Any = _attend
AttentionInterface.register(NAME, function)
AttentionMaskInterface.register(NAME, sdpa_mask)


def enable_shared_attention(model: PreTrainedModel) -> None:
    """Let this model's text layers take `shared_attention`; without it they compute what they did before."""
    model.config.get_text_config()._attn_implementation = NAME


def repeat_heads(states: Tensor, heads: int) -> Tensor:
    """Keys or values (rows, key heads, length, dimension) with every head repeated as grouped queries need."""
    return states if states.shape[1] == heads else states.repeat_interleave(heads // states.shape[1], dim=1)


def causal(query: Tensor, key: Tensor, value: Tensor, *, scaling: float) -> Tensor:
    """Plain causal attention of whole sequences, shapes as in `SharedAttention.attend`."""
    return scaled_dot_product_attention(query, key, value, is_causal=query.shape[2] > 1, scale=scaling)


def visible(own: Tensor, shared: int) -> Tensor:
    """Which keys each token of a branch sees: all `shared` ones of the prefix, and its own up to itself.

    `own` (branches, longest) says which tokens are there; returns (branches, 1, longest, shared + longest), bool. A
    token of padding sees the prefix, so that its output is a number, which nobody reads.
    """
    branches, longest = own.shape
    triangle = torch.ones(longest, longest, dtype=torch.bool, device=own.device).tril()
    itself = torch.eye(longest, dtype=torch.bool, device=own.device)
    within = triangle[None] & (own[:, None, :] | itself[None])
    before = torch.ones(branches, longest, shared, dtype=torch.bool, device=own.device)
    return torch.cat([before, within], dim=2)[:, None]
