"""Edits of a tree: by hand on the small tree, as properties on sampled ones."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tasks.clevr.by_hand import make_scene, make_tree
from trimpi.tasks.clevr.edits import SUBTREES_SAMPLED, condition_edits, pick_edit, subtree_edits
from trimpi.tasks.clevr.tree import Decision, Leaf, decisions, leaves, sample_tree, walk

SEEDS = range(12)
CYAN_SMALL, CYAN_LARGE = make_scene("small cyan rubber cube"), make_scene("large cyan rubber cube")
RED_CUBE, RED_SPHERE = make_scene("large red metal cube"), make_scene("large red metal sphere")


def conditions(tree: Decision) -> dict[str, tuple[str, str]]:
    return {decision.id: (decision.attribute, decision.value) for decision in decisions(tree)}


def test_every_edit_changes_one_condition() -> None:
    """Seven other colors for the first, one other size, two other shapes."""
    tree = make_tree()
    edited = condition_edits(tree)
    changes = [{id: new for id, new in conditions(other).items() if new != conditions(tree)[id]} for other in edited]
    assert all(len(change) == 1 for change in changes)
    assert [next(iter(change)) for change in changes] == ["1"] * 7 + ["1.1"] + ["1.2"] * 2
    assert {value for change in changes[-2:] for _, value in change.values()} == {"sphere", "cylinder"}
    assert [leaf.response for other in edited for leaf in leaves(other)] == [
        "Case 1",
        "Case 2",
        "Case 3",
        "Case 4",
    ] * 10


def test_what_narrows_the_objects_found_follows_the_edit() -> None:
    red = next(tree for tree in condition_edits(make_tree()) if tree.value == "red")
    assert isinstance(red.yes, Decision) and isinstance(red.no, Decision)
    assert (red.yes.within, red.no.within) == ({"color": "red"}, {})


def test_a_value_answered_no_above_or_asked_for_below_is_not_taken() -> None:
    below = Decision(id="1.2", attribute="color", value="red", within={}, yes=Leaf(response="B"), no=Leaf(response="C"))
    tree = Decision(id="1", attribute="color", value="cyan", within={}, yes=Leaf(response="A"), no=below)
    values = [conditions(edited) for edited in condition_edits(tree)]
    assert len(values) == 12
    assert all(len({value for _, value in edited.values()}) == 2 for edited in values)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_requests_that_visit_the_edited_condition_get_another_answer(seed: int) -> None:
    rng = random.Random(seed)
    tree = sample_tree(3, rng)
    scenes = [CYAN_SMALL, CYAN_LARGE, RED_CUBE, RED_SPHERE, make_scene("small gray metal cylinder")]
    for edited in condition_edits(tree):
        (id,) = (id for id, condition in conditions(edited).items() if conditions(tree)[id] != condition)
        for scene in scenes:
            steps, answer = walk(tree, scene)
            if id not in [step.decision.id for step in steps]:
                assert walk(edited, scene)[1] == answer


@pytest.mark.parametrize("seed", SEEDS)
def test_edited_trees_keep_the_rules_of_sampled_ones(seed: int) -> None:
    rng = random.Random(seed)
    tree = sample_tree(4, rng)
    for edited in [*condition_edits(tree), *subtree_edits(tree, 4, rng)]:
        responses = [leaf.response for leaf in leaves(edited)]
        assert len(set(responses)) == len(responses)
        for decision in decisions(edited):
            above = [other for other in decisions(edited) if decision.id.startswith(f"{other.id}.")]
            yes = {other.attribute: other.value for other in above if decision.id.startswith(f"{other.id}.1")}
            no = {(other.attribute, other.value) for other in above if decision.id.startswith(f"{other.id}.2")}
            assert decision.within == yes and decision.attribute not in yes
            assert (decision.attribute, decision.value) not in no
            assert [len(a.id) < len(b.id) for a, b in pairwise(above)] == [True] * max(len(above) - 1, 0)


def test_a_subtree_edit_leaves_the_other_subtree_and_the_first_condition() -> None:
    tree = sample_tree(3, random.Random(1))
    edited = subtree_edits(tree, 3, random.Random(2))
    assert len(edited) == 2 * SUBTREES_SAMPLED
    for other in edited[::2]:
        assert (other.sought, other.no) == (tree.sought, tree.no) and other.yes != tree.yes
    for other in edited[1::2]:
        assert (other.sought, other.yes) == (tree.sought, tree.yes) and other.no != tree.no


def test_a_tree_of_one_layer_has_no_subtree_to_edit() -> None:
    assert subtree_edits(sample_tree(1, random.Random(0)), 1, random.Random(0)) == []


def test_the_edit_nearest_to_the_share_is_picked() -> None:
    """Of four scenes: large for small changes both cyan ones, sphere for cube both red ones, cylinder the red cube."""
    scenes = [CYAN_SMALL, CYAN_LARGE, RED_CUBE, RED_SPHERE]
    edited = [tree for tree in condition_edits(make_tree()) if tree.value == "cyan"]
    assert conditions(pick_edit(make_tree(), edited, scenes, share=0.25))["1.2"] == ("shape", "cylinder")
    assert conditions(pick_edit(make_tree(), edited, scenes, share=0.5))["1.1"] == ("size", "large")


def test_an_edit_that_changes_something_is_picked_before_one_that_does_not() -> None:
    edited = condition_edits(make_tree())
    picked = pick_edit(make_tree(), edited, [RED_SPHERE], share=0.0)
    assert walk(picked, RED_SPHERE)[1] != walk(make_tree(), RED_SPHERE)[1]
    with pytest.raises(ValueError, match="no edit"):
        pick_edit(make_tree(), [], [], share=0.5)
