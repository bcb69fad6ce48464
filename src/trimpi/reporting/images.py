"""Images for a page that stands alone: small, in data URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from trimpi.rendering.images import as_rgb

MAX_SIDE = 640
RECORD_SIDE = 480
JPEG_QUALITY = 82


def image_data_uri(path: Path) -> str | None:
    """The image as PNG in a data URI, its longer side at most 640 pixels; None when there is no readable image."""
    picture = _opened(path, MAX_SIDE)
    return None if picture is None else _uri("png", _written(picture, "PNG"))


def small_image_data_uri(path: Path) -> str | None:
    """The image as PNG or JPEG, whichever is smaller, its longer side at most 480 pixels; None as above.

    One with transparency stays PNG.
    """
    picture = _opened(path, RECORD_SIDE)
    if picture is None:
        return None
    png = _written(picture, "PNG")
    jpeg = _written(picture, "JPEG") if picture.mode == "RGB" else png
    return _uri("jpeg", jpeg) if len(jpeg) < len(png) else _uri("png", png)


def _opened(path: Path, side: int) -> Image.Image | None:
    try:
        with Image.open(path) as image:
            picture = image.convert("RGBA") if image.has_transparency_data else as_rgb(image)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return None
    picture.thumbnail((side, side))
    return picture


def _written(picture: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=format, optimize=True, **({"quality": JPEG_QUALITY} if format == "JPEG" else {}))
    return buffer.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()
