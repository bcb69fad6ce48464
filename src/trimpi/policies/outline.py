"""A policy document's sections with the lines they begin on: what examples cite and messages point at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from trimpi.policies.passages import HEADING, Passage, split_policy, text_of
from trimpi.policies.policy import Policy

TITLE = re.compile(r"#{2,6}[ \t]+(?P<title>[^\r\n]*?)[ \t]*#*[ \t]*(?:\r?\n|$)")
EXPLICIT_ID = re.compile(r"(?P<title>.*?)[ \t]*\{#(?P<id>[\w.-]+)\}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineSection:
    """A section of level two or lower: `id` is its heading, or X of a heading that ends in {#X}; `line` from 1."""

    id: str
    title: str
    line: int
    passage: Passage

    @property
    def text(self) -> str:
        """Its words, heading included; an image has none."""
        return text_of(self.passage)


def outline(policy: Policy, document: str) -> tuple[OutlineSection, ...]:
    """The sections of a policy in order; `document` is the text of the file it was read from, for the lines."""
    _, passages = split_policy(policy)
    lines = [document.count("\n", 0, match.start()) + 1 for match in HEADING.finditer(document)]
    sections = []
    for number, passage in enumerate(passages):
        heading = TITLE.match(text_of(passage))
        title = heading["title"].strip() if heading else ""
        explicit = EXPLICIT_ID.fullmatch(title)
        sections.append(
            OutlineSection(
                id=explicit["id"] if explicit else title,
                title=explicit["title"] if explicit else title,
                line=lines[number] if number < len(lines) else 1,
                passage=passage,
            )
        )
    return tuple(sections)


class Citations:
    """Finds in a text which of some sections it names, by id or title, as whole words; of several the longest."""

    def __init__(self, sections: Iterable[OutlineSection]) -> None:
        self._id = {name.casefold(): section.id for section in sections for name in (section.title, section.id) if name}
        names = sorted(map(re.escape, self._id), key=len, reverse=True)
        # "1.1" is not cited where "1.1.2" stands, but is at the end of a sentence.
        self._named = re.compile(rf"(?<![\w.])(?:{'|'.join(names)})(?!\.?\w)") if names else None

    def id_of(self, name: str) -> str | None:
        """The id of the section of that id or title, upper and lower case alike."""
        return self._id.get(name.strip().casefold())

    @property
    def ids(self) -> Sequence[str]:
        return tuple(dict.fromkeys(self._id.values()))

    def within(self, text: str) -> Iterator[str]:
        """The ids cited, in order, each once."""
        found = self._named.findall(text.casefold()) if self._named else []
        yield from dict.fromkeys(self._id[name] for name in found)
