"""A prompt is computed once, however many completions it gets: its keys and values are shared out to the rows."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BatchFeature, Cache, DynamicCache, PreTrainedModel

from trimpi.prefix.cascade import RowLayer
from trimpi.prefix.rows import row_positions


def prefill(model: PreTrainedModel, inputs: BatchFeature, *, copies: int, room: int) -> Cache:
    """The cache of every prompt but its last token: `copies` rows of each in a run, with room for `room` new tokens.

    The last token is left to `generate`, which needs one to begin with.
    """
    cache = DynamicCache()
    positions = row_positions(model, inputs)
    model(**inputs, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
    filled: Any = cache.layers
    layers: Any = [
        shared_out(layer.keys[:, :, :-1], layer.values[:, :, :-1], copies=copies, room=room + 1) for layer in filled
    ]
    return Cache(layers=layers)


def shared_out(keys: torch.Tensor, values: torch.Tensor, *, copies: int, room: int) -> RowLayer:
    """`copies` rows of each row of keys and values, (rows, heads, tokens, dimension), with room for more tokens."""
    layer = RowLayer(keys.shape[-2] + room)
    layer.update(keys.repeat_interleave(copies, dim=0), values.repeat_interleave(copies, dim=0))
    return layer
