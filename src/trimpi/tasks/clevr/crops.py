"""Crops that show an attribute value instead of naming it (variant M)."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.picture_files import save_picture

CROP_SIZE = 48
"""Pixels on a side of a crop."""
MARGIN = 0.12
"""Room left around the object, as a share of its larger side."""
SHOWN_ATTRIBUTES = ("color", "material", "shape")
"""What a crop can show: size cannot be told once the surroundings are gone."""
SHOWN_SHARE = 0.6
"""Share of the conditions whose value is shown, where a crop can show it (the paper says "some")."""


def crop_window(item: SceneObject) -> tuple[int, int, int, int]:
    """The square around an object's visible extent, with a margin; PIL fills black what lies past the picture."""
    x0, y0, x1, y1 = item.box
    half = max(x1 - x0, y1 - y0) * (0.5 + MARGIN)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return round(x - half), round(y - half), round(x + half), round(y + half)


def save_crop(scene: Scene, item: SceneObject, path: Path) -> Path:
    """Write the crop of an object as a PNG of CROP_SIZE x CROP_SIZE pixels."""
    with Image.open(scene.image) as image:
        crop = image.convert("RGB").crop(crop_window(item)).resize((CROP_SIZE, CROP_SIZE), Image.Resampling.BICUBIC)
    return save_picture(crop, path)
