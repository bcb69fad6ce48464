from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trimpi.prefix.sharing import Cluster, share_prefixes


def test_sequences_that_begin_alike_share_all_they_have_in_common() -> None:
    clusters = share_prefixes([[1, 2, 3, 4, 5], [7, 8, 9], [1, 2, 3, 9]], shortest=2)
    assert clusters == [Cluster(members=(0, 2), shared=3), Cluster(members=(1,), shared=0)]


def test_equal_sequences_keep_a_token_of_their_own() -> None:
    assert share_prefixes([[1, 2, 3], [1, 2, 3]], shortest=2) == [Cluster(members=(0, 1), shared=2)]


def test_a_prefix_that_is_too_short_is_not_shared() -> None:
    sequences = [[1, 2, 3], [1, 2, 4]]
    assert share_prefixes(sequences, shortest=3) == [Cluster(members=(0,), shared=0), Cluster(members=(1,), shared=0)]


def test_of_a_policy_and_its_requests_the_one_that_saves_more_is_shared() -> None:
    """Two requests of two completions: 3 x 10 tokens of policy, or 2 x (10 + length) of policy and request."""
    policy = list(range(10))

    def requests(length: int) -> list[list[int]]:
        return [[*policy, *[100 + request] * length, completion] for request in (0, 1) for completion in (50, 51)]

    assert share_prefixes(requests(4), shortest=2) == [Cluster(members=(0, 1, 2, 3), shared=10)]
    assert share_prefixes(requests(6), shortest=2) == [
        Cluster(members=(0, 1), shared=16),
        Cluster(members=(2, 3), shared=16),
    ]


def partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, *others = items
    for partition in partitions(others):
        yield [[first], *partition]
        for place, part in enumerate(partition):
            yield [*partition[:place], [first, *part], *partition[place + 1 :]]


def shareable(sequences: Sequence[Sequence[int]], part: Sequence[int]) -> int:
    members = [sequences[number] for number in part]
    common = takewhile(lambda tokens: len(set(tokens)) == 1, zip(*members, strict=False))
    return min(len(list(common)), min(map(len, members)) - 1)


@settings(max_examples=60, deadline=None)
@example([[1, 0, 0], [1, 0, 1], [1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]])  # a sequence that others begin with
@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), min_size=1, max_size=5))
def test_no_other_way_to_share_saves_more(sequences: list[list[int]]) -> None:
    clusters = share_prefixes(sequences, shortest=2)
    assert sorted(number for cluster in clusters for number in cluster.members) == list(range(len(sequences)))
    for cluster in clusters:
        assert cluster.shared == (0 if len(cluster.members) == 1 else shareable(sequences, cluster.members))
    saved = [
        sum(shareable(sequences, part) * (len(part) - 1) for part in partition)
        for partition in partitions(range(len(sequences)))
        if all(len(part) == 1 or shareable(sequences, part) >= 2 for part in partition)
    ]
    assert sum(cluster.shared * (len(cluster.members) - 1) for cluster in clusters) == max(saved)
