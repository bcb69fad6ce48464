"""The turns of a chat request as the prompt that `trimpi eval` would write for them. Torch-free.

A request without a system turn gets the model's own instruction; one with a system turn brings its own. The policy,
where one is served in context, stands where evaluation puts it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trimpi.policies import Policy, join_texts
from trimpi.rendering.prompts import Prompt, PromptWriter, make_conversation
from trimpi.rewards.response import write_response
from trimpi.serving.refusals import bad_request
from trimpi.serving.requests import AssistantTurn, SystemTurn, TextContent, ToolCall, ToolTurn, Turn, UserTurn
from trimpi.types import ImagePart, Message, Part

BETWEEN = "\n\n"
"""Between two user turns, or results of tools, that follow each other: they become one turn."""
RETURNED = "Tool {name} returned:\n{content}"

TakeImage = Callable[[str], Path]
"""From an image's URL to its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Writes prompts: with the model's instruction, and with a policy in context where there is one."""

    writer: PromptWriter
    policy: Policy | None = None

    def prompt(self, turns: Sequence[Turn], take_image: TakeImage) -> Prompt:
        """Raises Refusal for turns out of order: after a system turn or none, user and assistant, a user's last."""
        first, *rest = turns
        instruction = self.writer.instruction
        if isinstance(first, SystemTurn):
            instruction = _text(first.content)
        else:
            rest = list(turns)
        return self.of(_messages(rest, take_image), instruction=instruction)

    def of(self, messages: Sequence[Message], *, instruction: str | None = None) -> Prompt:
        """The prompt of turns that are in order."""
        return make_conversation(
            messages,
            self.policy,
            instruction=self.writer.instruction if instruction is None else instruction,
            policy_turn=self.writer.policy_turn,
        )


def _messages(turns: Sequence[Turn], take_image: TakeImage) -> list[Message]:
    names: dict[str, str] = {}
    messages: list[Message] = []
    for turn in turns:
        if isinstance(turn, AssistantTurn):
            names |= {call.id: call.function.name for call in turn.tool_calls or ()}
        message = _message(turn, take_image, names)
        if messages and messages[-1].role == message.role == "user":
            joined = (*messages.pop().parts, BETWEEN, *message.parts)
            message = replace(message, parts=join_texts(joined))
        messages.append(message)
    roles = [message.role for message in messages]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise bad_request(
            f"the turns after the system's are {', '.join(roles) or 'none'}; allowed are user and assistant in turn, a "
            "user's (or a tool's) first and last",
            param="messages",
        )
    return messages


def _message(turn: Turn, take_image: TakeImage, names: dict[str, str]) -> Message:
    parts: list[Part]
    if isinstance(turn, SystemTurn):
        raise bad_request("a system turn can only be the first", param="messages")
    if isinstance(turn, UserTurn):
        contents = [TextContent(type="text", text=turn.content)] if isinstance(turn.content, str) else turn.content
        parts = [
            _text([part]) if isinstance(part, TextContent) else ImagePart(path=take_image(part.image_url.url))
            for part in contents
        ]
    elif isinstance(turn, ToolTurn):
        if turn.tool_call_id not in names:
            raise bad_request(f"no call before it has the id {turn.tool_call_id!r}", param="messages.tool_call_id")
        parts = [RETURNED.format(name=names[turn.tool_call_id], content=_text(turn.content))]
    else:
        parts = [_text(turn.content or "") or _called(turn.tool_calls or ())]
    if not join_texts(parts):
        raise bad_request(f"a turn of {turn.role} is empty", param="messages.content")
    return Message(role="assistant" if isinstance(turn, AssistantTurn) else "user", parts=join_texts(parts))


def _called(calls: Sequence[ToolCall]) -> str:
    """Calls whose text the client did not keep, as the model would have written them."""
    written = []
    for call in calls:
        try:
            arguments = json.loads(call.function.arguments)
        except (ValueError, RecursionError):
            raise bad_request("the arguments of a call are not JSON", param="messages.tool_calls") from None
        text = json.dumps({"name": call.function.name, "arguments": arguments}, ensure_ascii=False)
        written.append(write_response(None, text))
    return "\n".join(written)


def _text(content: str | list[TextContent]) -> str:
    """Raises Refusal for half a character, which JSON can write and no tokenizer can read."""
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("a text holds a lone surrogate, half a character", param="messages.content") from None
    return text
