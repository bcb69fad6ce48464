"""Decision trees: the true-edge rule, unique responses, gold answers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.clevr.by_hand import make_scene, make_tree
from trimpi.tasks.clevr.tree import Decision, Leaf, decisions, leaves, sample_tree, walk

LEAVES = {1: 2, 2: 4, 3: 8, 4: 16, 5: 31, 6: 55}
"""Unique responses by layers; the paper reports 4, 16 and 55 for 2, 4 and 6."""


@pytest.mark.parametrize(("layers", "count"), LEAVES.items())
def test_number_of_responses_is_the_papers(layers: int, count: int) -> None:
    for seed in range(10):
        assert len(list(leaves(sample_tree(layers, random.Random(seed))))) == count


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_a_type_is_used_once_along_true_edges(layers: int, seed: int) -> None:
    for decision in decisions(sample_tree(layers, random.Random(seed))):
        assert decision.attribute not in decision.within
        if isinstance(decision.yes, Decision):
            assert decision.yes.within == decision.sought
        if isinstance(decision.no, Decision):
            assert decision.no.within == decision.within


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_no_condition_is_asked_again_below_its_no(layers: int, seed: int) -> None:
    def check(node: Decision | Leaf, refused: frozenset[tuple[str, str]]) -> None:
        if isinstance(node, Decision):
            asked = (node.attribute, node.value)
            assert asked not in refused
            check(node.yes, refused)
            check(node.no, refused | {asked})

    check(sample_tree(layers, random.Random(seed)), frozenset())


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_responses_and_ids_are_unique(layers: int, seed: int) -> None:
    tree = sample_tree(layers, random.Random(seed))
    responses = [leaf.response for leaf in leaves(tree)]
    assert sorted(responses, key=lambda r: int(r.split()[1])) == [f"Case {n + 1}" for n in range(len(responses))]
    ids = [decision.id for decision in decisions(tree)]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "1"


@pytest.mark.parametrize(
    ("objects", "response", "visited"),
    [
        (["small cyan rubber cube"], "Case 1", ["1", "1.1"]),
        (["large cyan rubber cube", "small red metal cube"], "Case 2", ["1", "1.1"]),
        (["large red rubber cube"], "Case 3", ["1", "1.2"]),
        (["small red rubber sphere"], "Case 4", ["1", "1.2"]),
    ],
)
def test_a_walk_ends_in_the_gold_response(objects: list[str], response: str, visited: list[str]) -> None:
    steps, reached = walk(make_tree(), make_scene(*objects))
    assert reached == response
    assert [step.decision.id for step in steps] == visited


def test_more_layers_than_six_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.\.6"):
        sample_tree(7, random.Random(0))
