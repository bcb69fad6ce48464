"""Conversations of any kind as JSON lines: {"messages": [...], "images"?: [...]}, ending with the assistant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from trimpi.errors import DataError
from trimpi.recipe.messages import explain
from trimpi.recipe.strict import StrictModel
from trimpi.tasks.custom.chat import ChatMessage, TextContent, read_chat
from trimpi.tasks.custom.places import check_image, inside
from trimpi.tasks.custom.row_reader import read_lines
from trimpi.types import Message


class ConversationData(StrictModel):
    """A line as it is written."""

    messages: list[ChatMessage] = Field(min_length=1)
    images: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """`system` is the text of the system turn, if there is one; `turns` end with the user's that `response` answers."""

    system: str | None
    turns: tuple[Message, ...]
    response: str


def read_conversations(file: Path) -> tuple[Conversation, ...]:
    """Every line of a file, whose images lie beside it. Raises DataError naming file and line, or an empty file."""
    read = []
    for place, data in read_lines(file):
        try:
            line = ConversationData.model_validate(data)
            read.append(_conversation(line, file.parent))
        except ValidationError as error:
            raise DataError(f"{place}: {explain(error, data)}") from None
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
    if not read:
        raise DataError(f'{file} has no conversations: write lines {{"messages": [...]}}')
    return tuple(read)


def _conversation(line: ConversationData, folder: Path) -> Conversation:
    first, last = line.messages[0], line.messages[-1]
    system = _text(first) if first.role in ("system", "developer") else None
    response = _text(last)
    if last.role != "assistant" or not response.strip():
        raise DataError("the last message must be the assistant's, a text: it is what is learned")

    def image_of(named: str) -> Path:
        path = inside(folder, named, what="image")
        check_image(path)
        return path

    asked = line.messages[(0 if system is None else 1) : -1]
    return Conversation(system=system, turns=read_chat(asked, line.images, image_of), response=response)


def _text(message: ChatMessage) -> str:
    return "".join(part.text for part in message.content or [] if isinstance(part, TextContent))
