"""Training forward passes that compute shared prefixes once.

TRL's trainers ask a model for the log-probabilities of labels (`fused_lm_head=True`). After `share_in_training` the
same call gives the same numbers, but rows that begin alike are packed first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trimpi.prefix.attention import enable_shared_attention
from trimpi.prefix.images import IMAGE_INPUTS, BatchImages, image_places
from trimpi.prefix.packing import IGNORED, PackedBatch, pack
from trimpi.prefix.sharing import Cluster, share_prefixes

LEAST_SAVED = 0.1
"""Share of a padded batch's tokens that packing must save to be worth its own work."""
KNOWN_INPUTS = {"input_ids", "attention_mask", "mm_token_type_ids", "use_cache", *IMAGE_INPUTS}


def share_in_training(model: PreTrainedModel) -> None:
    """Replace the forward that TRL's fused head gave `model`; calls that it does not understand stay as they were."""
    fused = model.forward
    enable_shared_attention(model)

    @functools.wraps(type(model).forward)
    def forward(*args: Any, fused_lm_head: bool = False, labels: Tensor | None = None, **inputs: Any) -> Any:
        given = {name for name, value in inputs.items() if value is not None}
        understood = fused_lm_head and not args and labels is not None and given <= KNOWN_INPUTS
        rows = read_rows(model, inputs) if understood and "attention_mask" in given else None
        clusters = [] if rows is None else rows.clusters()
        if labels is None or rows is None or not is_worthwhile(clusters, inputs["attention_mask"]):
            return fused(*args, fused_lm_head=fused_lm_head, labels=labels, **inputs)
        packed = pack(inputs["input_ids"], inputs["attention_mask"], labels, row_positions(model, inputs), clusters)
        output = fused(
            input_ids=packed.input_ids,
            # Without a mask some families take restarting positions for packed sequences, and build one of all pairs.
            attention_mask=torch.ones_like(packed.input_ids),
            position_ids=packed.position_ids,
            shift_labels=packed.shift_labels,
            shared_attention=packed.attention,
            fused_lm_head=True,
            **rows.images_of(clusters),
        )
        return _unpack(output, packed, labels)

    model.forward = forward  # type: ignore[method-assign]


@dataclass(frozen=True, kw_only=True)
class BatchRows:
    """The rows of a batch without padding.

    `keys` are token ids, and below zero contents of images: rows with the same keys see the same. `places` say of every
    token which of its row's images it belongs to, -1 for text.
    """

    keys: list[list[int]]
    places: list[list[int]]
    images: BatchImages

    def clusters(self) -> list[Cluster]:
        """Which rows share a prefix. None ends on an image: its last token stands in every branch again."""
        return [
            replace(cluster, shared=_text_end(self.places[cluster.members[0]], cluster.shared))
            for cluster in share_prefixes(self.keys)
        ]

    def images_of(self, clusters: Sequence[Cluster]) -> dict[str, Tensor]:
        """The image tensors in the order in which `pack` puts their tokens."""
        return self.images.take([pick for cluster in clusters for pick in _cluster_images(cluster, self.places)])


def read_rows(model: PreTrainedModel, inputs: Mapping[str, Any]) -> BatchRows | None:
    """None for a batch whose images are laid out in a way that is not known."""
    image_token = int(getattr(model.config, "image_token_id", None) or -1)
    ids = [row[kept] for row, kept in zip(inputs["input_ids"], inputs["attention_mask"].bool(), strict=True)]
    places = [image_places(row, image_token) for row in ids]
    images = BatchImages(inputs, [max(of_row, default=-1) + 1 for of_row in places])
    if not images.is_understood:
        return None
    keys = [
        [token if place < 0 else -1 - of_row[place] for token, place in zip(row.tolist(), in_row, strict=True)]
        for row, in_row, of_row in zip(ids, places, images.digests(), strict=True)
    ]
    return BatchRows(keys=keys, places=places, images=images)


def is_worthwhile(clusters: Sequence[Cluster], mask: Tensor) -> bool:
    """Whether the packed row is enough shorter than the batch with its padding; `mask` (rows, columns)."""
    saved = sum((cluster.shared - 1) * (len(cluster.members) - 1) - 1 for cluster in clusters if cluster.shared)
    return int(mask.sum()) - saved <= (1 - LEAST_SAVED) * mask.numel()


def row_positions(model: PreTrainedModel, inputs: Mapping[str, Any]) -> Tensor:
    """Position ids of the batch as it is: (rows, columns), or (axes, rows, columns) with M-RoPE."""
    ask: Any = model._prepare_position_ids_for_generation
    positions: Tensor = ask(inputs["input_ids"], dict(inputs))
    # M-RoPE families put the plain text positions in front of their own axes; given both, they look for packed rows.
    return positions[1:] if positions.ndim == 3 else positions


def _text_end(places: Sequence[int], end: int) -> int:
    """The last end, no later than `end`, of a prefix that ends on text."""
    return next((before for before in range(end, 0, -1) if places[before - 1] < 0), 0)


def _cluster_images(cluster: Cluster, places: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """(row, place) of the images of the prefix, then of each branch."""
    first = cluster.members[0]
    if not cluster.shared:
        return [(first, place) for place in range(_images_in(places[first]))]
    chosen = [(first, place) for place in range(_images_in(places[first][: cluster.shared]))]
    for member in cluster.members:
        begins = _images_in(places[member][: cluster.shared])
        chosen += [(member, place) for place in range(begins, _images_in(places[member]))]
    return chosen


def _images_in(places: Sequence[int]) -> int:
    return max(places, default=-1) + 1


def _unpack(output: Any, packed: PackedBatch, labels: Tensor) -> Any:
    """The fused head's output with every per-token field as the rows of the batch have it."""
    counted = labels[:, 1:] != IGNORED
    shape = packed.shift_labels.shape
    rows = {
        field.name: packed.unpack(value, counted)
        for field in fields(output)
        if isinstance(value := getattr(output, field.name), torch.Tensor) and value.shape == shape
    }
    return replace(output, **{**rows, "loss": None})
