"""Which of a task's examples a stage trains on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from trimpi.types import Example


def first_per_policy(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The first `limit` examples of every policy, in order; all of them without a limit."""
    taken: Counter[str] = Counter()
    kept = []
    for example in examples:
        if limit is None or taken[example.policy_name] < limit:
            taken[example.policy_name] += 1
            kept.append(example)
    return kept
