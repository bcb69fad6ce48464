"""A policy cut at its headings, and put together again from some of the pieces. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trimpi.policies.policy import Policy, join_texts
from trimpi.types import ImagePart, Part

HEADING = re.compile(r"^(?=#{2,6}[ \t])", re.MULTILINE)

Passage = tuple[Part, ...]


def split_policy(policy: Policy) -> tuple[Passage, list[Passage]]:
    """What stands before the first heading of level two or lower, and the passages, each from its heading to the next.

    All together are the policy's sections, character for character.
    """
    passages: list[list[Part]] = [[]]
    for section in policy.sections:
        if isinstance(section, ImagePart):
            passages[-1].append(section)
            continue
        rest, *headed = HEADING.split(section)
        passages[-1] += [rest] if rest else []
        passages += [[text] for text in headed]
    opening, *others = map(tuple, passages)
    return opening, others


def reduced(policy: Policy, opening: Passage, passages: Sequence[Passage]) -> Policy:
    """The policy of these passages alone, behind its opening."""
    return Policy(name=policy.name, sections=join_texts([*opening, *(part for one in passages for part in one)]))


def text_of(passage: Passage) -> str:
    """The words of a passage; an image has none."""
    return "".join(part for part in passage if isinstance(part, str))
