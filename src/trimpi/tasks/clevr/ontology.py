"""CLEVR's ontology and the few phrases everything about it is said with."""

from __future__ import annotations

from collections.abc import Mapping

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "size": ("large", "small"),
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder"),
}
"""Attribute types and their values, in the order in which a noun phrase names them."""


def noun_phrase(values: Mapping[str, str], *, plural: bool = False) -> str:
    """{"color": "cyan", "size": "small"} -> "small cyan object"; a shape stands for the noun."""
    noun = values.get("shape", "object") + ("s" if plural else "")
    return " ".join([*(values[name] for name in ATTRIBUTES if name in values and name != "shape"), noun])


def predicate(attribute: str, value: str) -> str:
    """What follows "is": "cyan", "small", "metal", "a cube"."""
    return f"a {value}" if attribute == "shape" else value
