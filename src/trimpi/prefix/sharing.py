"""Which sequences share a prefix, and how much of it: the split that saves the most tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SHORTEST = 16
"""A shared prefix of fewer tokens is not worth a branch."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Sequences (by number) whose first `shared` tokens are the same; `shared` is 0 for a sequence on its own."""

    members: tuple[int, ...]
    shared: int


def share_prefixes(sequences: Sequence[Sequence[int]], *, shortest: int = SHORTEST) -> list[Cluster]:
    """Every sequence in one cluster, so that the tokens not computed twice are as many as possible.

    Sorted, the members of a cluster are neighbours, and what they share is the least that neighbours share; the best
    cut then is a dynamic programme. Last tokens are left out of it: `shared` leaves every sequence one of its own.
    """
    shareable = [list(sequence[:-1]) for sequence in sequences]
    order = sorted(range(len(sequences)), key=lambda number: shareable[number])
    common = [common_length(shareable[one], shareable[other]) for one, other in pairwise(order)]
    saved, start_of = [0], [0]
    for end in range(1, len(order) + 1):
        best, best_start, shared = saved[end - 1], end - 1, 0
        for start in range(end - 2, -1, -1):
            shared = common[start] if start == end - 2 else min(shared, common[start])
            if shared < shortest:
                break
            gain = saved[start] + shared * (end - start - 1)
            if gain > best:
                best, best_start = gain, start
        saved.append(best)
        start_of.append(best_start)
    clusters: list[Cluster] = []
    end = len(order)
    while end:
        start = start_of[end]
        shared = min(common[start : end - 1], default=0)
        clusters.append(Cluster(members=tuple(sorted(order[start:end])), shared=shared))
        end = start
    return sorted(clusters, key=lambda cluster: cluster.members)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """The length of the common prefix."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
