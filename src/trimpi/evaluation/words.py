"""Words of a text, as retrieval and the measure of leakage compare them. Torch-free."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+(?:[.'’-]\w+)*")


def words_of(text: str) -> list[str]:
    """In order, without case and punctuation; "1.1", "don't" and "L3-Surinu" are a word each."""
    return WORD.findall(text.casefold())
