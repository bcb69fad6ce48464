"""Image files that a model can be shown."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

MOST_ELONGATED = 200
"""The longer side over the shorter: Qwen's families take no more, and nothing is seen on such a strip anyway."""


def fault_of_file(path: Path) -> str | None:
    """Why a file cannot be shown to a model; None where it can."""
    try:
        with Image.open(path) as image:
            image.load()
            return fault_of_size(image.size)
    except Exception as error:  # Pillow's decoders raise many kinds for a damaged file, and all mean the same here
        return f"cannot be read as an image: {error}"


def fault_of_size(size: tuple[int, int]) -> str | None:
    """Why an image of so many pixels cannot be shown to a model; None where it can."""
    width, height = size
    if max(size) <= MOST_ELONGATED * min(size):
        return None
    return f"is {width} x {height} pixels; allowed is a side {MOST_ELONGATED} times the other: crop it, or cut it up"
