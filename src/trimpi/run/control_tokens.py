"""A model's control tokens in a task's texts, named by place before any prompt is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from trimpi.errors import DataError
from trimpi.run.data import SPLITS
from trimpi.tasks.base import Task
from trimpi.types import Example, Part

ControlTokenIn = Callable[[str], str | None]


def refuse_control_tokens(task: Task, control_token_in: ControlTokenIn) -> None:
    """Raises DataError for the first policy or row that holds one: it would change turns, or stand for an image."""
    for name, policy in task.policies.items():
        held = _held(policy.sections, control_token_in)
        if held is not None:
            raise _refusal(task.policy_place(name, held), held)
    for example in (example for split in SPLITS for example in task.examples(split)):
        held = _held(_texts(example), control_token_in)
        if held is not None:
            raise _refusal(task.place(example), held)


def _texts(example: Example) -> Iterator[Part]:
    for message in example.before:
        yield from message.parts
    yield from (example.prompt, example.answer, example.cot or "")


def _held(parts: Iterable[Part], control_token_in: ControlTokenIn) -> str | None:
    tokens = (control_token_in(part) for part in parts if isinstance(part, str))
    return next((token for token in tokens if token is not None), None)


def _refusal(place: str, held: str) -> DataError:
    return DataError(f"{place}: it holds {held!r}, which this model keeps for turns and images: write it without")
