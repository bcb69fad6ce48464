"""A prompt is computed once, however many completions it gets: its keys and values are shared out to the rows."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BatchFeature, Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, (rows, heads, tokens, dimension), with room for what is written yet.

    Writing a token copies that token only, where the dynamic layer it stands for copies everything before it, too.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, *, copies: int, room: int) -> None:
        super().__init__()
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._keys, self._values = (_with_room(tensor, copies, room) for tensor in (keys, values))
        self._show(keys.shape[-2])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        start, end = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        self._keys[:, :, start:end] = key_states
        self._values[:, :, start:end] = value_states
        self._show(end)
        return self.keys, self.values

    def _show(self, length: int) -> None:
        self.keys, self.values = self._keys[:, :, :length], self._values[:, :, :length]


def prefill(model: PreTrainedModel, inputs: BatchFeature, *, copies: int, room: int) -> Cache:
    """The cache of every prompt but its last token: `copies` rows of each in a run, with room for `room` new tokens.

    The last token is left to `generate`, which needs one to begin with.
    """
    cache = DynamicCache()
    # The hook `generate` itself asks: both then count padding and images alike, and M-RoPE models renew what they keep.
    ask: Any = model._prepare_position_ids_for_generation
    positions = ask(inputs["input_ids"], dict(inputs))
    model(**inputs, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
    filled: Any = cache.layers
    layers: Any = [
        RoomyLayer(layer.keys[:, :, :-1], layer.values[:, :, :-1], copies=copies, room=room + 1) for layer in filled
    ]
    return Cache(layers=layers)


def _with_room(tensor: torch.Tensor, copies: int, room: int) -> torch.Tensor:
    rows, heads, length, dimension = tensor.shape
    roomy = tensor.new_empty(rows * copies, heads, length + room, dimension)
    roomy[:, :, :length] = tensor.repeat_interleave(copies, dim=0)
    return roomy
