"""Prompts computed once, level by level, and rows decoded over them together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from trimpi.prefix.attention import enable_shared_attention
from trimpi.prefix.cascade import CascadeAttention, Level, RowCache
from trimpi.prefix.encoded_images import EncodedImages
from trimpi.prefix.rows import BatchRows, read_rows, row_positions
from trimpi.prefix.sharing import Cluster, common_length, share_prefixes

SHORTEST_LEVEL = 64
"""A shared prefix of fewer tokens costs more, as one more level in every step, than computing it again."""
REMEMBERED_SHARE = 0.9
"""A remembered prefix is taken instead of a new one if it covers this share of it: the rest is computed per prompt."""
LONGEST_TO_SHORTEST = 1.5
"""Prompts whose own parts differ more in length are computed apart, so that little is padding."""
FINISHED_SHARE = 0.25
"""Finished rows are dropped when they are this share of the rows, since dropping copies the others."""

Choose = Callable[[Tensor, int, Tensor], tuple[Tensor, Tensor]]
"""(logits (rows, vocabulary), step, which rows) -> their next tokens and log-probabilities, (rows,) each."""
Computed = tuple[list[Tensor], list[Tensor]]
"""Keys and values, a tensor per layer."""


@dataclass(frozen=True, kw_only=True)
class Prefilled:
    """Computed prompts. `levels` are continued by prompts; the last token of every prompt is not computed yet.

    `last_tokens` (prompts,), `last_positions` (axes, prompts) or (prompts,).
    """

    levels: Sequence[Level]
    last_tokens: Tensor
    last_positions: Tensor


@dataclass(frozen=True, kw_only=True)
class _Prompts:
    """Encoded prompts, unpadded, with the position ids of each."""

    rows: BatchRows
    positions: Sequence[Tensor]


class PrefixMemory:
    """Computed prefixes and encoded images, kept for prompts to come; meant for one set of weights.

    `asked` are the prompt tokens of all rows so far, `computed` those among them that had to be computed. Without
    `sharing` every prompt is computed whole: what this engine costs where nothing is kept.
    """

    def __init__(self, model: PreTrainedModel, *, sharing: bool = True) -> None:
        self.model = model
        self._sharing = sharing
        self._kept: dict[tuple[int, ...], Computed] = {}
        self._images = EncodedImages(model, reuse=sharing)
        self.asked = self.computed = 0
        enable_shared_attention(model)

    def copy(self) -> PrefixMemory:
        """One that remembers the same, has been asked nothing yet, and learns apart from this one."""
        memory = copy(self)
        memory._kept = dict(self._kept)
        memory._images = self._images.copy()
        memory.asked = memory.computed = 0
        return memory

    @torch.no_grad()
    def prefill(self, inputs: Mapping[str, Tensor], prompt_of_row: Sequence[int]) -> Prefilled:
        """Compute the prompts of an encoded batch, padded on either side, each shared prefix once.

        `prompt_of_row` says which prompts the rows to be decoded continue.
        """
        prompts = _split(self.model, inputs)
        self.asked += sum(len(prompts.rows.ids[prompt]) for prompt in prompt_of_row)
        self.computed += len(prompt_of_row)  # every row computes its prompt's last token
        keys = prompts.rows.keys
        if self._sharing:
            clusters = share_prefixes(keys, shortest=SHORTEST_LEVEL)
        else:
            clusters = [Cluster(members=(row,), shared=0) for row in range(len(keys))]
        shared = [0] * len(keys)
        levels: list[Level] = []
        for cluster in clusters:
            length, level = self._prefix(prompts, keys, cluster)
            if level is not None:
                levels.append(level.continued_by([0 if row in cluster.members else -1 for row in range(len(keys))]))
                for member in cluster.members:
                    shared[member] = length
        levels += [self._own_parts(prompts, shared, rows, levels) for rows in _similar(prompts, shared)]
        return Prefilled(
            levels=levels,
            last_tokens=torch.stack([ids[-1] for ids in prompts.rows.ids]),
            last_positions=torch.stack([positions[..., -1] for positions in prompts.positions], dim=-1),
        )

    def _prefix(self, prompts: _Prompts, keys: Sequence[Sequence[int]], cluster: Cluster) -> tuple[int, Level | None]:
        """What the cluster shares, computed or remembered, and its length; a little less if that is remembered.

        A prompt on its own shares what is remembered of it, or nothing.
        """
        first = cluster.members[0]
        wanted = tuple(keys[first][: cluster.shared or len(keys[first]) - 1])
        known = max(self._kept, key=lambda kept: common_length(kept, wanted), default=())
        length = common_length(known, wanted)
        if length >= (REMEMBERED_SHARE * cluster.shared or SHORTEST_LEVEL):
            return length, _level(*self._kept[known], [length])
        if not cluster.shared:
            return 0, None
        computed = self._kept[wanted] = self._compute(
            prompts.rows.ids[first][None, : cluster.shared],
            prompts.positions[first][..., None, : cluster.shared],
            self._images.inputs(prompts.rows.images, [prompts.rows.images_within(first, 0, cluster.shared)]),
            [],
        )
        self.computed += cluster.shared
        return cluster.shared, _level(*computed, [cluster.shared])

    def _own_parts(
        self, prompts: _Prompts, shared: Sequence[int], rows: Sequence[int], levels: Sequence[Level]
    ) -> Level:
        """What prompts have of their own, but the last token, over the levels they continue."""
        spans = [(row, shared[row], len(prompts.rows.ids[row]) - 1) for row in rows]
        ids = pad_sequence([prompts.rows.ids[row][start:end] for row, start, end in spans], batch_first=True)
        # Padded along the tokens, which are the last dimension, with M-RoPE's axes before them or without.
        positions = pad_sequence([prompts.positions[row][..., start:end].movedim(-1, 0) for row, start, end in spans])
        images = self._images.inputs(prompts.rows.images, [prompts.rows.images_within(*span) for span in spans])
        over = [level.continued_by([level.prefix_of_row[row] for row in rows]) for level in levels]
        lengths = [end - start for _, start, end in spans]
        self.computed += sum(lengths)
        computed: Computed = ([], [])
        if any(lengths):
            computed = self._compute(ids, positions.movedim((0, 1), (-1, -2)), images, over)
        level = _level(*computed, lengths)
        number = {row: place for place, row in enumerate(rows)}
        return level.continued_by([number.get(row, -1) for row in range(len(prompts.rows.ids))])

    def _compute(self, ids: Tensor, positions: Tensor, images: Mapping[str, Any], levels: Sequence[Level]) -> Computed:
        """Keys and values of these tokens, per layer."""
        cache = DynamicCache()
        self.model(
            input_ids=ids,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            # The first tokens of all need no cascade, and plain attention never holds their scores.
            shared_attention=CascadeAttention(levels) if levels else None,
            **images,
        )
        layers: Any = cache.layers
        return [layer.keys for layer in layers], [layer.values for layer in layers]


class Decoding:
    """Rows that are written over the levels of their prompts, a token each per step, until they are dropped.

    `room` is how many tokens a row may have. Rows keep the numbers they began with.
    """

    def __init__(
        self, model: PreTrainedModel, prefilled: Prefilled, prompt_of_row: Sequence[int], *, room: int
    ) -> None:
        device = prefilled.last_tokens.device
        self._model, self._levels = model, prefilled.levels
        self._prompts = torch.tensor(prompt_of_row, device=device)
        self._rows = torch.arange(len(prompt_of_row), device=device)
        self._tokens = prefilled.last_tokens[self._prompts]
        self._positions = prefilled.last_positions[..., self._prompts]
        self._cache = RowCache(model.config.get_text_config().num_hidden_layers, room=room)
        self._attention = _over_levels(self._levels, self._prompts)
        self._running = torch.ones(len(prompt_of_row), dtype=torch.bool, device=device)
        self._steps = 0

    @torch.no_grad()
    def step(self, choose: Choose) -> list[tuple[int, int, float]]:
        """The next token of every row that was not dropped, with its log-probability: (row, token, log-probability)."""
        output = self._model(
            input_ids=self._tokens[:, None],
            position_ids=(self._positions + self._steps)[..., None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
            shared_attention=self._attention,
        )
        self._tokens, log_probs = choose(output.logits[:, -1], self._steps, self._rows)
        self._steps += 1
        columns = (self._rows, self._running, self._tokens, log_probs)
        return [
            (row, token, log_prob)
            for row, runs, token, log_prob in zip(*(column.tolist() for column in columns), strict=True)
            if runs
        ]

    def drop(self, rows: Collection[int]) -> bool:
        """Write no more of these rows; whether any is left. Their place is given up when enough of them are dropped."""
        if rows:
            self._running &= ~torch.isin(self._rows, torch.tensor(list(rows), device=self._rows.device))
        left = bool(self._running.any())
        if left and float(self._running.float().mean()) <= 1 - FINISHED_SHARE:
            kept = self._running.nonzero()[:, 0]
            self._cache.keep(kept)
            self._rows, self._prompts, self._tokens = self._rows[kept], self._prompts[kept], self._tokens[kept]
            self._positions, self._running = self._positions[..., kept], self._running[kept]
            self._attention = _over_levels(self._levels, self._prompts)
        return left


def decode(
    model: PreTrainedModel,
    prefilled: Prefilled,
    prompt_of_row: Sequence[int],
    choose: Choose,
    *,
    max_new_tokens: int,
    end: int,
) -> list[tuple[list[int], list[float]]]:
    """Every row's tokens, `end` included where it was reached, and their log-probabilities.

    Rows are decoded together, each over the levels of its prompt; finished rows are dropped.
    """
    decoding = Decoding(model, prefilled, prompt_of_row, room=max_new_tokens)
    written: list[tuple[list[int], list[float]]] = [([], []) for _ in prompt_of_row]
    for _ in range(max_new_tokens):
        fresh = decoding.step(choose)
        for row, token, log_prob in fresh:
            written[row][0].append(token)
            written[row][1].append(log_prob)
        if not decoding.drop([row for row, token, _ in fresh if token == end]):
            break
    return written


def _over_levels(levels: Sequence[Level], prompts: Tensor) -> CascadeAttention:
    """Attention of rows that continue these prompts."""
    return CascadeAttention(
        [level.continued_by([level.prefix_of_row[prompt] for prompt in prompts.tolist()]) for level in levels]
    )


def _level(keys: Sequence[Tensor], values: Sequence[Tensor], lengths: Sequence[int]) -> Level:
    longest = max(lengths)
    device = keys[0].device if keys else None
    present = torch.arange(longest, device=device)[None] < torch.tensor(lengths, device=device)[:, None]
    return Level(
        keys=[key[:, :, :longest] for key in keys],
        values=[value[:, :, :longest] for value in values],
        present=present,
    )


def _split(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> _Prompts:
    whole, kept = row_positions(model, inputs), inputs["attention_mask"].bool()
    return _Prompts(rows=read_rows(model, inputs), positions=[whole[..., row, own] for row, own in enumerate(kept)])


def _similar(prompts: _Prompts, shared: Sequence[int]) -> list[list[int]]:
    """Prompts in groups whose own parts are of similar length."""
    own = {row: len(ids) - shared[row] for row, ids in enumerate(prompts.rows.ids)}
    groups: list[list[int]] = []
    for row in sorted(own, key=lambda row: (own[row], row)):
        if groups and own[row] <= LONGEST_TO_SHORTEST * own[groups[-1][0]]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
