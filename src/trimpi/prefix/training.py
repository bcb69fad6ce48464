"""Training forward passes that compute shared prefixes once.

TRL's trainers ask a model for the log-probabilities of labels (`fused_lm_head=True`). After `share_in_training` the
same call gives the same numbers, but rows that begin alike are packed first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trimpi.prefix.attention import enable_shared_attention
from trimpi.prefix.encoded_images import EncodedImages
from trimpi.prefix.images import IMAGE_INPUTS
from trimpi.prefix.packing import IGNORED, PackedBatch, pack
from trimpi.prefix.rows import BatchRows, read_rows, row_positions
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
        clusters = [] if rows is None or not rows.images.is_understood else find_clusters(rows)
        if labels is None or rows is None or not is_worthwhile(clusters, inputs["attention_mask"]):
            return fused(*args, fused_lm_head=fused_lm_head, labels=labels, **inputs)
        packed = pack(inputs["input_ids"], inputs["attention_mask"], labels, row_positions(model, inputs), clusters)
        output = fused(
            **_packed_inputs(model, packed, rows, clusters), shift_labels=packed.shift_labels, fused_lm_head=True
        )
        return _unpack(output, packed, labels)

    model.forward = forward  # type: ignore[method-assign]


def labelled_states(model: PreTrainedModel, batch: Mapping[str, Any], *, share: bool) -> Tensor:
    """The last hidden states that predict the labelled tokens, row by row: (labelled tokens, hidden).

    `batch` is what the model's forward takes, with `labels` (rows, columns). With `share`, for a model that has had
    `share_in_training` or `enable_shared_attention`, what rows begin with is computed once. Differentiable.
    """
    inputs = {name: value for name, value in batch.items() if name != "labels" and value is not None}
    labels: Tensor = batch["labels"]
    counted = labels[:, 1:] != IGNORED
    rows = read_rows(model, inputs) if share and set(inputs) <= KNOWN_INPUTS else None
    clusters = [] if rows is None or not rows.images.is_understood else find_clusters(rows)
    backbone: Any = model.base_model
    if rows is None or not is_worthwhile(clusters, inputs["attention_mask"]):
        states = backbone(**inputs, use_cache=False).last_hidden_state
        return cast("Tensor", states[:, :-1][counted])
    packed = pack(inputs["input_ids"], inputs["attention_mask"], labels, row_positions(model, inputs), clusters)
    states = backbone(**_packed_inputs(model, packed, rows, clusters), use_cache=False).last_hidden_state
    return cast("Tensor", states[0][packed.source[counted]])


def _packed_inputs(
    model: PreTrainedModel, packed: PackedBatch, rows: BatchRows, clusters: Sequence[Cluster]
) -> dict[str, Any]:
    return {
        "input_ids": packed.input_ids,
        # Without a mask some families take restarting positions for packed sequences, and build one of all pairs.
        "attention_mask": torch.ones_like(packed.input_ids),
        "position_ids": packed.position_ids,
        "shared_attention": packed.attention,
        **EncodedImages(model).inputs(rows.images, [_packed_images(clusters, rows)]),
    }


def find_clusters(rows: BatchRows) -> list[Cluster]:
    """Which rows share a prefix. None ends on an image: its last token stands in every branch again."""
    return [
        replace(cluster, shared=_text_end(rows.places[cluster.members[0]], cluster.shared))
        for cluster in share_prefixes(rows.keys)
    ]


def is_worthwhile(clusters: Sequence[Cluster], mask: Tensor) -> bool:
    """Whether the packed row is enough shorter than the batch with its padding; `mask` (rows, columns)."""
    saved = sum((cluster.shared - 1) * (len(cluster.members) - 1) - 1 for cluster in clusters if cluster.shared)
    return int(mask.sum()) - saved <= (1 - LEAST_SAVED) * mask.numel()


def _text_end(places: Sequence[int], end: int) -> int:
    """The last end, no later than `end`, of a prefix that ends on text."""
    return next((before for before in range(end, 0, -1) if places[before - 1] < 0), 0)


def _packed_images(clusters: Sequence[Cluster], rows: BatchRows) -> list[tuple[int, int]]:
    """(row, place) of all images in the order in which `pack` puts their tokens: a prefix's, then each branch's."""
    picks = []
    for cluster in clusters:
        picks += rows.images_within(cluster.members[0], 0, cluster.shared or None)
        for member in cluster.members if cluster.shared else ():
            picks += rows.images_within(member, cluster.shared)
    return picks


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
