from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trimpi.stages.ordering import batched_order, draw_order


@given(st.integers(1, 40), st.integers(0, 120), st.integers(0, 5))
def test_every_pass_sees_every_example_once(count: int, draws: int, seed: int) -> None:
    order = draw_order(count, draws, seed=seed)
    assert len(order) == draws
    for start in range(0, draws - count + 1, count):
        assert sorted(order[start : start + count]) == list(range(count))


@given(st.lists(st.integers(1, 99), min_size=1, max_size=40), st.integers(1, 90), st.integers(1, 8), st.integers(0, 5))
def test_batching_by_length_moves_rows_but_loses_none(
    lengths: list[int], draws: int, batch_size: int, seed: int
) -> None:
    batched = batched_order(lengths, draws, batch_size=batch_size, seed=seed)
    assert Counter(batched) == Counter(draw_order(len(lengths), draws, seed=seed))


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = [1, 9] * 8
    order = batched_order(lengths, 16, batch_size=4, seed=0)
    batches = [{lengths[row] for row in order[start : start + 4]} for start in range(0, 16, 4)]
    assert all(len(batch) == 1 for batch in batches)
    assert batches != sorted(batches, key=min), "batches are not in the order of their length"


def test_the_order_is_a_function_of_the_seed() -> None:
    assert draw_order(9, 18, seed=1) == draw_order(9, 18, seed=1) != draw_order(9, 18, seed=2)
    assert draw_order(9, 9, seed=1) == draw_order(9, 18, seed=1)[:9], (
        "more steps prolong an order, they do not change it"
    )
