"""The response format of every stage: reasoning in <think></think>, then the answer in \\boxed{} (paper, Training)."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_NESTING = 64
"""A box with braces nested deeper than this is not read as an answer."""

THOUGHT = re.compile(r"\s*<think>(?P<reasoning>(?:(?!</?think>).)*)</think>\s*", re.DOTALL)
BOX = "\\boxed{"
BRACE = re.compile(r"\\boxed\{|[{}]")
NO_BOX = -1
JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A completion taken apart. `answer` is None when nothing is boxed; `well_formed` is exactly the format."""

    reasoning: str | None
    answer: str | None
    well_formed: bool


def write_response(reasoning: str | None, answer: str) -> str:
    """The text a model should write; without reasoning it is the boxed answer alone (direct SFT)."""
    thought = "" if reasoning is None else f"<think>{reasoning}</think>"
    return f"{thought}\\boxed{{{answer}}}"


def read_response(text: str) -> Response:
    """Take a completion apart: the exact format first, else the last boxed answer.

    An answer may hold braces as long as they are balanced, but no other box. Takes time linear in `text`.
    """
    box = _last_box(text)
    answer = None if box is None else text[box.start + len(BOX) : box.stop - 1].strip()
    thought = THOUGHT.match(text)
    if thought and box and box.start == thought.end() and not text[box.stop :].strip():
        return Response(reasoning=thought["reasoning"].strip(), answer=answer, well_formed=True)
    reasoning = text.split("</think>")[0].lstrip().removeprefix("<think>").strip() if "</think>" in text else None
    return Response(reasoning=reasoning, answer=answer, well_formed=False)


def format_reward(text: str) -> float:
    """1 when the completion is exactly the response format, else 0."""
    return float(read_response(text).well_formed)


def can_be_boxed(answer: str) -> bool:
    """Whether an answer is read back as it was written: its braces close, and it holds no box of its own."""
    return read_response(write_response(None, answer)).answer == answer.strip()


def without_lone_braces(json_text: str) -> str:
    """The same JSON so that it can be boxed: a lone brace inside a text would end the box too early or never, but JSON
    can say it without showing it.
    """
    if all(map(_is_balanced, JSON_TEXT.findall(json_text))):
        return json_text
    return JSON_TEXT.sub(lambda match: match[0].replace("{", r"\u007b").replace("}", r"\u007d"), json_text)


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _last_box(text: str) -> range | None:
    """Where the box that opens last lies in `text`, of those whose braces close; from its backslash past its brace."""
    if BOX not in text:
        return None
    last: range | None = None
    opened: list[int] = []  # where each box not yet closed opens, NO_BOX for a brace alone
    heights: list[int] = []  # beside `opened`: how deep the braces inside go
    for brace in BRACE.finditer(text, text.index(BOX)):
        if brace[0] != "}":
            opened.append(brace.start() if brace[0] == BOX else NO_BOX)
            heights.append(0)
        elif opened:
            start, height = opened.pop(), heights.pop()
            if heights:
                heights[-1] = max(heights[-1], height + 1)
            if height <= MAX_NESTING and start > (last.start if last else NO_BOX):
                last = range(start, brace.end())
    return last
