"""Requests that are there already, also in other words than theirs by a few."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass

from trimpi.digest import file_digest
from trimpi.rewards.texts import plain
from trimpi.types import Example

NEAR = 0.8
"""Requests are near duplicates from this share of common words on."""
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    name: str
    words: tuple[str, ...]
    answer: str


class Requests:
    """The requests there are, by policy and pictures: the same question about another picture is another request."""

    def __init__(self) -> None:
        self._seen: defaultdict[object, list[_Seen]] = defaultdict(list)

    def add(self, example: Example, name: str) -> None:
        """`name` is what duplicates of it are told."""
        self._seen[_subject(example)].append(_seen(example, name))

    def like(self, example: Example) -> str | None:
        """The name of a request that this one repeats: in the same words, case and punctuation aside, or with the same
        answer in nearly the same words.

        Numbers and single letters have to be the same: 29 and 31 days are two cases.
        """
        given = _seen(example, "")
        return next((one.name for one in self._seen[_subject(example)] if _alike(given, one)), None)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    return tuple(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _alike(one: _Seen, other: _Seen) -> bool:
    if one.words == other.words:
        return True
    if one.answer != other.answer or _marks(one.words) != _marks(other.words):
        return False
    first, second = Counter(one.words), Counter(other.words)
    return (first & second).total() >= NEAR * (first | second).total()


def _marks(words: tuple[str, ...]) -> list[str]:
    """Numbers, and letters that stand for something: a and I are words."""
    return [word for word in words if (len(word) == 1 and word not in "ai") or any(map(str.isdigit, word))]


def _seen(example: Example, name: str) -> _Seen:
    texts = [part for message in example.before for part in message.parts if isinstance(part, str)]
    return _Seen(name=name, words=words_of(" ".join([*texts, example.prompt])), answer=plain(example.answer))


def _subject(example: Example) -> object:
    return example.policy_name, tuple(map(file_digest, example.all_images))
