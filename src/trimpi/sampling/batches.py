"""Which rows to sample together. Pure, torch-free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from trimpi.rendering.prompts import Prompt

Batch = list[list[int]]
"""Row indices by prompt: every inner list holds the rows of one prompt, and all are of one length."""

IMAGE_LENGTH = 200
"""What an image weighs against characters when prompts are sorted by length."""


LONGEST_TO_SHORTEST = 1.5
"""How much longer the longest prompt of a batch may be. Every step of a batch attends to its longest prompt."""


def plan_batches(prompts: Sequence[Prompt], *, batch_size: int) -> list[Batch]:
    """Every row once, at most `batch_size` rows a batch.

    Rows of the same prompt stay together, so that it is encoded once; prompts of like length share a batch, so that
    little is padded: policy-free and policy-aware prompts seldom meet.
    """
    rows_of: dict[Prompt, list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        rows_of[prompt].append(row)
    by_count: dict[int, list[list[int]]] = defaultdict(list)
    for rows in rows_of.values():
        for start in range(0, len(rows), batch_size):
            chunk = rows[start : start + batch_size]
            by_count[len(chunk)].append(chunk)
    batches: list[Batch] = []
    for count, chunks in by_count.items():
        lengths = {chunk[0]: prompt_length(prompts[chunk[0]]) for chunk in chunks}
        chunks.sort(key=lambda chunk: (lengths[chunk[0]], chunk[0]))
        per_batch = max(1, batch_size // count)
        batch: Batch = []
        for chunk in chunks:
            if len(batch) == per_batch or (batch and lengths[chunk[0]] > LONGEST_TO_SHORTEST * lengths[batch[0][0]]):
                batches.append(batch)
                batch = []
            batch.append(chunk)
        batches.append(batch)
    return batches


def prompt_length(prompt: Prompt) -> int:
    """A length to sort by that needs no tokeniser: characters, and IMAGE_LENGTH for each image."""
    texts = (part for message in prompt.messages for part in message.parts if isinstance(part, str))
    return sum(map(len, texts)) + IMAGE_LENGTH * len(prompt.images)
