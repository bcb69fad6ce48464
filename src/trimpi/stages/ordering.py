"""The order examples are seen in: a pure function of their number and the seed, so a resumed stage sees the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

WINDOW_BATCHES = 16
"""Batches whose rows are sorted by length together: enough to save most padding, few enough to keep them mixed."""


def draw_order(count: int, draws: int, *, seed: int) -> list[int]:
    """`draws` indices below `count`: shuffled pass after shuffled pass, the last one cut."""
    generator = random.Random(seed)
    order: list[int] = []
    while len(order) < draws:
        order += generator.sample(range(count), count)
    return order[:draws]


def batched_order(lengths: Sequence[int], draws: int, *, batch_size: int, seed: int) -> list[int]:
    """Like `draw_order` over `len(lengths)` rows, with rows of like length in the same batch of `batch_size`.

    Within windows of WINDOW_BATCHES batches rows are sorted by length, cut into batches, and the batches shuffled. Only
    the last batch may be smaller.
    """
    order = draw_order(len(lengths), draws, seed=seed)
    generator = random.Random(seed + 1)
    window = WINDOW_BATCHES * batch_size
    arranged: list[int] = []
    for start in range(0, len(order), window):
        rows = sorted(order[start : start + window], key=lambda row: lengths[row])
        whole = len(rows) - len(rows) % batch_size
        # What does not fill a batch is drawn from anywhere in the window, so that it is not always the longest rows.
        rest = set(generator.sample(range(len(rows)), len(rows) - whole))
        kept = [row for position, row in enumerate(rows) if position not in rest]
        batches = [kept[first : first + batch_size] for first in range(0, whole, batch_size)]
        generator.shuffle(batches)
        arranged += [row for batch in batches for row in batch]
        arranged += [rows[position] for position in sorted(rest)]
    return arranged
