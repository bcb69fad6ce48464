"""What the base model's training sees: pictures in memory, and what each visual token of them shows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from trimpi.models.nano.build import CELL, MERGE_SIZE, PATCH_SIZE
from trimpi.tasks.clevr.crops import CROP_SIZE, crop_window
from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.rendered import mask_path
from trimpi.tasks.clevr.scene import Scene, SceneObject

COVERED = CELL * CELL // 4
"""Pixels of an object that make a cell belong to it."""
UNKNOWN = -1
EMPTY, PART, CENTRE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Pixels (height, width, 3) uint8; per cell (cells, 5): kind, then a value index per attribute or UNKNOWN."""

    pixels: NDArray[np.uint8]
    cells: NDArray[np.int8]
    objects: tuple[SceneObject, ...]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of visual tokens."""
        return self.pixels.shape[0] // CELL, self.pixels.shape[1] // CELL


class PictureLibrary:
    """Scenes with their masks held in memory; crops and mirror images are made on demand."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self.scenes = scenes
        self._pixels = np.stack([np.asarray(Image.open(scene.image).convert("RGB")) for scene in scenes])
        self._masks = np.stack([np.asarray(Image.open(mask_path(scene))) for scene in scenes])

    def __len__(self) -> int:
        return len(self.scenes)

    def picture(self, index: int, *, mirrored: bool = False) -> Picture:
        scene, pixels, mask = self.scenes[index], self._pixels[index], self._masks[index]
        if mirrored:
            pixels, mask = pixels[:, ::-1], mask[:, ::-1]
        return Picture(pixels=pixels, cells=label_cells(mask, scene.objects), objects=scene.objects)

    def crop(self, rng: random.Random, wanted: dict[str, str] | None = None) -> Picture:
        """A crop of a random object that has the wanted attribute values; its size cannot be told from it."""
        while True:
            index = rng.randrange(len(self))
            candidates = [n for n, item in enumerate(self.scenes[index].objects) if item.has(wanted or {})]
            if candidates:
                break
        number = rng.choice(candidates)
        item = self.scenes[index].objects[number]
        window = crop_window(item)
        shape = (CROP_SIZE, CROP_SIZE)
        pixels = np.asarray(Image.fromarray(self._pixels[index]).crop(window).resize(shape, Image.Resampling.BICUBIC))
        mask = Image.fromarray((self._masks[index] == number + 1).astype(np.uint8)).crop(window)
        cells = label_cells(np.asarray(mask.resize(shape, Image.Resampling.NEAREST)), [item])
        cells[:, 1 + list(ATTRIBUTES).index("size")] = UNKNOWN
        return Picture(pixels=pixels, cells=cells, objects=(item,))


def label_cells(mask: NDArray[np.uint8], objects: Sequence[SceneObject]) -> NDArray[np.int8]:
    """Which object each cell shows: the one that covers most of it, or whose visible centre is in it.

    `mask` (height, width) numbers the objects from 1. Returns (cells, 5): kind, size, color, material, shape.
    """
    rows, columns = mask.shape[0] // CELL, mask.shape[1] // CELL
    tiles = mask.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    counts = np.stack([(tiles == number + 1).sum(axis=1) for number in range(len(objects))], axis=1)
    labels = np.full((rows * columns, 1 + len(ATTRIBUTES)), UNKNOWN, dtype=np.int8)
    labels[:, 0] = EMPTY
    for cell in np.flatnonzero(counts.max(axis=1) >= COVERED):
        labels[cell] = [PART, *_value_indices(objects[int(counts[cell].argmax())])]
    for number, item in enumerate(objects):
        ys, xs = np.nonzero(mask == number + 1)
        if len(ys):
            labels[int(ys.mean()) // CELL * columns + int(xs.mean()) // CELL] = [CENTRE, *_value_indices(item)]
    return labels


def pixel_patches(
    pictures: Sequence[Picture], mean: Sequence[float], std: Sequence[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What Qwen2-VL's image processor makes of pictures whose sides are multiples of CELL, without its overhead.

    Returns pixel_values (patches, 3 * 2 * 8 * 8) and image_grid_thw (pictures, 3).
    """
    values, grids = [], []
    shift, scale = np.array(mean, dtype=np.float32), np.array(std, dtype=np.float32)
    for picture in pictures:
        height, width = picture.pixels.shape[:2]
        scaled = (picture.pixels.astype(np.float32) / 255 - shift) / scale
        rows, columns = height // CELL, width // CELL
        tiles = scaled.reshape(rows, MERGE_SIZE, PATCH_SIZE, columns, MERGE_SIZE, PATCH_SIZE, 3)
        patches = tiles.transpose(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns * MERGE_SIZE**2, 3, 1, PATCH_SIZE**2)
        values.append(torch.from_numpy(np.repeat(patches, 2, axis=2).reshape(len(patches), -1)))
        grids.append([1, height // PATCH_SIZE, width // PATCH_SIZE])
    return torch.cat(values), torch.tensor(grids)


def _value_indices(item: SceneObject) -> list[int]:
    return [values.index(item.attributes[name]) for name, values in ATTRIBUTES.items()]
