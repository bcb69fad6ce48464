"""Gold chains of thought: the task's own. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from trimpi.cot.store import CotRecord
from trimpi.errors import DataError
from trimpi.types import Example


def gold_cots(examples: Sequence[Example]) -> list[CotRecord]:
    """The chain of thought of every example. Raises DataError naming the first example that has none."""
    for example in examples:
        if example.cot is None:
            raise DataError(
                f"example {example.id!r} has no gold chain of thought: write it one, or use cot: forward, reverse, or "
                "a .jsonl file"
            )
    return [CotRecord(id=example.id, cot=example.cot or "", answer=example.answer) for example in examples]
