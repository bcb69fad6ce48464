"""Examples written as rows that row_reader.py reads back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trimpi.types import Example, ImagePart, Message


def example_row(example: Example, folder: Path | None = None) -> dict[str, Any]:
    """An example as a line of a data file; images by path relative to `folder`, or by absolute path without one."""

    def name(image: Path) -> str:
        return str(image.resolve()) if folder is None else os.path.relpath(image.resolve(), folder.resolve())

    row: dict[str, Any] = {"id": example.id, "policy": example.policy_name}
    if example.before:
        asked = Message(role="user", parts=(*map(_part, example.images), example.prompt))
        row["prompt"] = [_message(message) for message in (*example.before, asked)]
    else:
        row["prompt"] = example.prompt
    row |= {"images": [name(image) for image in example.all_images], "answer": example.answer}
    if example.cot is not None:
        row["cot"] = example.cot
    if "sections" in example.meta:
        row["sections"] = list(example.meta["sections"])
    return row


def write_rows(rows: Iterable[Mapping[str, Any]], file: Path) -> None:
    """One row per line, in one step: a reader never sees half of them."""
    write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), file)


def write_text(text: str, file: Path) -> None:
    """The file with this text and nothing else, in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(file)


def _message(message: Message) -> dict[str, Any]:
    content = [
        {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part} for part in message.parts
    ]
    return {"role": message.role, "content": content if message.images else content[0]["text"]}


def _part(image: Path) -> ImagePart:
    return ImagePart(path=image)
