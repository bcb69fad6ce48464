"""The rows of an encoded batch without their padding: what each begins with, image by image, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from trimpi.prefix.images import BatchImages, image_places


@dataclass(frozen=True)
class BatchRows:
    """`ids` are unpadded; `places` say of every token which of its row's images it belongs to, -1 for text."""

    ids: Sequence[Tensor]
    places: Sequence[Sequence[int]]
    images: BatchImages

    @cached_property
    def keys(self) -> list[list[int]]:
        """Token ids, and below zero contents of images: rows with the same keys see the same.

        For images that are laid out in a way that is not known (`images.is_understood`) there are none.
        """
        return [
            [token if place < 0 else -1 - of_row[place] for token, place in zip(ids.tolist(), in_row, strict=True)]
            for ids, in_row, of_row in zip(self.ids, self.places, self.images.digests, strict=True)
        ]

    def images_within(self, row: int, start: int, end: int | None = None) -> list[tuple[int, int]]:
        """(row, place) of the images whose tokens lie in [start, end) of a row, in order."""
        return [(row, place) for place in sorted({place for place in self.places[row][start:end] if place >= 0})]


def read_rows(model: PreTrainedModel, inputs: Mapping[str, Any]) -> BatchRows:
    """The rows of a batch that is padded on either side."""
    image_token = int(getattr(model.config, "image_token_id", None) or -1)
    ids = [row[kept] for row, kept in zip(inputs["input_ids"], inputs["attention_mask"].bool(), strict=True)]
    places = [image_places(row, image_token) for row in ids]
    images = BatchImages(inputs, [max(of_row, default=-1) + 1 for of_row in places])
    return BatchRows(ids=ids, places=places, images=images)


def row_positions(model: PreTrainedModel, inputs: Mapping[str, Any]) -> Tensor:
    """Position ids of the batch as it is: (rows, columns), or (axes, rows, columns) with M-RoPE.

    Asks the hook that `generate` asks, so that padding and images count alike and M-RoPE models renew what they keep.
    """
    ask: Any = model._prepare_position_ids_for_generation
    positions: Tensor = ask(inputs["input_ids"], dict(inputs))
    # M-RoPE families put the plain text positions in front of their own axes; given both, they look for packed rows.
    return positions[1:] if positions.ndim == 3 else positions
