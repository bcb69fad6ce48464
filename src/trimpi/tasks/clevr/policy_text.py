"""A decision tree written out as a policy, and a walk through it written as a chain of thought."""

from __future__ import annotations

import random
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from trimpi.policies import Policy
from trimpi.tasks.clevr.ontology import noun_phrase, predicate
from trimpi.tasks.clevr.tree import Decision, Leaf, Step, decisions
from trimpi.types import ImagePart, Part

SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
INTRODUCTION = (
    "This policy decides the response to an image. Start at Condition 1 and go on until a response is reached."
)


def sample_name(layers: int, rng: random.Random, taken: Container[str] = ()) -> str:
    """A made-up policy name such as "L3-Surinu" that is not taken yet."""
    while True:
        name = f"L{layers}-{''.join(rng.choice(SYLLABLES) for _ in range(3)).capitalize()}"
        if name not in taken:
            return name


def write_policy(name: str, tree: Decision, crops: Mapping[str, Path] | None = None) -> Policy:
    """The policy document. `crops` maps decision ids to the image that shows their value (variant M)."""
    crops = crops or {}
    sections: list[Part] = [f"# {name}\n{INTRODUCTION}\n"]
    for decision in decisions(tree):
        question, crop = _question(decision, crops), crops.get(decision.id)
        before, _, after = question.partition("{crop}")
        sections.append(f"## Condition {decision.id}\n{before}")
        if crop is not None:
            sections.append(ImagePart(path=crop))
        sections.append(f"{after} Yes: {_direction(decision.yes)} No: {_direction(decision.no)}\n")
    return Policy(name=name, sections=tuple(sections))


def write_cot(steps: Sequence[Step], response: str, shown: Container[str] = ()) -> str:
    """The gold chain of thought: every section visited, what was looked for and seen. `shown`: ids with a crop."""
    lines = []
    for step in steps:
        decision = step.decision
        crop = f"the image shows {decision.value}. " if decision.id in shown else ""
        verdict = f"Yes, a {step.found[0].description}." if step.found else "No."
        lines.append(f"Condition {decision.id}: {crop}Is there a {noun_phrase(decision.sought)}? {verdict}")
    return "\n".join([*lines, f"The response is {response}."])


def write_request(name: str) -> str:
    """The query of an example: it names the policy and asks for the response (paper, ClevrPolicy)."""
    return f"Policy {name}: what is the response to this image?"


def write_unnamed_request() -> str:
    """The same query for whichever policy is there."""
    return "What is the response to this image?"


def write_section(decision: Decision, shown: Container[str] = ()) -> tuple[str, str, str]:
    """A section in words alone: its question, where Yes leads, where No leads. A value that a crop shows is named."""
    question = _question(decision, shown).replace("{crop}", decision.value)
    return question, _direction(decision.yes), _direction(decision.no)


def _question(decision: Decision, crops: Container[str]) -> str:
    """The condition in words, with "{crop}" where an image shows the value; no word may give away a shown value."""
    if decision.id in crops:
        if decision.within:
            return f"Is one of those objects of this {decision.attribute}: {{crop}}?"
        return f"Is there an object of this {decision.attribute}: {{crop}}?"
    if not decision.within:
        return f"Is there a {noun_phrase({decision.attribute: decision.value})}?"
    ancestors = (decision.id[:end] for end in range(1, len(decision.id), 2))
    those = (
        "those objects" if any(id in crops for id in ancestors) else f"the {noun_phrase(decision.within, plural=True)}"
    )
    return f"Is one of {those} {predicate(decision.attribute, decision.value)}?"


def _direction(node: Decision | Leaf) -> str:
    return f"respond {node.response}." if isinstance(node, Leaf) else f"go to Condition {node.id}."
