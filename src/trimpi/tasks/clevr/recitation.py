"""Recitation: what does a section ask, and where do its answers lead? With an exact score, part by part."""

from __future__ import annotations

import re
from collections.abc import Container

from trimpi.rewards.exact_match import score_exact_match
from trimpi.tasks.clevr.policy_text import write_section
from trimpi.tasks.clevr.reading import asks_for
from trimpi.tasks.clevr.tree import Decision
from trimpi.tasks.judging import plain
from trimpi.types import Completion, Example, Score

PARTS = ("question", "yes", "no")
ANSWER = re.compile(r"(?P<question>[^?]*)\? ?(?:yes: ?(?P<yes>[^:]*?)\.?)?(?: ?no: ?(?P<no>[^:]*?)\.?)?")


def make_recitation(name: str, decision: Decision, shown: Container[str]) -> Example:
    """The request for one section. `shown` are the ids of sections whose value an image shows: the answer names it."""
    return Example(
        id=f"{name}-section-{decision.id}",
        policy_name=name,
        prompt=f"Policy {name}: what does Condition {decision.id} ask, and where do its answers lead?",
        images=(),
        answer=_gold(decision, shown),
        meta={"section": decision.id, "sections": [decision.id]},
    )


def score_recitation(completion: Completion, decision: Decision, shown: Container[str]) -> Score:
    """The share of the three parts that are right: the question, where Yes leads, where No leads.

    The answer is read as "QUESTION? Yes: TARGET. No: TARGET." A target is right as the policy's words; a question also
    when it names exactly the values that the section looks for ("Is there a small cyan object?").
    """
    gold = _gold(decision, shown)
    score = score_exact_match(completion, gold)
    read = ANSWER.fullmatch(plain(score.extracted or ""))
    wanted = dict(zip(PARTS, (plain(part).rstrip(".?") for part in write_section(decision, shown)), strict=True))
    said = read.groupdict() if read else dict.fromkeys(PARTS)
    parts = {part: float(said[part] == wanted[part]) for part in PARTS}
    if said["question"] and asks_for(said["question"], decision):
        parts["question"] = 1.0
    right = all(parts.values())
    value = 1.0 if right else sum(parts.values()) / len(parts)
    if score.extracted is None or score.outcome == "correct" or not right:
        return Score(value=value, extracted=score.extracted, outcome=score.outcome, reason=score.reason, parts=parts)
    return Score(value=value, extracted=score.extracted, outcome="correct", reason=f"says {gold!r}", parts=parts)


def _gold(decision: Decision, shown: Container[str]) -> str:
    question, yes, no = write_section(decision, shown)
    return f"{question} Yes: {yes} No: {no}"
