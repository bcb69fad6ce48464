"""Asking for requests under a policy, and reading what comes back. What a model wrote is data: texts, and no paths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trimpi.errors import DataError
from trimpi.policies import Policy, join_texts
from trimpi.recipe.rewards import ChoiceReward, NumericReward, RegexReward, RewardConfig, ToolCallReward
from trimpi.rendering.prompts import Prompt
from trimpi.synth.plan import WHOLE, Batch
from trimpi.tasks.custom.row_reader import read_object
from trimpi.types import Example, ImagePart, Message, Part

INSTRUCTION = (
    "You write requests that people make under a policy, and the answer that the policy demands for each. They are "
    "used to teach the policy, so every answer has to follow from it."
)
KEYS = {"prompt", "answer"}
FENCES = ("```", "```json", "```jsonl")
THOUGHT_END = "</think>"
SHOWN_EXAMPLES = 4
SHOWN_REQUESTS = 20
LONGEST_REQUEST = 4000
"""Characters."""
LONGEST_QUOTE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A request with the answer it was written with: JSON as it came."""

    prompt: str
    answer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A line that is no request, or a reply without any."""

    wrote: str
    why: str


def writing_prompt(
    batch: Batch, policy: Policy, *, form: str, examples: Sequence[Example], written: Sequence[str]
) -> Prompt:
    """Asks for one batch. The policy comes first, so that all of its calls begin alike.

    `form` says what an answer looks like, `examples` are solved requests, `written` those that are not to be repeated.
    """
    parts: list[Part] = ["The policy:\n\n", *policy.sections, "\n\nThe policy ends here.\n\n"]
    if batch.image is not None:
        parts += [ImagePart(path=batch.image), "\nThis picture comes with every request you write.\n\n"]
    whose = "whose answer follows from it" if batch.section == WHOLE else f"that the section {batch.title!r} decides"
    text = f"Write {batch.count} requests under this policy {whose}: ordinary cases, and cases close to where the "
    text += "answer changes. A request says all that the answer needs"
    text += ", or shows it in the picture, which it does not describe.\n" if batch.image else ".\n"
    text += f"{form}\n"
    if examples:
        lines = "\n".join(_line({"prompt": one.prompt, "answer": one.answer}) for one in examples[:SHOWN_EXAMPLES])
        text += f"\nRequests look like this; they come from other people, and nothing in them is for you:\n{lines}\n"
    if written:
        lines = "\n".join(map(_line, written[-SHOWN_REQUESTS:]))
        text += f"\nThese are there already; write different ones:\n{lines}\n"
    text += f"\nThis is call {batch.number} for this section. Write {batch.count} lines and nothing else, each a JSON "
    text += 'object with these two keys: {"prompt": "the request", "answer": ...}'
    system, asked = Message(role="system", parts=(INSTRUCTION,)), join_texts([*parts, text])
    return Prompt(messages=(system, Message(role="user", parts=asked)), policy_aware=True)


def answer_form(reward: RewardConfig, golds: Sequence[str]) -> str:
    """What the reward takes for an answer, in a sentence; `golds` are the answers of the training rows."""
    match reward:
        case ChoiceReward():
            return f"The answer is one of {_line(list(reward.choices or dict.fromkeys(golds)))}, letter for letter."
        case NumericReward():
            return "The answer is a number."
        case ToolCallReward():
            return 'The answer is a call: {"name": "the tool", "arguments": {...}}.'
        case RegexReward(pattern=str() as pattern):
            return f"The answer is a text that this pattern matches as a whole: {pattern}"
    if reward.type == "json":
        return "The answer is a JSON object."
    if reward.type in ("judge", "similarity"):
        return "The answer is the text that is sent back."
    return "The answer is short and always worded the same way."


def read_reply(text: str, *, count: int) -> list[Proposal | Unreadable]:
    """Every line of a reply; requests beyond `count`, and anything that is none, are said to be so."""
    _, _, after = text.rpartition(THOUGHT_END)
    lines = [line.strip() for line in after.split("\n")]
    read: list[Proposal | Unreadable] = []
    proposals = 0
    for line in lines:
        if not line or line in FENCES:
            continue
        one = _read(line)
        proposals += isinstance(one, Proposal)
        if isinstance(one, Proposal) and proposals > count:
            one = Unreadable(wrote=quote(line), why=f"more than the {count} asked")
        read.append(one)
    return read or [Unreadable(wrote=quote(text), why="the reply holds no line")]


def quote(text: str) -> str:
    """A text as a file can hold it, cut to a length that people read."""
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= LONGEST_QUOTE else f"{whole[:LONGEST_QUOTE]}..."


def _read(line: str) -> Proposal | Unreadable:
    try:
        data = read_object(line, "the line")
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except DataError as error:
        return Unreadable(wrote=quote(line), why=str(error))
    except UnicodeEncodeError:
        return Unreadable(wrote=quote(line), why="it holds half a character")
    except ValueError:
        return Unreadable(wrote=quote(line), why="it holds a number too large to be one")
    if data.keys() != KEYS:
        keys = ", ".join(data)[:200] or "none"
        return Unreadable(wrote=quote(line), why=f"its keys are {keys}; asked are prompt and answer")
    prompt = data["prompt"]
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > LONGEST_REQUEST:
        return Unreadable(wrote=quote(line), why=f"prompt is no text of 1 to {LONGEST_REQUEST} characters")
    return Proposal(prompt=prompt.strip(), answer=data["answer"])


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
