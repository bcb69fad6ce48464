"""A batch as one row in which shared prefixes stand once: what the training losses run on.

The last token of a prefix stands in every branch again, since it predicts a different token in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from trimpi.prefix.attention import causal, repeat_heads, visible
from trimpi.prefix.sharing import Cluster

IGNORED = -100


@dataclass(frozen=True)
class PackedCluster:
    """Where one cluster stands in the packed row: its prefix, then its branches one after the other.

    `branches` are (start, length) of each. They see all of the prefix but its last token, which each of them begins
    with. A cluster without branches is a sequence on its own.
    """

    start: int
    length: int
    branches: tuple[tuple[int, int], ...]

    @cached_property
    def index(self) -> Tensor:
        """Packed positions of the branches' tokens, (branches, longest); those of padding repeat the first."""
        rows = [torch.arange(start, start + length) for start, length in self.branches]
        return pad_sequence(rows, batch_first=True, padding_value=self.start)

    @cached_property
    def own(self) -> Tensor:
        """Which entries of `index` are tokens."""
        rows = [torch.ones(length, dtype=torch.bool) for _, length in self.branches]
        return pad_sequence(rows, batch_first=True)

    @cached_property
    def mask(self) -> Tensor:
        return visible(self.own, self.length - 1)


class PackedAttention:
    """Attention over one packed row: `SharedAttention` for training, gradients included."""

    def __init__(self, clusters: Sequence[PackedCluster], device: torch.device) -> None:
        self._clusters = clusters
        self._tensors = [
            (cluster.index.to(device), cluster.own.to(device), cluster.mask.to(device)) if cluster.branches else None
            for cluster in clusters
        ]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scaling: float) -> Tensor:
        """All of one row; see `SharedAttention.attend`."""
        key, value = repeat_heads(key, query.shape[1]), repeat_heads(value, query.shape[1])
        parts: list[Tensor] = []
        for cluster, tensors in zip(self._clusters, self._tensors, strict=True):
            prefix = slice(cluster.start, cluster.start + cluster.length)
            queries, keys, values = query[:, :, prefix], key[:, :, prefix], value[:, :, prefix]
            parts.append(causal(queries, keys, values, scaling=scaling)[0])
            if tensors is None:
                continue
            index, own, mask = tensors
            before = (len(index), -1, cluster.length - 1, -1)
            branch_keys, branch_values = (
                torch.cat([whole[:, :, :-1].expand(before), _gather(states, index)], dim=2)
                for whole, states in ((keys, key), (values, value))
            )
            written = scaled_dot_product_attention(
                _gather(query, index), branch_keys, branch_values, attn_mask=mask, scale=scaling
            )
            parts.append(written.transpose(0, 1)[:, own])
        return torch.cat(parts, dim=1)[None]


def _gather(states: Tensor, index: Tensor) -> Tensor:
    """(1, heads, tokens, dimension) and (branches, longest) -> (branches, heads, longest, dimension)."""
    return states[0][:, index].transpose(0, 1)


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """A packed batch: input_ids and shift_labels (1, tokens), position_ids (axes, 1, tokens) or (1, tokens).

    `source` (rows, columns - 1): the packed token that predicts a row's next token, -1 where there is none.
    """

    input_ids: Tensor
    position_ids: Tensor
    shift_labels: Tensor
    source: Tensor
    clusters: tuple[PackedCluster, ...]

    @property
    def attention(self) -> PackedAttention:
        return PackedAttention(self.clusters, self.input_ids.device)

    def unpack(self, values: Tensor, counted: Tensor) -> Tensor:
        """Per-token values (1, tokens) as the rows have them, (rows, columns - 1).

        0 where not `counted`, and for a row's first token, which nothing predicts.
        """
        return values[0][self.source.clamp(min=0)].masked_fill(~counted | (self.source < 0), 0)


def pack(ids: Tensor, mask: Tensor, labels: Tensor, positions: Tensor, clusters: Sequence[Cluster]) -> PackedBatch:
    """ids, mask, labels (rows, columns), padded on either side; positions (axes, rows, columns) or (rows, columns).

    A cluster is packed as its first member's prefix and every member's branch; see `share_prefixes`.
    """
    # Places are worked out on the CPU, wherever the batch is: they are many small tensors.
    columns = [row.nonzero()[:, 0] for row in mask.bool().cpu()]
    source = torch.full((len(ids), ids.shape[1] - 1), -1, dtype=torch.long)
    picked_rows: list[Tensor] = []
    picked_columns: list[Tensor] = []
    packed: list[PackedCluster] = []
    at = 0
    for cluster in clusters:
        first, shared = cluster.members[0], cluster.shared
        alone = len(cluster.members) == 1
        prefix = columns[first] if alone else columns[first][:shared]
        start, branches = at, []
        _pick(picked_rows, picked_columns, first, prefix)
        at += len(prefix)
        for member in cluster.members:
            own = columns[member]
            predicting = torch.arange(start, start + len(prefix))[: len(own) - 1]
            if not alone:
                branch = own[shared - 1 :]
                _pick(picked_rows, picked_columns, member, branch)
                branches.append((at, len(branch)))
                predicting = torch.cat([predicting[:-1], torch.arange(at, at + len(branch) - 1)])
                at += len(branch)
            source[member, own[1:] - 1] = predicting
        packed.append(PackedCluster(start=start, length=len(prefix), branches=tuple(branches)))
    rows, places = torch.cat(picked_rows), torch.cat(picked_columns)
    return PackedBatch(
        input_ids=ids[rows, places][None],
        position_ids=positions[..., rows, places].unsqueeze(-2),
        shift_labels=_shift_labels(labels, source, at),
        source=source.to(ids.device),
        clusters=tuple(packed),
    )


def _pick(rows: list[Tensor], columns: list[Tensor], row: int, picked: Tensor) -> None:
    columns.append(picked)
    rows.append(torch.full_like(picked, row))


def _shift_labels(labels: Tensor, source: Tensor, tokens: int) -> Tensor:
    """A packed token's label is that of the rows it predicts for, where any of them learns it."""
    following, source = labels[:, 1:], source.to(labels.device)
    learned = (source >= 0) & (following != IGNORED)
    shifted = torch.full((1, tokens), IGNORED, dtype=labels.dtype, device=labels.device)
    shifted[0, source[learned]] = following[learned]
    return shifted
