"""What a task's data could be wrong about, found without a model: for `trimpi check`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimpi.digest import file_digest
from trimpi.types import Example, ImagePart, Part

Place = Callable[[Example], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to look at: `place` is file:line, or an example's id where rows are in no file."""

    place: str
    message: str


def repeated_requests(train: Sequence[Example], test: Sequence[Example], place: Place) -> list[Finding]:
    """Test requests that are training requests too, and equal requests with different gold answers.

    Requests are equal by policy, turns and pictures, whatever the files are called.
    """
    found = []
    trained = {example.id for example in train}
    for group in _equal_requests([*train, *test]):
        known = next((example for example in group if example.id in trained), None)
        found += [_leaked(example, known, place) for example in group if known and example.id not in trained]
        first, *others = group
        found += [_disagreeing(example, first, place) for example in others if example.answer != first.answer]
    return found


def _leaked(example: Example, known: Example, place: Place) -> Finding:
    message = f"the test request {example.id!r} is in training as {known.id!r}, {place(known)}: it measures memory"
    return Finding(place=place(example), message=message)


def _disagreeing(example: Example, first: Example, place: Place) -> Finding:
    return Finding(
        place=place(example),
        message=f"the answer is {example.answer[:60]!r}, but the same request in {place(first)} has "
        f"{first.answer[:60]!r}",
    )


def _equal_requests(examples: Iterable[Example]) -> list[list[Example]]:
    """Groups of two or more equal requests, in order. Pictures are read only where all else is equal, sizes too."""
    alike = _groups(examples, lambda image: image.stat().st_size)
    return [group for candidates in alike for group in _groups(candidates, file_digest)]


def _groups(examples: Iterable[Example], seen: Callable[[Path], object]) -> list[list[Example]]:
    groups: dict[object, list[Example]] = {}
    for example in examples:
        groups.setdefault(_content(example, seen), []).append(example)
    return [group for group in groups.values() if len(group) > 1]


def _content(example: Example, seen: Callable[[Path], object]) -> object:
    turns = (*((message.role, *_parts(message.parts, seen)) for message in example.before),)
    return example.policy_name, turns, tuple(map(seen, example.images)), example.prompt


def _parts(parts: Iterable[Part], seen: Callable[[Path], object]) -> list[object]:
    return [seen(part.path) if isinstance(part, ImagePart) else part for part in parts]
