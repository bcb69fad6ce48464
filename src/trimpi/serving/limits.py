"""What a server takes and gives at most. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`batch` answers are written together and `waiting` requests may wait for a place among them.

    Sizes are in bytes, images in pixels, times in seconds. `prompt_tokens` counts image tokens too; None leaves it to
    the model's own longest sequence.
    """

    batch: int = 32
    waiting: int = 256
    answers: int = 8
    new_tokens: int = 512
    prompt_tokens: int | None = None
    body_bytes: int = 32 * MEGABYTE
    body_seconds: float = 60.0
    images: int = 16
    image_bytes: int = 10 * MEGABYTE
    image_pixels: int = 16 * MEGABYTE
    connections: int = 512
    shutdown_seconds: int = 60
