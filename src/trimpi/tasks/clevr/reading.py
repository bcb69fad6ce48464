"""A chain of thought read back: which sections it cites, what it says they ask, what it saw, how it ends.

A step is a line; within a line another begins at a heading ("Condition 1.2:") and at "The response is". Upper and lower
case, white space, Markdown's marks and prose beside the steps do not matter. Takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.tree import Decision
from trimpi.tasks.judging import plain

BEGINNING = re.compile(
    r"(?=\bcondition[ \t]?[0-9][0-9.]{0,100}[ \t]?:)|(?=\bthe (?:final )?response is\b)", re.IGNORECASE
)
HEADING = re.compile(r"condition ?(?:(?P<id>[0-9][0-9.]*)(?P<mark> ?[:,–—-])?|:)")
IMAGE = re.compile(r"(?:the )?image shows (?:an? )?(?P<value>[^ .,;]+)[.,;] ?")
VERDICT = re.compile(r" ?(?P<verdict>yes|no)(?![^ .,:;!–—-])[ ,:;!–—-]*")
RESPONSE = re.compile(r"the (?:final )?response is:? ?(?P<response>[^.]*)")

VALUES = {value: value for values in ATTRIBUTES.values() for value in values} | {
    f"{shape}s": shape for shape in ATTRIBUTES["shape"]
}
"""Every word that names a value, with the value."""
FILLERS = frozenset(
    {"", "a", "an", "the", "there", "is", "are", "one", "of", "that", "those", "this", "object", "objects", *ATTRIBUTES}
)
"""Words beside which only the values count."""
PUNCTUATION = ".,:;!?\"'()[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What a step says about a section, in plain text. Without `question` and `verdict` it could not be read.

    `id` is None where the heading has none, `shown` what an image in the section is said to show, `described` what
    follows a yes (empty when nothing does).
    """

    id: str | None
    shown: str | None = None
    question: str | None = None
    verdict: bool | None = None
    described: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedResponse:
    """The response a chain ends in, in plain text."""

    response: str


def pieces(reasoning: str) -> Iterator[str]:
    """The steps and the prose between them, as written, in order; blank ones are left out."""
    for line in reasoning.splitlines():
        for piece in BEGINNING.split(line):
            if plain(piece):
                yield piece.strip()


def read_piece(piece: str) -> Citation | StatedResponse | None:
    """A step read; None for prose, which neither begins with a section's heading nor with "The response is"."""
    text = plain(piece)
    response = RESPONSE.match(text)
    if response:
        return StatedResponse(response=response["response"].strip(" \"'"))
    heading = HEADING.match(text)
    return _read_citation(heading, text[heading.end() :].lstrip()) if heading else None


def values_in(words: str) -> frozenset[str] | None:
    """The attribute values that a phrase names; None when it holds words of which nothing is known."""
    found = set()
    for word in words.split():
        bare = word.strip(PUNCTUATION)
        if bare in VALUES:
            found.add(VALUES[bare])
        elif bare not in FILLERS:
            return None
    return frozenset(found)


def asks_for(question: str, decision: Decision, shown: str | None = None) -> bool:
    """Whether a question names exactly the values that a section looks for, in whatever order.

    As in policies "those objects" stands for what the sections before found, "this color" for what the image shows.
    """
    named = values_in(question)
    if named is None:
        return False
    words = {word.strip(PUNCTUATION) for word in question.split()}
    if "those" in words:
        named |= set(decision.within.values())
    if "this" in words and shown is not None:
        named |= {shown}
    return named == set(decision.sought.values())


def _read_citation(heading: re.Match[str], rest: str) -> Citation:
    id = heading["id"]
    if id is None or not (heading["mark"] or id.endswith(".")):
        return Citation(id=id.rstrip(".") if id else None)
    image = IMAGE.match(rest)
    question, _, said = rest[image.end() if image else 0 :].partition("?")
    verdict = VERDICT.match(said)
    if verdict is None:
        return Citation(id=id.rstrip("."))
    return Citation(
        id=id.rstrip("."),
        shown=image["value"] if image else None,
        question=question,
        verdict=verdict["verdict"] == "yes",
        described=said[verdict.end() :].partition(".")[0].strip(),
    )
