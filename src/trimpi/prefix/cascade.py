"""Attention over several levels of computed tokens: the policy, the prompt, and what a row has written itself.

Each level is held once, however many rows continue it. A row's attention is computed level by level and merged by the
levels' normalisers, which gives what one softmax over all its keys would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from trimpi.prefix.attention import repeat_heads

SCORES_AT_ONCE = 1 << 25
"""Attention scores held at once, in numbers: longer queries take several turns."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Computed tokens that rows continue.

    keys, values: per layer (prefixes, key heads, longest, dimension). present: (prefixes, longest) bool, False where a
    prefix is shorter. `prefix_of_row`: for each row the number of the prefix it continues, -1 for none.
    """

    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    present: Tensor
    prefix_of_row: Sequence[int] = ()

    def continued_by(self, prefix_of_row: Sequence[int]) -> Level:
        """The same tokens for other rows."""
        return replace(self, prefix_of_row=tuple(prefix_of_row))

    @cached_property
    def mask(self) -> Tensor | None:
        """`present` for all queries alike, (prefixes, 1, 1, longest); None where everything is present."""
        return None if bool(self.present.all()) else self.present[:, None, None]

    @cached_property
    def rows(self) -> Tensor:
        """The rows that continue each prefix: (prefixes, most rows), filled up with the number of all rows."""
        of_prefix: list[list[int]] = [[] for _ in range(len(self.present))]
        for row, prefix in enumerate(self.prefix_of_row):
            if prefix >= 0:
                of_prefix[prefix].append(row)
        most = max(map(len, of_prefix))
        padded = [[*rows, *[len(self.prefix_of_row)] * (most - len(rows))] for rows in of_prefix]
        return torch.tensor(padded, dtype=torch.long, device=self.present.device)

    @cached_property
    def is_regular(self) -> bool:
        """Whether every prefix is continued by as many rows, one after the other: no row then has to be moved."""
        return self.rows.flatten().tolist() == list(range(len(self.prefix_of_row)))


class CascadeAttention:
    """`SharedAttention` for rows over levels; what the forward pass itself wrote comes last, causally."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = [level for level in levels if level.rows.numel() and level.present.shape[1]]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scaling: float) -> Tensor:
        """See `SharedAttention.attend`. Padding is on the right, where causality hides it."""
        output, normaliser = _own(query, key, value, scaling=scaling)
        outputs, normalisers = [output], [normaliser]
        for level in self._levels:
            output, normaliser = self._over(level, layer, query, scaling=scaling)
            outputs.append(output)
            normalisers.append(normaliser)
        weights = torch.stack(normalisers).softmax(dim=0)
        return (torch.stack(outputs) * weights[..., None]).sum(dim=0).to(query.dtype)

    def _over(self, level: Level, layer: int, query: Tensor, *, scaling: float) -> tuple[Tensor, Tensor]:
        """Every row's attention over one level; nothing, with a normaliser of -inf, for rows that lack it."""
        keys, values = level.keys[layer], level.values[layer]
        if level.is_regular:
            grouped = _by_key_head(query.unflatten(0, level.rows.shape), keys.shape[1])
            output, normaliser = _by_row(_attention(grouped, keys, values, level.mask, scaling=scaling), query)
            return output.flatten(0, 1), normaliser.flatten(0, 1)
        # A row after the last one stands in for padding.
        padded = torch.cat([query, query.new_zeros(1, *query.shape[1:])])[level.rows]
        grouped = _by_key_head(padded, keys.shape[1])
        output, normaliser = _by_row(_attention(grouped, keys, values, level.mask, scaling=scaling), query)
        rows = level.rows.flatten()
        everywhere = output.new_zeros(len(query) + 1, *output.shape[2:])
        everywhere[rows] = output.flatten(0, 1)
        logs = normaliser.new_full((len(query) + 1, *normaliser.shape[2:]), -torch.inf)
        logs[rows] = normaliser.flatten(0, 1)
        return everywhere[:-1], logs[:-1]


class RowLayer(DynamicLayer):
    """One layer's keys and values of what rows write, with room for all of it: writing a token copies only that one."""

    keys: Tensor
    values: Tensor

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        rows, heads, _, dimension = key_states.shape
        self._keys = key_states.new_empty(rows, heads, self._room, dimension)
        self._values = value_states.new_empty(rows, heads, self._room, value_states.shape[-1])
        self._show(0)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        self._keys[:, :, start:end] = key_states
        self._values[:, :, start:end] = value_states
        self._show(end)
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        length = self.keys.shape[-2]
        self._keys, self._values = self._keys[rows], self._values[rows]
        self._show(length)

    def _show(self, length: int) -> None:
        self.keys, self.values = self._keys[:, :, :length], self._values[:, :, :length]


class RowCache(Cache):
    """What the rows of a decoding batch have written, for a model of `layers` layers."""

    def __init__(self, layers: int, *, room: int) -> None:
        self._rows = [RowLayer(room) for _ in range(layers)]
        super().__init__(layers=list(self._rows))

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        for layer in self._rows:
            layer.keep(rows)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, scaling: float
) -> tuple[Tensor, Tensor]:
    """query (n, key heads, queries, d); key, value (n, key heads, keys, d); mask broadcast to the scores.

    Returns the output (n, key heads, queries, d) and the logarithm of the softmax's denominator, float32.
    """
    # One query per key head gains nothing from it, and a row of the mask without any key would be no number.
    if mask is None and query.shape[2] > 1 and query.device.type == "cpu":
        return fused_attention(query, key, value, 0.0, False, scale=scaling)
    return written_out_attention(query, key, value, mask, scaling=scaling)


fused_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
"""What torch's own attention runs on the CPU. The public function keeps the normalisers to itself."""


def written_out_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, scaling: float
) -> tuple[Tensor, Tensor]:
    """The same for any mask and device, in turns of at most SCORES_AT_ONCE scores."""
    turn = max(1, SCORES_AT_ONCE // (query.shape[0] * query.shape[1] * key.shape[2]))
    outputs, normalisers = [], []
    for start in range(0, query.shape[2], turn):
        scores = ((query[:, :, start : start + turn] * scaling) @ key.mT).float()
        if mask is not None:
            scores.masked_fill_(~(mask if mask.shape[2] == 1 else mask[:, :, start : start + turn]), -torch.inf)
        # Where nothing is visible the highest score is -inf; any number then gives shares of 0.
        highest = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
        shares = scores.sub_(highest).exp_()
        total = shares.sum(dim=-1, keepdim=True)
        outputs.append((shares.to(value.dtype) @ value) / total.clamp(min=torch.finfo(scores.dtype).tiny))
        normalisers.append((highest + total.log()).squeeze(-1))
    if len(outputs) == 1:
        return outputs[0], normalisers[0]
    return torch.cat(outputs, dim=2), torch.cat(normalisers, dim=2)


def _own(query: Tensor, key: Tensor, value: Tensor, *, scaling: float) -> tuple[Tensor, Tensor]:
    """Causal attention to what the forward pass wrote: output as query, normaliser (rows, heads, queries)."""
    heads, queries = query.shape[1:3]
    if queries == key.shape[2] > 1 and query.device.type == "cpu":
        keys, values = repeat_heads(key, heads), repeat_heads(value, heads)
        return fused_attention(query, keys, values, 0.0, True, scale=scaling)
    own = _attention(_by_key_head(query[:, None], key.shape[1]), key, value, _causal(query, key), scaling=scaling)
    output, normaliser = (part[:, 0] for part in _by_row(own, query))
    return output, normaliser


def _by_row(attended: tuple[Tensor, Tensor], query: Tensor) -> tuple[Tensor, Tensor]:
    """Output (n, rows, heads, queries, d) and normaliser (n, rows, heads, queries) of what `_attention` gave."""
    heads, queries = query.shape[1:3]
    output, normaliser = attended
    return (
        _by_query_head(output, heads=heads, queries=queries),
        _by_query_head(normaliser[..., None], heads=heads, queries=queries)[..., 0],
    )


def _causal(query: Tensor, key: Tensor) -> Tensor | None:
    """The last query sees all keys, the one before it all but one, ...; (1, 1, heads per key head * queries, keys)."""
    queries, keys = query.shape[2], key.shape[2]
    if queries == 1:
        return None
    triangle = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)
    return triangle.repeat(query.shape[1] // key.shape[1], 1)[None, None]


def _by_key_head(query: Tensor, key_heads: int) -> Tensor:
    """(n, rows, heads, queries, d) -> (n, key heads, rows * heads per key head * queries, d)."""
    n, rows, heads, queries, dimension = query.shape
    split = query.view(n, rows, key_heads, heads // key_heads, queries, dimension)
    return split.transpose(1, 2).reshape(n, key_heads, -1, dimension)


def _by_query_head(output: Tensor, *, heads: int, queries: int) -> Tensor:
    """Undo `_by_key_head`: (n, key heads, rows * heads per key head * queries, d) -> (n, rows, heads, queries, d)."""
    n, key_heads, merged, dimension = output.shape
    rows = merged * key_heads // (heads * queries)
    split = output.view(n, key_heads, rows, heads // key_heads, queries, dimension)
    return split.transpose(1, 2).reshape(n, rows, heads, queries, dimension)
