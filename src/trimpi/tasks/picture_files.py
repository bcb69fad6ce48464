"""Pictures that tasks make and keep, where another process may be making or reading the same one."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from trimpi.whole_files import written_whole


def save_picture(image: Image.Image, path: Path) -> Path:
    """Write a PNG whole or not at all."""
    with written_whole(path) as partial:
        image.save(partial, format="PNG")
    return path
