"""Images encoded once each, however many rows and prompts show them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from copy import copy
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from trimpi.prefix.images import BatchImages

Pick = tuple[int, int]
"""(row, place) of an image in a batch."""
Features = tuple[Tensor, tuple[Tensor, ...]]
"""What the vision tower makes of an image: its visual tokens (tokens, width), and those of deeper layers, if any."""


class EncodedImages:
    """The vision tower's output for images seen so far; meant for one set of weights, and within one backward pass.

    Families whose forward pass takes no encoded images get pixels, as always; so do all without `reuse`.
    """

    def __init__(self, model: PreTrainedModel, *, reuse: bool = True) -> None:
        self._model = model
        self._takes_features = reuse and "mm_encoder_outputs" in inspect.signature(type(model).forward).parameters
        self._features: dict[int, Features] = {}

    def copy(self) -> EncodedImages:
        """One that knows these images; what either sees from now on, the other does not."""
        images = copy(self)
        images._features = dict(self._features)
        return images

    def inputs(self, images: BatchImages, chosen: Sequence[Sequence[Pick]]) -> dict[str, Any]:
        """What a forward pass over rows with these images takes for them, row by row."""
        picks = [pick for row in chosen for pick in row]
        if not picks or not self._takes_features:
            return images.take_rows(chosen)
        known = [images.digests[row][place] for row, place in picks]
        output = self._encode(images, dict(zip(known, picks, strict=True)))
        taken = [self._features[digest] for digest in known]
        output.pooler_output = [tokens for tokens, _ in taken]
        if taken[0][1]:
            output.deepstack_features = [list(layer) for layer in zip(*(deeper for _, deeper in taken), strict=True)]
        return {"mm_encoder_outputs": {"image": output}}

    def _encode(self, images: BatchImages, wanted: dict[int, Pick]) -> Any:
        """Encode what is not known yet; returns an output of the family's own kind to be filled."""
        new = {digest: pick for digest, pick in wanted.items() if digest not in self._features}
        if new:
            encode: Any = self._model.get_image_features
            output = encode(**images.take_rows([[pick] for pick in new.values()]), return_dict=True)
            # Only its kind is kept: it holds the tower's hidden states, too.
            self._kind = type(output)
            deeper = getattr(output, "deepstack_features", None) or []
            for number, digest in enumerate(new):
                own = tuple(layer[number] for layer in deeper)
                self._features[digest] = (output.pooler_output[number], own)
        return self._kind()
