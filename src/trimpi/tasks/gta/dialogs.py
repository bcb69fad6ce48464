"""A dialog: a request and the calls that answer it, and the items it becomes, one for each call (paper, GTAPolicy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trimpi.tasks.gta.items import Call, Item, PastCall, Profile
from trimpi.tasks.gta.rules import RuleBook
from trimpi.tasks.gta.tools import split_version, versioned

MATH_TOOL = "MathOCR"
"""An image that this tool is called on shows mathematical expressions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of a dialog, its `number` counted from 1. `tool` is without version; `returned` is the value it gave."""

    number: int
    tool: str
    arguments: Mapping[str, Any]
    returned: str = ""
    thought: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A request and its calls in order. `images` maps the names that calls use to files; `id` is its source's."""

    id: str
    query: str
    images: Mapping[str, Path]
    steps: tuple[Step, ...]

    @property
    def math_images(self) -> frozenset[str]:
        """The images that show mathematical expressions: those that MathOCR is called on."""
        read = {str(step.arguments.get("image")) for step in self.steps if step.tool == MATH_TOOL}
        return frozenset(read & set(self.images))


def next_calls(dialog: Dialog, book: RuleBook, profiles: Sequence[Profile]) -> tuple[Item, ...]:
    """The items of a dialog: each call, with what came before it, made by the user that stands in its place.

    Raises DataError when the book does not know a tool.
    """
    places = range(len(dialog.steps))
    return tuple(_item(dialog, place, book, profile) for place, profile in zip(places, profiles, strict=True))


def under_rules(item: Item, book: RuleBook) -> Item:
    """The item as it is where these rules hold: the calls of its history have the versions that they demand.

    Raises DataError when the book does not know a tool.
    """
    return replace(item, history=tuple(_called_under(past, book, item.profile) for past in item.history))


def _item(dialog: Dialog, place: int, book: RuleBook, profile: Profile) -> Item:
    step = dialog.steps[place]
    item = Item(
        id=f"{dialog.id}-{step.number}",
        dialog=dialog.id,
        images=dialog.images,
        profile=profile,
        query=dialog.query,
        history=tuple(
            PastCall(call=Call(tool=past.tool, arguments=past.arguments), returned=past.returned)
            for past in dialog.steps[:place]
        ),
        call=Call(tool=step.tool, arguments=step.arguments),
        math_images=dialog.math_images,
        thought=step.thought,
    )
    return under_rules(item, book)


def _called_under(past: PastCall, book: RuleBook, profile: Profile) -> PastCall:
    tool, _ = split_version(past.call.tool)
    version, _ = book.version_of(tool, profile)
    return replace(past, call=replace(past.call, tool=versioned(tool, version)))
