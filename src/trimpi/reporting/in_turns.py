"""Taking from several lists in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def in_turns(groups: Sequence[Sequence[Item]]) -> Iterator[Item]:
    """The first of every group, then the second of every group that has one, and so on."""
    for position in range(max(map(len, groups), default=0)):
        for group in groups:
            yield from group[position : position + 1]
