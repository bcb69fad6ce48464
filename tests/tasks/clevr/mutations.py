"""Random trees and scenes, their gold chains, and chains with exactly one planted error: where, and of which kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.clevr.by_hand import make_scene
from trimpi.tasks.clevr.crops import SHOWN_ATTRIBUTES
from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.policy_text import write_cot
from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.clevr.tree import Decision, Leaf, Step, decisions, sample_tree, walk
from trimpi.types import ReasoningError


@dataclass(frozen=True, kw_only=True)
class Case:
    """A policy's tree, the ids whose value is shown (none: variant T), a scene, and the gold path."""

    tree: Decision
    shown: frozenset[str]
    scene: Scene
    steps: Sequence[Step]
    response: str

    @property
    def lines(self) -> list[str]:
        return write_cot(self.steps, self.response, self.shown).splitlines()


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A chain with one error of a kind at a step, and the answer boxed beside it."""

    reasoning: str
    answer: str
    step: int
    error: ReasoningError


def random_object(rng: random.Random) -> SceneObject:
    return make_scene(" ".join(rng.choice(values) for values in ATTRIBUTES.values())).objects[0]


def random_case(rng: random.Random, *, layers: int) -> Case:
    """Half of the cases are of variant M."""
    tree = sample_tree(layers, rng)
    can_show = [decision.id for decision in decisions(tree) if decision.attribute in SHOWN_ATTRIBUTES]
    shown = frozenset(id for id in can_show if rng.random() < 0.6) if rng.random() < 0.5 else frozenset()
    scene = replace(make_scene(), objects=tuple(random_object(rng) for _ in range(rng.randint(2, 7))))
    steps, response = walk(tree, scene)
    return Case(tree=tree, shown=shown, scene=scene, steps=steps, response=response)


def plant(kind: ReasoningError, case: Case, rng: random.Random) -> Planted:
    """One error of that kind at a random step where there can be one."""
    ways = {
        "perception": (flip_verdict, describe_another),
        "recall": (quote_another_value, cite_no_section, name_no_response),
        "branching": (take_other_branch, start_elsewhere, repeat_a_section),
        "format": (break_citation, drop_response, box_another),
    }[kind]
    while True:
        planted = rng.choice(ways)(case, rng)
        if planted is not None:
            return planted


def flip_verdict(case: Case, rng: random.Random) -> Planted:
    """The wrong verdict, then the branch that it demands."""
    at = rng.randrange(len(case.steps))
    step = case.steps[at]
    flipped = replace(step, found=() if step.found else (rng.choice(case.scene.objects),))
    return _along(case, at + 1, [*case.steps[:at], flipped], _child(flipped), "perception", wrong=at)


def describe_another(case: Case, rng: random.Random) -> Planted | None:
    """The right verdict on an object that is not there, or not what is asked for."""
    at = rng.randrange(len(case.steps))
    step, other = case.steps[at], random_object(rng)
    if not step.found or any(other.attributes == item.attributes for item in step.found):
        return None
    steps = [*case.steps[:at], replace(step, found=(other,)), *case.steps[at + 1 :]]
    return Planted(
        reasoning=write_cot(steps, case.response, case.shown), answer=case.response, step=at, error="perception"
    )


def quote_another_value(case: Case, rng: random.Random) -> Planted:
    at = rng.randrange(len(case.steps))
    decision = case.steps[at].decision
    others = [value for value in ATTRIBUTES[decision.attribute] if value != decision.value]
    wrong = replace(case.steps[at], decision=replace(decision, value=rng.choice(others)))
    steps = [*case.steps[:at], wrong, *case.steps[at + 1 :]]
    return Planted(reasoning=write_cot(steps, case.response, case.shown), answer=case.response, step=at, error="recall")


def cite_no_section(case: Case, rng: random.Random) -> Planted:
    at = rng.randrange(len(case.steps))
    id = case.steps[at].decision.id
    wrong = rng.choice((f"{id}.3", "7", "1.2.2.2.2.2.2", id + "0"))
    return _with_line(case, at, case.lines[at].replace(f"Condition {id}:", f"Condition {wrong}:"), "recall")


def name_no_response(case: Case, rng: random.Random) -> Planted:
    return _with_line(case, len(case.steps), f"The response is Case {rng.randint(100, 999)}.", "recall")


def take_other_branch(case: Case, rng: random.Random) -> Planted:
    """A step that goes where the other verdict would have led, and honestly on from there."""
    at = rng.randrange(len(case.steps))
    step = case.steps[at]
    other = step.decision.no if step.found else step.decision.yes
    return _along(case, at + 1, case.steps[: at + 1], other, "branching", wrong=at + 1)


def start_elsewhere(case: Case, rng: random.Random) -> Planted:
    start = rng.choice(list(decisions(case.tree))[1:])
    return _along(case, 0, [], start, "branching", wrong=0)


def repeat_a_section(case: Case, rng: random.Random) -> Planted:
    at = rng.randrange(len(case.steps))
    lines = case.lines
    lines.insert(at, lines[at])
    return Planted(reasoning="\n".join(lines), answer=case.response, step=at + 1, error="branching")


def break_citation(case: Case, rng: random.Random) -> Planted:
    at = rng.randrange(len(case.steps))
    line = case.lines[at]
    broken = (
        line.replace("?", ""),
        line.partition("?")[0] + "?",
        line.replace(":", "", 1),
        f"Condition {line.partition(':')[2]}".replace("Condition ", "Condition: "),
        line.replace("Yes", "Maybe").replace("No.", "Maybe."),
    )
    return _with_line(case, at, rng.choice(broken), "format")


def drop_response(case: Case, rng: random.Random) -> Planted:
    reasoning = "\n".join(case.lines[:-1])
    return Planted(reasoning=reasoning, answer=case.response, step=len(case.steps), error="format")


def box_another(case: Case, rng: random.Random) -> Planted:
    answer = rng.choice(("Case 0", "", f"{case.response}0"))
    return Planted(reasoning="\n".join(case.lines), answer=answer, step=len(case.steps), error="format")


def _along(
    case: Case, at: int, steps: Sequence[Step], node: Decision | Leaf, error: ReasoningError, *, wrong: int
) -> Planted:
    """The chain that begins with `steps` and goes on honestly from `node`."""
    assert len(steps) == at
    rest, response = walk(node, case.scene) if isinstance(node, Decision) else ([], node.response)
    return Planted(reasoning=write_cot([*steps, *rest], response, case.shown), answer=response, step=wrong, error=error)


def _child(step: Step) -> Decision | Leaf:
    return step.decision.yes if step.found else step.decision.no


def _with_line(case: Case, at: int, line: str, error: ReasoningError) -> Planted:
    lines = case.lines
    assert lines[at] != line
    lines[at] = line
    return Planted(reasoning="\n".join(lines), answer=case.response, step=at, error=error)
