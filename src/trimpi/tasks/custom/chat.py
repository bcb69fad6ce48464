"""Chat messages as OpenAI, TRL and transformers write them, read into turns of text and images.

A message is {"role", "content"}: content is a text, or a list of {"type": "text", "text"}, {"type": "image"} (the next
of the row's images) and {"type": "image_url", "image_url": {"url": PATH}}. An assistant's "tool_calls" are written out
as JSON, one line each, and a "tool" message is the user's turn that says what was returned: chat templates of vision
models know three roles. In each turn the images come first; neighbouring messages of one role are one turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from trimpi.errors import DataError
from trimpi.recipe.strict import StrictModel
from trimpi.rewards.json_answer import write_json
from trimpi.types import ImagePart, Message, Part

ImageOf = Callable[[str], Path]
"""The file of an image by what a message calls it. Raises DataError."""


class TextContent(StrictModel):
    type: Literal["text"]
    text: str


class ImageUrl(StrictModel):
    url: str
    detail: str | None = None


class ImageUrlContent(StrictModel):
    type: Literal["image_url"]
    image_url: ImageUrl


class ImageContent(StrictModel):
    """The next of the row's images; or the one named here, as transformers writes it."""

    type: Literal["image"]
    image: str | None = None


Content = Annotated[TextContent | ImageUrlContent | ImageContent, Field(discriminator="type")]


def as_parts(content: Any) -> Any:
    """A text alone as the list of parts that it is short for."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class CalledFunction(StrictModel):
    name: str = Field(min_length=1)
    arguments: str | dict[str, Any] = Field(default_factory=dict)


class ToolCall(StrictModel):
    id: str | None = None
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(StrictModel):
    """One message. `refusal` and the like of an endpoint's answers are not taken."""

    role: Literal["user", "assistant", "tool", "system", "developer"]
    content: Annotated[list[Content] | None, BeforeValidator(as_parts)] = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


@dataclass(slots=True)
class _Turn:
    """A turn under way."""

    role: Literal["user", "assistant"]
    images: list[Part] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def message(self) -> Message:
        text = "\n".join(text for text in self.texts if text)
        return Message(role=self.role, parts=(*self.images, text))


def read_chat(messages: Sequence[ChatMessage], images: Sequence[str], image_of: ImageOf) -> tuple[Message, ...]:
    """The turns of a chat that ends with what is to be answered: user and assistant in turn, the user first and last.

    `images` fill the places {"type": "image"} in order, or open the first turn where there is no place. Raises
    DataError for other orders, system messages, empty turns, and images left over or missing.
    """
    waiting = iter(images)
    turns: list[_Turn] = []
    called: dict[str, str] = {}
    places = 0
    for number, message in enumerate(messages, start=1):
        if message.role in ("system", "developer"):
            raise DataError(
                f"message {number} is of the {message.role}: the policy belongs into policy.md, and what "
                "else stands in every system turn into the recipe's `instruction`"
            )
        role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1].role != role:
            turns.append(_Turn(role))
        places += _add(turns[-1], message, number, waiting, image_of, called)
    left = list(waiting)
    if left and places:
        raise DataError(f"there are {len(images)} images for {len(images) - len(left)} places {{'type': 'image'}}")
    if not turns or turns[0].role != "user" or turns[-1].role != "user":
        raise DataError("the user begins and ends the prompt: what the assistant is to answer comes last")
    if left:
        turns[0].images[:0] = [ImagePart(path=image_of(name)) for name in left]
    chat = tuple(turn.message for turn in turns)
    for number, turn in enumerate(chat, start=1):
        if not str(turn.parts[-1]).strip():
            raise DataError(f"turn {number} has no text: say in words what is asked or answered there")
        if turn.role == "assistant" and turn.images:
            raise DataError(f"turn {number} is the assistant's and has an image: assistants write text only")
    return chat


def _add(
    turn: _Turn, message: ChatMessage, number: int, waiting: Any, image_of: ImageOf, called: dict[str, str]
) -> int:
    """Add a message to its turn; how many places for the row's images it has."""
    places = 0
    texts: list[str] = []
    for part in message.content or []:
        if isinstance(part, TextContent):
            texts.append(part.text)
        elif isinstance(part, ImageUrlContent):
            turn.images.append(ImagePart(path=image_of(part.image_url.url)))
        elif part.image is not None:
            turn.images.append(ImagePart(path=image_of(part.image)))
        else:
            name = next(waiting, None)
            if name is None:
                raise DataError(f"message {number} has a place for an image, but `images` has none left for it")
            turn.images.append(ImagePart(path=image_of(name)))
            places += 1
    text = "".join(texts)
    if message.role == "tool":
        turn.texts.append(f"{called.get(message.tool_call_id or '', message.name or 'The tool')} returned: {text}")
        return places
    turn.texts.append(text)
    for call in message.tool_calls or []:
        called[call.id or ""] = call.function.name
        turn.texts.append(write_call(call.function, f"message {number}"))
    return places


def write_call(function: CalledFunction, where: str) -> str:
    """A tool call as one line of JSON, {"name", "arguments"}: what answers are written as and compared with."""
    arguments: Any = function.arguments
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            raise DataError(f"{where}: the arguments of {function.name} are no JSON object")
    return write_json({"name": function.name, "arguments": arguments})
