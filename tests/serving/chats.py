"""Requests as OpenAI's clients write them, and a tiny model behind an application."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.types import ASGIApp

from trimpi.serving.limits import Limits
from trimpi.serving.server import make_app
from trimpi.serving.source import find_model

NAME = "tiny"
LIMITS = Limits(
    batch=8, new_tokens=24, answers=3, images=2, image_bytes=20_000, image_pixels=128 * 128, body_bytes=200_000
)


def tiny_app(folder: Path, **options: Any) -> ASGIApp:
    return make_app(find_model(str(folder)), name=NAME, **{"limits": LIMITS, **options})


def png(*, size: tuple[int, int] = (32, 32), color: str = "red") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, color).save(written, format="PNG")
    return written.getvalue()


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def user(text: str = "What now?", *urls: str) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [*images, {"type": "text", "text": text}]}


def chat(*turns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request body."""
    return {"model": NAME, "messages": list(turns) or [user()], **fields}


def deltas(stream: str) -> list[dict[str, Any]]:
    """The events of a stream, which ends as it should."""
    *events, last, rest = stream.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def streamed_text(stream: str, answer: int = 0) -> str:
    choices = [choice for event in deltas(stream) for choice in event["choices"] if choice["index"] == answer]
    return "".join(choice["delta"].get("content", "") for choice in choices)
