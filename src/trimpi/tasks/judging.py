"""What the judges of reasoning share: text made plain, the score, and how a wrong step is said."""

from __future__ import annotations

from collections.abc import Sequence

from trimpi.rewards.response import read_response
from trimpi.types import JudgedStep, Judgement, ReasoningError

TOP_SCORE = 10.0
QUOTE_LIMIT = 80
"""Characters of the reasoning that a reason quotes."""
MARKUP = str.maketrans("", "", "*`#>")
THINK = "<think>"

Fault = tuple[ReasoningError, str]
"""What is wrong with a step, and what would be right."""


def plain(text: str) -> str:
    """One line in lower case, without Markdown's marks and list bullets."""
    return " ".join(text.translate(MARKUP).split()).casefold().lstrip("-•+ ")


def clip(text: str) -> str:
    """Quoted, and cut when long."""
    return f'"{text}"' if len(text) <= QUOTE_LIMIT else f'"{text[:QUOTE_LIMIT]}..."'


def reasoning_of(text: str) -> str | None:
    """The reasoning of a completion; of one that ends inside its thought, as far as it goes."""
    reasoning = read_response(text).reasoning
    start = text.lstrip()
    if reasoning is None and start.startswith(THINK):
        return start.removeprefix(THINK)
    return reasoning


def judged(text: str, fault: Fault | None, section: str | None = None) -> JudgedStep:
    """A step that was read: right, or wrong for that reason."""
    if fault is None:
        return JudgedStep(text=text, verdict="right", section=section)
    error, why = fault
    return JudgedStep(text=text, verdict="wrong", error=error, why=why, section=section)


def conclude(steps: Sequence[JudgedStep], gold_steps: int) -> Judgement:
    """The judgement of a chain: 10 without a wrong step, else 10 x right steps before the first wrong / `gold_steps`.

    `gold_steps` is how many steps the gold chain has, its answer included. Right steps that begin a chain are the gold
    chain's, so the score is how far it is followed; with all of them and something wrong after, one is taken off. It
    depends on the first error alone: planting another never raises it, nor does anything written after it.
    """
    right = 0
    for step in steps:
        if step.verdict == "wrong":
            return Judgement(score=TOP_SCORE * min(right, gold_steps - 1) / gold_steps, steps=tuple(steps))
        right += step.verdict == "right"
    return Judgement(score=TOP_SCORE, steps=tuple(steps))
