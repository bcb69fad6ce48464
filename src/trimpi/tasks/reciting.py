"""Recitations read and scored: a section is text, so an answer need not be boxed."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from types import MappingProxyType

from trimpi.rewards.response import read_response
from trimpi.tasks.judging import plain
from trimpi.types import Completion, Outcome, Score

THOUGHT_END = "</think>"


def recited_text(text: str) -> str:
    """What a completion recites: the box if there is one, else what follows the thought, else all of it."""
    answer = read_response(text).answer
    return text.rpartition(THOUGHT_END)[2].strip() if answer is None else answer


def score_recited(completion: Completion, gold: str) -> Score:
    """1 when the text recited is the gold text, up to case, white space, Markdown's marks and a last full stop."""
    said = recited_text(completion.text)
    if plain(said).rstrip(".") == plain(gold).rstrip("."):
        return Score(value=1.0, extracted=said, outcome="correct", reason=f"says {gold!r}")
    return unrecited(completion, said, reason=f"expected {gold!r}")


def unrecited(
    completion: Completion, said: str, *, reason: str, parts: Mapping[str, float] = MappingProxyType({})
) -> Score:
    """The score of a recitation that is not right: wrong, unless there is none or it ends where the tokens did.

    `parts` are what is right of it, by name; its value is their mean.
    """
    outcome: Outcome = "wrong" if said else "no_answer"
    if completion.truncated and read_response(completion.text).answer is None:
        outcome = "truncated"
    return Score(
        value=fmean(parts.values()) if parts else 0.0,
        extracted=said or None,
        outcome=outcome,
        reason={"wrong": "", "no_answer": "nothing is said; ", "truncated": "ran out of tokens; "}[outcome] + reason,
        parts=dict(parts),
    )
