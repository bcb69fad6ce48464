"""A request to a chat endpoint: what identifies it, and what is sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimpi.digest import file_digest
from trimpi.errors import DataError
from trimpi.recipe import EndpointConfig
from trimpi.rendering.openai_chat import to_openai_chat
from trimpi.types import ImagePart, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """Chat turns and settings. `sample` tells apart requests that are to be answered several times."""

    messages: tuple[Message, ...]
    temperature: float
    top_p: float = 1.0
    max_tokens: int
    sample: int = 0


def request_body(request: ChatRequest, config: EndpointConfig) -> dict[str, Any]:
    """What is sent. Raises DataError naming an image that cannot be read."""
    return {
        "model": config.model,
        "messages": to_openai_chat(request.messages),
        config.max_tokens_key: request.max_tokens,
        **_parameters(request, config),
    }


def request_key(request: ChatRequest, config: EndpointConfig) -> str:
    """SHA-256 over all that decides the answer: model, turns with the bytes of their images, settings, sample.

    Where the endpoint is does not count: an answer stays paid for when the server moves.
    """
    turns = [
        [
            message.role,
            *(["image", _digest(part.path)] if isinstance(part, ImagePart) else part for part in message.parts),
        ]
        for message in request.messages
    ]
    settings = {"max_tokens": request.max_tokens, **_parameters(request, config)}
    return hashlib.sha256(json.dumps([config.model, turns, settings, request.sample]).encode()).hexdigest()


def _parameters(request: ChatRequest, config: EndpointConfig) -> dict[str, float]:
    parameters = {"temperature": request.temperature, "top_p": request.top_p}
    return {name: value for name, value in parameters.items() if name not in config.omit}


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise DataError(f"image {path} cannot be read: {error.strerror}") from None
