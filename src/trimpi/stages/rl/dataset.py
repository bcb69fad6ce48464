"""The policy-free prompts of a whole stage as the rows TRL's GRPOTrainer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset

from trimpi.errors import ModelError
from trimpi.rendering.prompts import Prompt
from trimpi.types import ImagePart, Message


def rollout_dataset(prompts: Sequence[Prompt]) -> Dataset:
    """One row per group, in the order they are trained on: text turns, images by path, and how many each turn has.

    Texts and images are apart because Arrow would give every part of a content list an `image` key, which templates
    take for an image. Raises ModelError for a prompt that this cannot say.
    """
    return Dataset.from_list([chat_row(prompt) for prompt in prompts])


def chat_row(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": [{"role": message.role, "content": _text(message)} for message in prompt.messages],
        "images": [str(path) for path in prompt.images],
        "images_per_turn": [len(message.images) for message in prompt.messages],
    }


def with_image_places(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose turns are lists with a place for each image: TRL alone would put all of them into the first one."""
    if not row["images"]:
        return row
    chat = [
        {
            **message,
            "content": [*({"type": "image"} for _ in range(count)), {"type": "text", "text": message["content"]}],
        }
        for message, count in zip(row["prompt"], row["images_per_turn"], strict=True)
    ]
    return {**row, "prompt": chat}


def _text(message: Message) -> str:
    texts = [part for part in message.parts if isinstance(part, str)]
    images_first = message.parts == (*(ImagePart(path=path) for path in message.images), *texts)
    if len(texts) != 1 or not images_first or (message.images and message.role != "user"):
        raise ModelError(f"a policy-free {message.role} turn must be its images, then one text; got {message.parts!r}")
    return texts[0]


def same_chat(messages: Sequence[dict[str, Any]], prompt: Prompt) -> bool:
    """Whether the messages TRL hands back are the prompt: the same turns, images and texts in the same places."""
    given = [(message["role"], [_part(part) for part in _content(message)]) for message in messages]
    expected = [
        (message.role, [str(part.path) if isinstance(part, ImagePart) else part for part in message.parts])
        for message in prompt.messages
    ]
    return given == expected


def _content(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _part(part: dict[str, Any]) -> str:
    return part["image"] if part["type"] == "image" else part["text"]
