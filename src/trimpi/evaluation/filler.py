"""Requests made longer with text that asks for nothing. Torch-free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trimpi.types import Example

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer

SENTENCES = (
    "The days are long and the weather is calm.",
    "A road goes past the house and down to the river.",
    "People come and go, and most of them walk.",
    "Some of the trees are old and some are young.",
)
FEWEST_WORDS = 9
"""In a sentence; a word has at least one token."""


def lengthened(example: Example, tokens: int, renderer: Renderer) -> Example:
    """The request with about so many tokens of neutral text behind it; the same request for none."""
    if tokens == 0:
        return example
    text = " ".join(SENTENCES[number % len(SENTENCES)] for number in range(tokens // FEWEST_WORDS + 1))
    kept = renderer.decode(renderer.response_ids(text)[:tokens])
    return replace(example, prompt=f"{example.prompt}\n{kept}")
