"""The response format of every stage: reasoning in <think></think>, then the answer in \\boxed{} (paper, Training)."""

from __future__ import annotations

import re
from dataclasses import dataclass

RESPONSE = re.compile(
    r"\s*<think>(?P<reasoning>(?:(?!</?think>).)*)</think>\s*\\boxed\{(?P<answer>[^{}]*)\}\s*", re.DOTALL
)
BOXED = re.compile(r"\\boxed\{(?P<answer>[^{}]*)\}")


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
    """Take a completion apart: the exact format first, else the last boxed answer."""
    exact = RESPONSE.fullmatch(text)
    if exact:
        return Response(reasoning=exact["reasoning"].strip(), answer=exact["answer"].strip(), well_formed=True)
    answers = BOXED.findall(text)
    reasoning = text.split("</think>")[0].lstrip().removeprefix("<think>").strip() if "</think>" in text else None
    return Response(reasoning=reasoning, answer=answers[-1].strip() if answers else None, well_formed=False)


def format_reward(text: str) -> float:
    """1 when the completion is exactly the response format, else 0."""
    return float(read_response(text).well_formed)
