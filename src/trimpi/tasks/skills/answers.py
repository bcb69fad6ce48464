"""How answers to skill questions are read and scored: what decides is compared, the rest of the words is free."""

from __future__ import annotations

from trimpi.rewards.response import read_response
from trimpi.types import Completion, Score


def decisive_part(answer: str, gold: str) -> str | None:
    """What of an answer is compared with the same part of the gold one; None when an answer should be boxed and is not.

    The box of a policy task, the yes or no of "Is there a ...?", the last sentence of a count, else the whole answer.
    """
    if read_response(gold).answer is not None:
        return read_response(answer).answer
    if gold.startswith("Yes, ") or gold == "No.":
        return answer.partition(",")[0]
    if "There are " in gold:
        return answer.rpartition(". ")[2]
    return answer


def is_right(answer: str, gold: str) -> bool:
    return decisive_part(answer, gold) == decisive_part(gold, gold)


def score_answer(completion: Completion, gold: str) -> Score:
    """1 when the decisive part is the gold one's. A wrong answer without its end is "truncated", an empty one none."""
    part, wanted = decisive_part(completion.text, gold), decisive_part(gold, gold)
    if part == wanted:
        return Score(value=1.0, extracted=part, outcome="correct", reason=f"equals {wanted!r}")
    if completion.truncated:
        return Score(value=0.0, extracted=part, outcome="truncated", reason="ran out of tokens before its end")
    if not part:
        return Score(value=0.0, extracted=None, outcome="no_answer", reason=f"no answer where {wanted!r} is expected")
    return Score(value=0.0, extracted=part, outcome="wrong", reason=f"expected {wanted!r}")
