"""`key.path=value` changes to a recipe before it is validated."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trimpi.errors import RecipeError
from trimpi.recipe.yaml_text import parse_yaml


def apply_overrides(data: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `data` with each `key.path=value` set; values are YAML, list items go by index or by their `type`.

    Raises RecipeError for an override without `=`, or a path that leads nowhere. Key names are checked afterwards.
    """
    changed = copy.deepcopy(data)
    for override in overrides:
        path, equals, value = override.partition("=")
        if not equals or not path:
            raise RecipeError(f"override {override!r} is not key.path=value, such as seed=1 or stages.0.epochs=2")
        _set(changed, path.split("."), parse_yaml(value, source=f"override {override!r}"), override)
    return changed


def apply_changes(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `data` with each of `changes` set, whose keys are dotted or nested: `{a.b: 1}` is `{a: {b: 1}}`.

    Raises RecipeError for a path that leads nowhere. Key names are checked afterwards.
    """
    changed = copy.deepcopy(data)
    for path, value in _leaves(changes):
        _set(changed, path.split("."), copy.deepcopy(value), f"{path}={value}")
    return changed


def _leaves(changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in changes.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _set(container: Any, keys: list[str], value: Any, override: str) -> None:
    key, rest = _split(container, keys)
    if isinstance(container, list):
        index = _list_index(container, key, override)
        if rest:
            _set(container[index], rest, value, override)
        else:
            container[index] = value
    elif isinstance(container, dict):
        if rest and container.get(key) is None:
            container[key] = {}
        if rest:
            _set(container[key], rest, value, override)
        else:
            container[key] = value
    else:
        raise RecipeError(f"override {override!r}: there is nothing below {container!r} to set {'.'.join(keys)!r} in")


def _split(container: Any, keys: list[str]) -> tuple[str, list[str]]:
    """The key to follow here and those below it; a key of `container` may have dots itself, as a sweep's axes do."""
    if isinstance(container, dict):
        for length in range(len(keys), 1, -1):
            if (dotted := ".".join(keys[:length])) in container:
                return dotted, keys[length:]
    return keys[0], keys[1:]


def _list_index(items: list[Any], key: str, override: str) -> int:
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    types = [item.get("type") if isinstance(item, dict) else None for item in items]
    if types.count(key) == 1:
        return types.index(key)
    allowed = ", ".join(f"{index} ({kind})" for index, kind in enumerate(types))
    problem = f"{types.count(key)} items are of type {key!r}" if key in types else f"there is no item {key!r}"
    raise RecipeError(f"override {override!r}: {problem}; allowed are {allowed or 'none'}")
