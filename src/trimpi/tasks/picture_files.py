"""Pictures that tasks make and keep, where another process may be making or reading the same one."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

from PIL import Image


def save_picture(image: Image.Image, path: Path) -> Path:
    """Write a PNG whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    image.save(partial, format="PNG")
    partial.replace(path)
    return path
