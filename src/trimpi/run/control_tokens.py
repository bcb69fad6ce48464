"""A model's control tokens in a task's texts, named by place before any prompt is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from trimpi.errors import DataError
from trimpi.run.data import SPLITS
from trimpi.tasks.base import Task
from trimpi.types import Example, Part

ControlTokenIn = Callable[[str], str | None]


def refuse_control_tokens(task: Task, control_token_in: ControlTokenIn) -> None:
    """Raises DataError for the first policy or row that holds one: it would change turns, or stand for an image."""
    for name, policy in task.policies.items():
        _refuse(policy.sections, control_token_in, partial(task.policy_place, name))
    for example in (example for split in SPLITS for example in task.examples(split)):
        _refuse(_texts(example), control_token_in, lambda _, example=example: task.place(example))


def _texts(example: Example) -> Iterator[Part]:
    for message in example.before:
        yield from message.parts
    yield from (example.prompt, example.answer, example.cot or "")


def _refuse(parts: Iterable[Part], control_token_in: ControlTokenIn, place: Callable[[str], str]) -> None:
    for held in (control_token_in(part) for part in parts if isinstance(part, str)):
        if held is not None:
            raise DataError(
                f"{place(held)}: it holds {held!r}, which this model keeps for turns and images: write it without"
            )
