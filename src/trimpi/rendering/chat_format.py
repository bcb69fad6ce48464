"""What a model family's chat template does, learned once by rendering probes through it.

The template stays the only thing that writes prompts. What is learned here is enough to read them back, and to refuse a
template that would lose or move part of a prompt before anything is trained on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from trimpi.errors import DataError, ModelError
from trimpi.policies import join_texts
from trimpi.rendering.prompts import to_chat
from trimpi.types import ImagePart, Message, Part, Role

PLACEHOLDER = ImagePart(path=Path("image"))
SYSTEM, USER, AFTER, ASSISTANT = "probe-system", "probe-user", "probe-after", "probe-assistant"
AGAIN = "probe-again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """The fixed strings around the parts of a rendered chat: system turn, user turn, the model's turn."""

    system_open: str
    user_open_text: str  # from the end of the system turn's content to a user turn that begins with text
    user_open_image: str  # the same for one that begins with an image; some families differ in a space
    next_user_open_text: str  # from the end of the model's text to another user turn, where solved requests come first
    next_user_open_image: str
    generation_prompt: str  # from the end of the user turn's content to where the model begins to write
    response_prefix: str  # white space the template puts before the model's text
    turn_close: str  # what follows the model's text
    image_markup: str
    system_images: bool  # whether the system turn keeps images in place

    @property
    def boundaries(self) -> tuple[str, ...]:
        openers = (self.user_open_text, self.user_open_image, self.next_user_open_text, self.next_user_open_image)
        return (*openers, self.generation_prompt, self.image_markup)

    def parse(self, text: str, *, end_of_turn: str) -> tuple[Message, ...]:
        """The turns of a rendered chat, images as `PLACEHOLDER`. Raises DataError for any other text."""
        system, opened, rest = self._cut(text.removeprefix(self.system_open), self.user_open_text, self.user_open_image)
        if not text.startswith(self.system_open) or not opened:
            raise DataError(f"not a chat of this model: it should begin with {self.system_open!r}, got {text[:80]!r}")
        messages = [self._message("system", system)]
        while opened:
            asked, _, answered = rest.partition(self.generation_prompt)
            messages.append(self._message("user", asked))
            written, opened, rest = self._cut(answered, self.next_user_open_text, self.next_user_open_image)
            if written:
                written = written.removeprefix(self.response_prefix).removesuffix("" if opened else end_of_turn)
                messages.append(self._message("assistant", written))
        return tuple(messages)

    def _cut(self, text: str, open_text: str, open_image: str) -> tuple[str, bool, str]:
        """What stands before the first user turn, whether there is one, and what its opener is followed by."""
        opener = f"{re.escape(open_image)}(?={re.escape(self.image_markup)})|{re.escape(open_text)}"
        found = re.search(opener, text)
        return (text[: found.start()], True, text[found.end() :]) if found else (text, False, "")

    def _message(self, role: Role, content: str) -> Message:
        texts = content.split(self.image_markup)
        parts: list[Part] = [texts[0]]
        for text in texts[1:]:
            parts += [PLACEHOLDER, text]
        return Message(role=role, parts=join_texts(parts))


def learn_chat_format(processor: Any) -> ChatFormat:
    """Probe the processor's chat template. Raises ModelError when it cannot hold a system turn or moves images."""
    system, user = _turn("system", SYSTEM), _turn("user", USER)
    chat = render(processor, [system, user, _turn("assistant", ASSISTANT)])
    image_chat = render(processor, [system, _turn("user", PLACEHOLDER, USER, PLACEHOLDER, AFTER)])
    image_markup = _between(image_chat, USER, AFTER)
    user_open_image = _between(image_chat, SYSTEM, USER)
    if not image_markup.strip() or not user_open_image.endswith(image_markup):
        raise ModelError("the chat template does not leave a user turn's images in place: use a model whose does")
    generation_prompt = render(processor, [system, user], generate=True).partition(USER)[2]
    answered = _between(chat, USER, ASSISTANT)
    response_prefix = answered.removeprefix(generation_prompt)
    if not answered.startswith(generation_prompt) or response_prefix.strip():
        raise ModelError(
            f"the chat template opens the model's turn with {generation_prompt!r} but writes a given answer after "
            f"{answered!r}: use a model whose template adds nothing to an answer (Instruct rather than Thinking)"
        )
    open_text, open_image = (
        _between(render(processor, [system, user, _turn("assistant", ASSISTANT), again]), ASSISTANT, AGAIN)
        for again in (_turn("user", AGAIN), _turn("user", PLACEHOLDER, AGAIN))
    )
    return ChatFormat(
        system_open=chat.partition(SYSTEM)[0],
        user_open_text=_between(chat, SYSTEM, USER),
        user_open_image=user_open_image.removesuffix(image_markup),
        next_user_open_text=open_text,
        next_user_open_image=open_image.removesuffix(image_markup),
        generation_prompt=generation_prompt,
        response_prefix=response_prefix,
        turn_close=chat.partition(ASSISTANT)[2],
        image_markup=image_markup,
        system_images=_keeps_system_images(processor, image_markup),
    )


def render(processor: Any, messages: Sequence[Message], *, generate: bool = False) -> str:
    """The chat as the processor's template writes it. Raises ModelError when there is none or it refuses the turns."""
    try:
        return processor.apply_chat_template(to_chat(messages), tokenize=False, add_generation_prompt=generate)
    except (TemplateError, ValueError, TypeError) as error:
        roles = ", ".join(message.role for message in messages)
        raise ModelError(f"the processor's chat template cannot write the turns {roles}: {error}") from None


def without_paths(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns with every image as `PLACEHOLDER`, as `ChatFormat.parse` gives them."""
    return _map_images(messages, lambda _: PLACEHOLDER)


def with_images(messages: Sequence[Message], images: Sequence[Path]) -> tuple[Message, ...]:
    """The turns with these images in reading order. Raises DataError unless there is one for each place."""
    places = sum(len(message.images) for message in messages)
    if places != len(images):
        raise DataError(
            f"the chat shows {places} images but {len(images)} were given: give one path for each, in order"
        )
    paths = iter(images)
    return _map_images(messages, lambda _: ImagePart(path=next(paths)))


def _map_images(messages: Sequence[Message], change: Callable[[ImagePart], ImagePart]) -> tuple[Message, ...]:
    return tuple(
        replace(message, parts=tuple(change(part) if isinstance(part, ImagePart) else part for part in message.parts))
        for message in messages
    )


def _keeps_system_images(processor: Any, image_markup: str) -> bool:
    """Some families write only the text of a system turn, some refuse an image there."""
    try:
        chat = render(processor, [_turn("system", SYSTEM, PLACEHOLDER, AFTER), _turn("user", USER)])
        return _between(chat, SYSTEM, AFTER) == image_markup
    except ModelError:
        return False


def _turn(role: Role, *parts: Part) -> Message:
    return Message(role=role, parts=parts)


def _between(chat: str, first: str, second: str) -> str:
    _, found, rest = chat.partition(first)
    inside, found_too, _ = rest.partition(second)
    if not (found and found_too):
        raise ModelError(f"the chat template loses part of a chat: it wrote {first!r}, {second!r} as {chat!r}")
    return inside
