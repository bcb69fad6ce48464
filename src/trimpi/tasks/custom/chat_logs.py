"""Chat logs brought into a task's folder: OpenAI-style lines {"messages": [...]} become rows and image files.

The last message, the assistant's, is the gold answer, and what comes before it the prompt. No text is changed
but for line ends, personal data neither, and nothing leaves the machine: images behind http addresses are not fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from pydantic import ValidationError

from trimpi.errors import DataError
from trimpi.policies import markdown
from trimpi.recipe.messages import explain
from trimpi.rewards.response import read_response
from trimpi.tasks.custom.chat import ChatMessage, TextContent, write_call
from trimpi.tasks.custom.places import check_image, inside
from trimpi.tasks.custom.row_reader import read_object, read_row, text_lines
from trimpi.tasks.custom.row_writer import write_rows, write_text
from trimpi.types import Split

IMAGES = "images"
KEPT = ("role", "content", "name", "tool_calls", "tool_call_id")
"""What of a message is read; logs carry more (refusal, annotations, ...)."""
SYSTEM = ("system", "developer")
THOUGHT_END = "</think>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLogs:
    """What came of a file: rows of both splits, lines left out with the reason, and the system texts by how often."""

    rows: Mapping[Split, Sequence[Mapping[str, Any]]]
    left_out: Sequence[str]
    system_texts: Mapping[str, int]


def import_logs(file: Path, folder: Path, *, test_share: float) -> ImportedLogs:
    """Write train.jsonl, test.jsonl and images/ of `folder`, and policy.md where all logs have one system text and the
    folder has no policy yet.

    Equal requests come into the same split. Raises DataError where rows are there already, and for a file without a
    usable line; then nothing is written.
    """
    for name in ("train.jsonl", "test.jsonl"):
        if (folder / name).exists():
            raise DataError(f"{folder / name} is there already: give another folder, or move it away")
    rows: dict[Split, list[Mapping[str, Any]]] = {"train": [], "test": []}
    left_out: list[str] = []
    system: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    with TemporaryDirectory() as staged:  # images of lines that turn out to be no rows do not come into the folder
        for number, (place, line) in enumerate(text_lines(file), start=1):
            try:
                row = _row(read_object(line, place), number, file.parent, Path(staged), system, taken)
                read_row(row, place=place, folder=Path(staged))  # what is written can be read
            except DataError as error:
                left_out.append(str(error) if str(error).startswith(place) else f"{place}: {error}")
                continue
            rows[_split(row, test_share)].append(row)
        if not rows["train"] and not rows["test"]:
            raise DataError(f"{file} has no line that can be a row; {left_out[0] if left_out else 'it is empty'}")
        for name in {name for of_split in rows.values() for row in of_split for name in row["images"]}:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(staged) / name, folder / name)
    if len(system) == 1 and not (folder / "policy.md").exists() and not (folder / "policies").exists():
        write_text(next(iter(system)), folder / "policy.md")
    for split, of_split in rows.items():
        write_rows(of_split, folder / f"{split}.jsonl")
    return ImportedLogs(rows=rows, left_out=left_out, system_texts=system)


def _row(
    line: Mapping[str, Any], number: int, source: Path, folder: Path, system: Counter[str], taken: Counter[str]
) -> dict[str, Any]:
    messages = _messages(line)
    name = line["id"] if isinstance(line.get("id"), str) and line["id"] else f"log-{number:05d}"
    taken[name] += 1
    if taken[name] > 1:
        name = f"{name}-{taken[name]}"
    *asked, answered = messages
    if answered.role != "assistant":
        raise DataError("its last message is not the assistant's, so there is no gold answer")
    answer, cot = _answer(answered, line["messages"][-1])
    spoken = [message for message in asked if message.role not in SYSTEM]
    images = _Images(name, source, folder)
    prompt = [_message(message, images) for message in spoken]
    for message in asked:
        if message.role in SYSTEM:
            system[_text(message)] += 1
    row = {"id": name, "prompt": prompt, "images": images.names, "answer": answer}
    return row if cot is None else {**row, "cot": cot}


def _messages(line: Mapping[str, Any]) -> list[ChatMessage]:
    given = line.get("messages")
    if not isinstance(given, list) or not given or not all(isinstance(message, dict) for message in given):
        raise DataError('it has no "messages", a list of {"role", "content"}')
    kept = [{key: message[key] for key in KEPT if message.get(key) is not None} for message in given]
    try:
        return [ChatMessage.model_validate(message) for message in kept]
    except ValidationError as error:
        raise DataError(explain(error, kept)) from None


def _answer(message: ChatMessage, given: Mapping[str, Any]) -> tuple[str, str | None]:
    """The gold answer, and the reasoning where the log has it: apart, between tags, or before a tool call."""
    text = _text(message)
    reasoning = given.get("reasoning_content") or given.get("reasoning")
    cot = reasoning.strip() if isinstance(reasoning, str) and reasoning.strip() else None
    if THOUGHT_END in text:
        read = read_response(text)
        cot = cot or read.reasoning or None
        text = text.rpartition(THOUGHT_END)[2].strip()
    if message.tool_calls:
        if len(message.tool_calls) > 1:
            raise DataError("its answer calls several tools at once; a row's answer is one call")
        return write_call(message.tool_calls[0].function, "the answer"), cot or text.strip() or None
    boxed = read_response(text).answer
    return (boxed or text).strip(), cot


def _message(message: ChatMessage, images: _Images) -> dict[str, Any]:
    """The message as a row has it: images are places for the row's list."""
    content: list[dict[str, Any]] = []
    for part in message.content or []:
        if isinstance(part, TextContent):
            content.append({"type": "text", "text": part.text})
        else:
            images.add(part.image or "" if part.type == "image" else part.image_url.url)
            content.append({"type": "image"})
    written: dict[str, Any] = {"role": message.role}
    only_text = len(content) == 1 and content[0]["type"] == "text"
    written["content"] = content[0]["text"] if only_text else content
    others = message.model_dump(include={"name", "tool_calls", "tool_call_id"}, exclude_none=True)
    return {**written, **others}


def _text(message: ChatMessage) -> str:
    return "".join(part.text for part in message.content or [] if isinstance(part, TextContent))


class _Images:
    """The images of one row, brought into the folder."""

    def __init__(self, row: str, source: Path, folder: Path) -> None:
        self._row, self._source, self._folder = row, source, folder
        self.names: list[str] = []

    def add(self, named: str) -> None:
        """An image by data URL, or by a path relative to the log file. Raises DataError for any other."""
        data = self._decode(named) if named.startswith("data:") else self._read(named)
        suffix = _suffix(data)
        name = f"{IMAGES}/{hashlib.sha256(data).hexdigest()[:16]}{suffix}"  # the same picture is one file
        path = self._folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        check_image(path)
        self.names.append(name)

    def _decode(self, url: str) -> bytes:
        head, _, body = url.partition(",")
        try:
            return base64.b64decode(body, validate=True) if head.endswith(";base64") else b""
        except (binascii.Error, ValueError):
            raise DataError("one of its images is no valid base64") from None

    def _read(self, named: str) -> bytes:
        if markdown.is_remote(named):
            raise DataError(f"its image {named[:80]!r} is elsewhere and is not fetched: save it beside the logs")
        return inside(self._source, named, what="image").read_bytes()


def _suffix(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return f".{(image.format or 'img').lower()}"
    except Exception as error:  # Pillow's decoders raise many kinds for damaged data, and all mean the same here
        raise DataError(f"one of its images cannot be read: {error}") from None


def _split(row: Mapping[str, Any], test_share: float) -> Split:
    """By the request's content, so that it does not depend on the order of lines."""
    digest = hashlib.sha256(json.dumps([row["prompt"], row["images"]]).encode()).digest()
    return "test" if int.from_bytes(digest[:8]) < test_share * 2**64 else "train"
