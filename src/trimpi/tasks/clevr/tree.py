"""Binary decision trees over scenes: sampled with the true-edge rule, walked for gold answers (paper, ClevrPolicy)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.scene import Scene, SceneObject

MAX_LAYERS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A response, unique in its tree."""

    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Is one of the objects that are `within` (all objects, when empty) also `attribute` = `value`?

    `id` is dotted: a yes-child appends ".1", a no-child ".2". `within` holds the conditions of the true-edge ancestors.
    """

    id: str
    attribute: str
    value: str
    within: Mapping[str, str]
    yes: Decision | Leaf
    no: Decision | Leaf

    @property
    def sought(self) -> dict[str, str]:
        """All attribute values that the object looked for must have."""
        return {**self.within, self.attribute: self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decision taken on one scene, with the objects that answer it yes (canonical order; empty means no)."""

    decision: Decision
    found: tuple[SceneObject, ...]


def sample_tree(layers: int, rng: random.Random) -> Decision:
    """A tree of `layers` layers of decisions; a branch ends early when no type is left.

    Along true edges a type is used once (the objects looked at are narrowed). A value that was answered no is not asked
    again below, and a type with one value left is asked only when nothing else is: its answer is known to be yes.
    """
    if not 1 <= layers <= MAX_LAYERS:
        raise ValueError(f"layers must be 1..{MAX_LAYERS}, got {layers}")
    skeleton = sample_node(rng, "1", layers, {}, {name: frozenset(values) for name, values in ATTRIBUTES.items()})
    assert isinstance(skeleton, Decision)
    numbers = list(range(1, len(list(leaves(skeleton))) + 1))
    rng.shuffle(numbers)
    return with_responses(skeleton, (f"Case {number}" for number in numbers))


def decisions(node: Decision | Leaf) -> Iterator[Decision]:
    """Every decision of the tree, parents first, yes before no: the order of the policy's sections."""
    if isinstance(node, Decision):
        yield node
        yield from decisions(node.yes)
        yield from decisions(node.no)


def leaves(node: Decision | Leaf) -> Iterator[Leaf]:
    """Every leaf of the tree, from all-yes to all-no."""
    if isinstance(node, Decision):
        yield from leaves(node.yes)
        yield from leaves(node.no)
    else:
        yield node


def walk(tree: Decision, scene: Scene) -> tuple[list[Step], str]:
    """The decisions a scene passes through, and the gold response it ends in."""
    steps: list[Step] = []
    node: Decision | Leaf = tree
    while isinstance(node, Decision):
        found = scene.matching(node.sought)
        steps.append(Step(decision=node, found=found))
        node = node.yes if found else node.no
    return steps, node.response


def sample_node(
    rng: random.Random, id: str, layers: int, within: Mapping[str, str], possible: Mapping[str, frozenset[str]]
) -> Decision | Leaf:
    """A tree below some conditions: `within` of those answered yes, `possible` values left by those answered no.

    Its leaves have no responses yet.
    """
    unused = [name for name in ATTRIBUTES if name not in within and possible[name]]
    if layers == 0 or not unused:
        return Leaf(response="")
    attribute = rng.choice([name for name in unused if len(possible[name]) > 1] or unused)
    value = rng.choice([value for value in ATTRIBUTES[attribute] if value in possible[attribute]])
    without = {**possible, attribute: possible[attribute] - {value}}
    return Decision(
        id=id,
        attribute=attribute,
        value=value,
        within=within,
        yes=sample_node(rng, f"{id}.1", layers - 1, {**within, attribute: value}, possible),
        no=sample_node(rng, f"{id}.2", layers - 1, within, without),
    )


def with_responses(node: Decision, responses: Iterator[str]) -> Decision:
    """The tree with these responses in its leaves, from all-yes to all-no."""

    def fill(node: Decision | Leaf) -> Decision | Leaf:
        if isinstance(node, Leaf):
            return Leaf(response=next(responses))
        yes = fill(node.yes)
        return Decision(
            id=node.id, attribute=node.attribute, value=node.value, within=node.within, yes=yes, no=fill(node.no)
        )

    tree = fill(node)
    assert isinstance(tree, Decision)
    return tree
