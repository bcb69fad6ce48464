"""Recitation: what does a section ask, and where do its answers lead? With an exact score, part by part."""

from __future__ import annotations

import re
from collections.abc import Container

from trimpi.tasks.clevr.policy_text import write_section
from trimpi.tasks.clevr.reading import asks_for
from trimpi.tasks.clevr.tree import Decision
from trimpi.tasks.judging import plain
from trimpi.tasks.reciting import recited_text, unrecited
from trimpi.types import Completion, Example, Score

PARTS = ("question", "yes", "no")
ANSWER = re.compile(r"(?P<question>[^?]*)\? ?(?:yes: ?(?P<yes>[^:]*?)\.?)?(?: ?no: ?(?P<no>[^:]*?)\.?)?")


def make_recitation(name: str, decision: Decision, shown: Container[str]) -> Example:
    """The request for one section. `shown` are the ids of sections whose value an image shows: the answer names it."""
    return Example(
        id=f"{name}-section-{decision.id}",
        policy_name=name,
        prompt=f"Policy {name}: what does Condition {decision.id} say?",
        images=(),
        answer=_gold(decision, shown),
        meta={"section": decision.id, "sections": [decision.id]},
    )


def score_recitation(completion: Completion, decision: Decision, shown: Container[str]) -> Score:
    """The share of the three parts that are right: the question, where Yes leads, where No leads.

    The text recited is read as "QUESTION? Yes: TARGET. No: TARGET.", with or without the section's own heading. A
    target is right as the policy's words; a question also when it names exactly the values that the section looks for
    ("Is there a small cyan object?").
    """
    gold, said = _gold(decision, shown), recited_text(completion.text)
    heading = re.compile(rf"condition {re.escape(decision.id)}[:.]?(?: |$)")
    own = heading.match(plain(said))
    read = ANSWER.fullmatch(plain(said)[own.end() if own else 0 :])
    wanted = dict(zip(PARTS, (plain(part).rstrip(".?") for part in write_section(decision, shown)), strict=True))
    found = read.groupdict() if read else dict.fromkeys(PARTS)
    parts = {part: float(found[part] == wanted[part]) for part in PARTS}
    if found["question"] and asks_for(found["question"], decision):
        parts["question"] = 1.0
    if all(parts.values()):
        return Score(value=1.0, extracted=said, outcome="correct", reason=f"says {gold!r}", parts=parts)
    return unrecited(completion, said, reason=f"expected {gold!r}", parts=parts)


def _gold(decision: Decision, shown: Container[str]) -> str:
    question, yes, no = write_section(decision, shown)
    return f"{question} Yes: {yes} No: {no}"
