"""How a batch of groups is cut into forward passes that fit in memory, the same way on every process. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens of one process's rows, row by row."""

    prompts: Sequence[int]
    completions: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """Consecutive rows of a batch, and how much of the batch they are.

    `share_of_rows` and `share_of_tokens` are of this process's batch, `share_everywhere` of the tokens of all
    processes; tokens are those of completions.
    """

    rows: slice
    share_of_rows: float
    share_of_tokens: float
    share_everywhere: float


def cut_points(rows: int, *, group_size: int, per_process: int, processes: int) -> list[int]:
    """Where a process's first `rows` rows may be cut: wherever on any process a group ends, and at both ends.

    All processes must cut alike, as they compute together. Where groups divide among processes no group is cut; where
    one lies on two processes, so do its rows here.
    """
    begins = {process * per_process % group_size for process in range(processes)}
    inner = [row for row in range(1, rows) if any((begin + row) % group_size == 0 for begin in begins)]
    return [0, *inner, rows]


def micro_batches(
    everywhere: Sequence[Lengths], cuts: Sequence[int], *, process: int, budget: int, shared: bool
) -> list[MicroBatch]:
    """The fewest cuts at which no process computes more than `budget` tokens at once, or one group where it has more.

    `shared`: prompts are computed once for all rows of a group; else every row is padded to the longest.
    """
    tokens = _shared_tokens if shared else _padded_tokens
    bounds = [0]
    for before, end in pairwise(cuts):
        if before > bounds[-1] and any(tokens(lengths, cuts, bounds[-1], end) > budget for lengths in everywhere):
            bounds.append(before)
    bounds.append(cuts[-1])
    return [_micro_batch(everywhere, slice(start, end), process) for start, end in pairwise(bounds)]


def _shared_tokens(lengths: Lengths, cuts: Sequence[int], start: int, end: int) -> int:
    """Every branch begins with the prompt's last token again."""
    prompts = sum(lengths.prompts[cut] for cut in cuts if start <= cut < end)
    return prompts + sum(lengths.completions[start:end]) + end - start


def _padded_tokens(lengths: Lengths, cuts: Sequence[int], start: int, end: int) -> int:
    return (end - start) * (max(lengths.prompts[start:end]) + max(lengths.completions[start:end]))


def _micro_batch(everywhere: Sequence[Lengths], rows: slice, process: int) -> MicroBatch:
    own = everywhere[process].completions
    return MicroBatch(
        rows=rows,
        share_of_rows=len(own[rows]) / len(own),
        share_of_tokens=_share(sum(own[rows]), sum(own)),
        share_everywhere=_share(
            sum(sum(lengths.completions[rows]) for lengths in everywhere),
            sum(sum(lengths.completions) for lengths in everywhere),
        ),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
