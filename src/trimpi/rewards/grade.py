"""How a reward by name judges an answer, and how a completion is scored with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trimpi.rewards.response import read_response
from trimpi.types import Completion, Score

RIGHT = 1 - 1e-6
"""An answer that scores less is not right; similarities carry float noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What an answer is worth: `value` in [0, 1] and why; `parts` and `error` as in `Score`."""

    value: float
    reason: str
    parts: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


Grader = Callable[[str, str], Grade]
"""Judges an answer, never empty, against the gold answer."""


def score_answer(completion: Completion, gold: str, grader: Grader) -> Score:
    """Read the boxed answer and have it graded. No answer (nothing boxed, an empty box) and truncated are not "wrong".

    An answer worth RIGHT or more is correct and worth 1.
    """
    answer = read_response(completion.text).answer
    if not answer and completion.truncated:
        return Score(value=0.0, extracted=None, outcome="truncated", reason="ran out of tokens before an answer")
    if not answer:
        return Score(value=0.0, extracted=None, outcome="no_answer", reason="no \\boxed{} answer")
    grade = grader(answer, gold)
    right = grade.value >= RIGHT
    return Score(
        value=1.0 if right else grade.value,
        extracted=answer,
        outcome="correct" if right else "wrong",
        reason=grade.reason,
        parts=grade.parts,
        error=None if right else grade.error,
    )


def right() -> Grade:
    """An answer that is as good as the gold one."""
    return Grade(value=1.0, reason="equals the gold")


def wrong(reason: str, error: str | None = None) -> Grade:
    """An answer that is worth nothing."""
    return Grade(value=0.0, reason=reason, error=error)
