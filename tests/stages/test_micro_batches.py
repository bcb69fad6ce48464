from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimpi.stages.micro_batches import Lengths, MicroBatch, cut_points, micro_batches


def lengths(*rows: tuple[int, int]) -> Lengths:
    """Of (prompt, completion)."""
    return Lengths(prompts=[prompt for prompt, _ in rows], completions=[completion for _, completion in rows])


def rows(parts: Sequence[MicroBatch]) -> list[tuple[int, int]]:
    return [(part.rows.start, part.rows.stop) for part in parts]


ONE = lengths((10, 1), (10, 5), (20, 2), (20, 2), (10, 3), (10, 3))
"""Three groups of two: 10 + 6, 20 + 4 and 10 + 6 tokens with shared prompts and a token more for every row."""


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (1, [(0, 2), (2, 4), (4, 6)]),
        (18 + 26 - 1, [(0, 2), (2, 4), (4, 6)]),
        (18 + 26, [(0, 4), (4, 6)]),
        (18 + 26 + 18 - 1, [(0, 4), (4, 6)]),
        (18 + 26 + 18, [(0, 6)]),
    ],
)
def test_shared_prompts_count_once(budget: int, expected: list[tuple[int, int]]) -> None:
    assert rows(micro_batches([ONE], [0, 2, 4, 6], process=0, budget=budget, shared=True)) == expected


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (4 * 23 - 1, [(0, 2), (2, 4), (4, 6)]),
        (4 * 25 - 1, [(0, 2), (2, 6)]),
        (4 * 25, [(0, 4), (4, 6)]),
        (6 * 25, [(0, 6)]),
    ],
)
def test_without_sharing_every_row_is_as_long_as_the_longest(budget: int, expected: list[tuple[int, int]]) -> None:
    assert rows(micro_batches([ONE], [0, 2, 4, 6], process=0, budget=budget, shared=False)) == expected


def test_the_longest_process_decides_for_all() -> None:
    short, long = lengths((1, 1), (1, 1)), lengths((9, 1), (9, 1))
    for process in (0, 1):
        assert rows(micro_batches([short, long], [0, 1, 2], process=process, budget=12, shared=True)) == [
            (0, 1),
            (1, 2),
        ]
    assert rows(micro_batches([short, short], [0, 1, 2], process=0, budget=12, shared=True)) == [(0, 2)]


def test_shares_are_of_rows_and_of_completion_tokens_here_and_everywhere() -> None:
    here, there = lengths((5, 1), (5, 3), (5, 4)), lengths((5, 2), (5, 0), (5, 6))
    first, second = micro_batches([here, there], [0, 2, 3], process=0, budget=1, shared=True)
    assert first == MicroBatch(rows=slice(0, 2), share_of_rows=2 / 3, share_of_tokens=4 / 8, share_everywhere=6 / 16)
    assert second == MicroBatch(rows=slice(2, 3), share_of_rows=1 / 3, share_of_tokens=4 / 8, share_everywhere=10 / 16)


def test_a_batch_without_a_token_has_no_share_of_any() -> None:
    (part,) = micro_batches([lengths((5, 0))], [0, 1], process=0, budget=1, shared=False)
    assert (part.share_of_tokens, part.share_everywhere) == (0, 0)


def test_groups_that_divide_among_processes_are_never_cut() -> None:
    assert cut_points(8, group_size=4, per_process=8, processes=3) == [0, 4, 8]


def test_where_a_group_lies_on_two_processes_all_cut_alike() -> None:
    """Six rows each: one process holds 4 + 2 rows of two groups, the other 2 + 4."""
    assert cut_points(6, group_size=4, per_process=6, processes=2) == [0, 2, 4, 6]


def test_the_first_rows_of_a_batch_are_cut_as_in_the_batch() -> None:
    assert cut_points(4, group_size=4, per_process=8, processes=1) == [0, 4]


ROWS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=4, max_size=4)


@settings(max_examples=40, deadline=None)
@given(first=ROWS, second=ROWS, budget=st.integers(1, 200), shared=st.booleans())
def test_every_row_is_in_one_part_and_no_part_could_take_the_next_group(
    first: list[tuple[int, int]], second: list[tuple[int, int]], budget: int, shared: bool
) -> None:
    everywhere = [lengths(*first), lengths(*second)]
    parts = micro_batches(everywhere, [0, 2, 4], process=1, budget=budget, shared=shared)
    assert rows(parts) in ([(0, 4)], [(0, 2), (2, 4)])
    assert sum(part.share_of_rows for part in parts) == pytest.approx(1)
    assert sum(part.share_everywhere for part in parts) == pytest.approx(1)
    if shared:
        largest = max(rows[0][0] + rows[2][0] + sum(length + 1 for _, length in rows) for rows in (first, second))
    else:
        largest = max(
            4 * (max(length for length, _ in rows) + max(length for _, length in rows)) for rows in (first, second)
        )
    assert (len(parts) == 1) == (largest <= budget)
