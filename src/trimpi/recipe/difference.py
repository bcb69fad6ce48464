"""Where two recipes differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ABSENT = "(absent)"


def recipe_differences(given: Any, recorded: Any) -> list[str]:
    """One line a key: `dotted.key: given X, recorded Y`; empty when the two say the same."""
    flat_given, flat_recorded = dict(_flatten(given)), dict(_flatten(recorded))
    keys = [*flat_given, *(key for key in flat_recorded if key not in flat_given)]
    return [
        f"{key}: given {flat_given.get(key, ABSENT)}, recorded {flat_recorded.get(key, ABSENT)}"
        for key in keys
        if flat_given.get(key, ABSENT) != flat_recorded.get(key, ABSENT)
    ]


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    if not children and prefix:
        yield prefix, repr(value)
    for key, child in children:
        yield from _flatten(child, f"{prefix}.{key}" if prefix else str(key))
