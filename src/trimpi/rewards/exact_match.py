"""Exact match of the parsed answer: ClevrPolicy's metric and accuracy reward (paper, ClevrPolicy)."""

from __future__ import annotations

from trimpi.rewards.response import read_response
from trimpi.types import Completion, Score


def score_exact_match(completion: Completion, gold: str) -> Score:
    """1 when the boxed answer is the gold answer, up to white space and case.

    No answer (nothing boxed, or an empty box) and truncated are not "wrong".
    """
    answer = read_response(completion.text).answer
    if not answer and completion.truncated:
        return Score(value=0.0, extracted=None, outcome="truncated", reason="ran out of tokens before an answer")
    if not answer:
        return Score(value=0.0, extracted=None, outcome="no_answer", reason="no \\boxed{} answer")
    if _normalise(answer) == _normalise(gold):
        return Score(value=1.0, extracted=answer, outcome="correct", reason=f"equals {gold!r}")
    return Score(value=0.0, extracted=answer, outcome="wrong", reason=f"expected {gold!r}")


def _normalise(answer: str) -> str:
    return " ".join(answer.split()).casefold()
