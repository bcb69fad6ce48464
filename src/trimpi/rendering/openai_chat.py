"""Chat turns as OpenAI-compatible endpoints take them, images as data URLs. Torch-free."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from trimpi.rendering.images import has_sixteen_bits, open_image
from trimpi.types import ImagePart, Message, Part

ACCEPTED = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Formats that go as they are; all others are sent as PNG."""
ORIENTATION = 0x0112
"""The EXIF tag that says which way up a picture is."""


def to_openai_chat(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The turns as JSON data: text alone as a string, else a list of texts and data URLs in reading order.

    Raises DataError naming an image that is missing or cannot be read, as `open_image` does.
    """
    return [{"role": message.role, "content": _content(message.parts)} for message in messages]


def _content(parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": {"url": data_url(part.path)}}
    return {"type": "text", "text": part}


def data_url(path: Path) -> str:
    """The image file as a data URL: its own bytes where endpoints read them alike, else what a model is shown."""
    shown = open_image(path)
    with Image.open(path) as image:
        media_type = ACCEPTED.get(image.format or "") if _reads_alike(image) else None
    if media_type is not None:
        data = path.read_bytes()
    else:
        written = io.BytesIO()
        shown.save(written, format="PNG")
        media_type, data = ACCEPTED["PNG"], written.getvalue()
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _reads_alike(image: Image.Image) -> bool:
    """Endpoints differ in whether they turn pictures, and in what they show for transparency and 16 bits."""
    turned = image.getexif().get(ORIENTATION, 1) != 1
    return not (turned or image.has_transparency_data or has_sixteen_bits(image))
