"""From row numbers to padded tensors and labels, through the renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimpi.errors import DataError
from trimpi.rendering.masks import LossOn
from trimpi.rendering.renderer import Renderer, TrainingExample


class RowCollator:
    """Encodes the rows a batch names. Raises DataError for a sequence longer than the model sees: nothing is cut."""

    def __init__(
        self, rows: Sequence[TrainingExample], renderer: Renderer, *, loss_on: LossOn, max_length: int | None
    ) -> None:
        self._rows = rows
        self._renderer = renderer
        self._loss_on = loss_on
        self._max_length = max_length

    def __call__(self, batch: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        encoded = self._renderer.encode_training([self._rows[item["row"]] for item in batch], loss_on=self._loss_on)
        length = encoded["input_ids"].shape[1]
        if self._max_length is not None and length > self._max_length:
            raise DataError(
                f"a training sequence has {length} tokens but the model sees {self._max_length} "
                "(max_position_embeddings): shorten the policy, use smaller images, or a model with a longer context"
            )
        return dict(encoded)
