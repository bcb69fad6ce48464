"""What a task's data could be wrong about, found without a model: for `trimpi check`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimpi.types import Example, ImagePart

Place = Callable[[Example], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to look at: `place` is file:line, or an example's id where rows are in no file."""

    place: str
    message: str


def leaked_into_training(train: Iterable[Example], test: Iterable[Example], place: Place) -> list[Finding]:
    """Test requests that are training requests too: the same policy, turns and pictures, whatever the files' names."""
    trained = {_content(example): example for example in reversed(list(train))}
    return [
        Finding(
            place=place(example),
            message=f"the test request {example.id!r} is in training as {same.id!r}, "
            f"{place(same)}: it measures memory, not the policy",
        )
        for example in test
        if (same := trained.get(_content(example))) is not None
    ]


def contradicting_answers(examples: Sequence[Example], place: Place) -> list[Finding]:
    """Equal requests of one policy with different gold answers: one of them must be wrong."""
    first: dict[str, Example] = {}
    found = []
    for example in examples:
        other = first.setdefault(_content(example), example)
        if other.answer != example.answer:
            found.append(
                Finding(
                    place=place(example),
                    message=f"the answer is {example.answer[:60]!r}, but the same request in {place(other)} has "
                    f"{other.answer[:60]!r}",
                )
            )
    return found


def _content(example: Example) -> str:
    turns = [
        [message.role, *(_digest(part.path) if isinstance(part, ImagePart) else part for part in message.parts)]
        for message in example.before
    ]
    request = [example.policy_name, turns, [_digest(image) for image in example.images], example.prompt]
    return json.dumps(request)


def _digest(image: Path) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()
