"""The images of a batch, by row: which are the same, and a choice of them as one forward pass takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

IMAGE_INPUTS = ("pixel_values", "image_grid_thw", "pixel_attention_mask")


class BatchImages:
    """The image tensors of a batch whose rows hold `counts` images each.

    Two layouts are known: all patches in one tensor with a grid per image (Qwen-VL), and an image per row and place
    (Idefics3).
    """

    def __init__(self, inputs: Mapping[str, Tensor], counts: Sequence[int]) -> None:
        self._inputs = {name: inputs[name] for name in IMAGE_INPUTS if inputs.get(name) is not None}
        self._counts = counts
        self._first = [0, *accumulate(counts)]
        grid = self._inputs.get("image_grid_thw")
        self._patches = None if grid is None else [0, *accumulate(grid.prod(dim=1).tolist())]

    @property
    def is_understood(self) -> bool:
        """Whether the tensors have one of the two layouts, with as many images as the rows hold."""
        pixels, grid = self._inputs.get("pixel_values"), self._inputs.get("image_grid_thw")
        if pixels is None:
            return self._first[-1] == 0
        if grid is not None:
            return pixels.ndim == 2 and len(grid) == self._first[-1]
        return pixels.ndim == 5 and pixels.shape[1] == max(self._counts)

    @cached_property
    def digests(self) -> list[list[int]]:
        """Per row, a number for every image: the same for images of the same content, here and in other batches."""
        return [[self._digest(row, place) for place in range(count)] for row, count in enumerate(self._counts)]

    def take(self, chosen: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """The images at these (row, place), in this order, as the inputs of one row; nothing for none."""
        if not chosen:
            return {}
        if self._patches is None:
            return {
                name: torch.stack([tensor[row, place] for row, place in chosen])[None]
                for name, tensor in self._inputs.items()
            }
        images = [self._first[row] + place for row, place in chosen]
        pixels = self._inputs["pixel_values"]
        return {
            "pixel_values": torch.cat([pixels[self._patches[image] : self._patches[image + 1]] for image in images]),
            "image_grid_thw": self._inputs["image_grid_thw"][images],
        }

    def take_rows(self, chosen: Sequence[Sequence[tuple[int, int]]]) -> dict[str, Tensor]:
        """The same for several rows, each with its own choice; what a row lacks is filled up with zeros."""
        if self._patches is not None or not any(chosen):
            return self.take([pick for row in chosen for pick in row])
        most = max(map(len, chosen))
        taken = {}
        for name, tensor in self._inputs.items():
            rows = tensor.new_zeros(len(chosen), most, *tensor.shape[2:])
            for number, row in enumerate(chosen):
                for at, (source, place) in enumerate(row):
                    rows[number, at] = tensor[source, place]
            taken[name] = rows
        return taken

    def _digest(self, row: int, place: int) -> int:
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in sorted(self.take([(row, place)]).items()):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return int.from_bytes(digest.digest(), "big")


def image_places(ids: Tensor, image_token: int) -> list[int]:
    """Of a row's unpadded ids: for each token the number of the image it belongs to, -1 for text.

    The tokens of an image follow one another; other tokens lie between two images.
    """
    is_image = ids == image_token
    begins = is_image & ~torch.cat([is_image.new_zeros(1), is_image[:-1]])
    return torch.where(is_image, begins.cumsum(0) - 1, -1).tolist()
