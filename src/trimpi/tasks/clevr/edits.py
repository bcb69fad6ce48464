"""Updates of a decision tree for Policy Override: one condition or one subtree changes, all else stays."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, decisions, leaves, sample_node, walk, with_responses

TOP_LAYERS = 3
"""Conditions are edited in so many layers from the top: further down too few requests come by to count them."""
SUBTREES_SAMPLED = 4
"""New subtrees to choose from, for each of the two below the first condition."""


def condition_edits(tree: Decision, layers: int = TOP_LAYERS) -> list[Decision]:
    """Every tree with another value in one condition of the top `layers`, as sampling could have given it.

    The value is none that the way there answered no to, and none that is asked for below a no. Conditions that narrow
    the objects found by the edited one narrow those of the new value; ids and responses stay.
    """
    return [
        _with_value(tree, decision.id, value, {})
        for decision in decisions(tree)
        if decision.id.count(".") < layers
        for value in _other_values(tree, decision)
    ]


def subtree_edits(tree: Decision, layers: int, rng: random.Random) -> list[Decision]:
    """Trees with a newly sampled subtree below the first condition; `layers` are the whole tree's.

    A new subtree has the responses of the old one, dealt anew, and further ones if it has more leaves. A tree of one
    layer has no subtree: then there are none.
    """
    edited = []
    for _ in range(SUBTREES_SAMPLED):
        if isinstance(tree.yes, Decision):
            edited.append(replace(tree, yes=_resampled(tree, tree.yes, layers - 1, rng)))
        if isinstance(tree.no, Decision):
            edited.append(replace(tree, no=_resampled(tree, tree.no, layers - 1, rng)))
    return [other for other in edited if other != tree]


def pick_edit(tree: Decision, edited: Sequence[Decision], scenes: Sequence[Scene], *, share: float) -> Decision:
    """The edited tree whose answers differ from the tree's for nearest to `share` of the scenes, in [0, 1].

    The first of several; one that changes no answer only where none changes any. Raises ValueError without edits.
    """
    if not edited:
        raise ValueError("there is no edit to choose from")

    before = [walk(tree, scene)[1] for scene in scenes]

    def rank(candidate: Decision) -> tuple[bool, float]:
        changed = sum(walk(candidate, scene)[1] != answer for scene, answer in zip(scenes, before, strict=True))
        return changed == 0, abs(changed / max(len(scenes), 1) - share)

    return min(edited, key=rank)


def _other_values(tree: Decision, decision: Decision) -> list[str]:
    taken = {decision.value} | _answered_no(tree, decision.id).get(decision.attribute, set())
    taken |= {below.value for below in decisions(decision.no) if below.attribute == decision.attribute}
    return [value for value in ATTRIBUTES[decision.attribute] if value not in taken]


def _answered_no(tree: Decision, id: str) -> dict[str, set[str]]:
    """By attribute: the values that whoever reaches a condition has answered no to."""
    ruled_out: dict[str, set[str]] = {}
    for above in decisions(tree):
        if id.startswith(f"{above.id}.2"):
            ruled_out.setdefault(above.attribute, set()).add(above.value)
    return ruled_out


def _with_value(node: Decision, id: str, value: str, within: Mapping[str, str]) -> Decision:
    """The tree with another value in one condition; what its yes-descendants narrow follows."""
    own = value if node.id == id else node.value
    found = {**within, node.attribute: own}
    yes, no = node.yes, node.no
    return replace(
        node,
        value=own,
        within=within,
        yes=_with_value(yes, id, value, found) if isinstance(yes, Decision) else yes,
        no=_with_value(no, id, value, within) if isinstance(no, Decision) else no,
    )


def _resampled(tree: Decision, old: Decision, layers: int, rng: random.Random) -> Decision:
    """A new subtree in the place of `old`."""
    ruled_out = _answered_no(tree, old.id)
    possible = {name: frozenset(values) - ruled_out.get(name, set()) for name, values in ATTRIBUTES.items()}
    fresh = sample_node(rng, old.id, layers, old.within, possible)
    assert isinstance(fresh, Decision)
    responses = [leaf.response for leaf in leaves(old)]
    taken = {leaf.response for leaf in leaves(tree)}
    more = (response for number in count(1) if (response := f"Case {number}") not in taken)
    responses += [next(more) for _ in range(len(list(leaves(fresh))) - len(responses))]
    return with_responses(fresh, iter(rng.sample(responses, len(responses))))
