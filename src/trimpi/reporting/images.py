"""Images for a page that stands alone: PNG in a data URI."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_SIDE = 640


def image_data_uri(path: Path) -> str | None:
    """The image as PNG in a data URI, its longer side at most 640 pixels; None when there is no readable image."""
    try:
        with Image.open(path) as image:
            picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return None
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
