"""Questions about one scene with answers that have to be looked up: informative answers teach a model to look."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from trimpi.tasks.clevr.ontology import ATTRIBUTES, noun_phrase
from trimpi.tasks.clevr.scene import Scene, SceneObject

QUESTION_WEIGHTS = {"exists": 9, "values": 2, "attribute": 3, "count": 3, "name": 2, "describe": 2}


def ask(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """A question of a random kind, and its answer."""
    kind = rng.choices(list(QUESTION_WEIGHTS), weights=list(QUESTION_WEIGHTS.values()))[0]
    return {
        "exists": ask_exists,
        "values": ask_values,
        "attribute": ask_attribute,
        "count": ask_count,
        "name": ask_name,
        "describe": ask_describe,
    }[kind](rng, scene)


def ask_exists(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """Yes and no equally often; a no is often one attribute away from something that is there."""
    values = _sought(rng, scene, there=rng.random() < 0.5, count=rng.choice((1, 2, 2, 3)))
    return exists_question(values), exists_answer(scene, values)


def exists_question(values: Mapping[str, str]) -> str:
    """The words in which a chain of thought asks, too."""
    return f"Is there a {noun_phrase(values)}?"


def exists_answer(scene: Scene, values: Mapping[str, str]) -> str:
    """Yes, with the first match in canonical order; or no."""
    found = scene.matching(values)
    return f"Yes, a {found[0].description}." if found else "No."


def ask_values(rng: random.Random, scene: Scene) -> tuple[str, str]:
    attribute = rng.choice(list(ATTRIBUTES))
    present = {item.attributes[attribute] for item in scene.objects}
    plural = ["sizes", "colors", "materials", "shapes"][list(ATTRIBUTES).index(attribute)]
    return f"Which {plural} are there?", "There are " + ", ".join(
        v for v in ATTRIBUTES[attribute] if v in present
    ) + "."


def ask_attribute(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """About an object that its description names uniquely; every object has such a description or another is asked."""
    for _ in range(50):
        item, attribute = rng.choice(scene.objects), rng.choice(list(ATTRIBUTES))
        others = {name: value for name, value in item.attributes.items() if name != attribute}
        values = _partial(rng, others, rng.choice((1, 2, 3)))
        if len(scene.matching(values)) == 1:
            return (
                f"What {attribute} is the {noun_phrase(values)}?",
                f"The {noun_phrase(values)} is {item.attributes[attribute]}.",
            )
    return ask_count(rng, scene)


def ask_count(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """The answer names what it counts, then says how many. One in eight is about nothing that is there."""
    if rng.random() < 0.125:
        values = _sought(rng, scene, there=False, count=rng.choice((1, 2)))
    else:
        values = _sought(rng, scene, there=True, count=rng.choice((0, 1, 1, 2)))
    found = scene.matching(values)
    named = f"{list_objects(found)} " if found else ""
    return f"How many {noun_phrase(values, plural=True)} are there?", f"{named}There are {len(found)}."


def ask_name(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """Everything of a kind, in canonical order."""
    values = _partial(rng, rng.choice(scene.objects).attributes, 1)
    return f"Name every {noun_phrase(values)}.", list_objects(scene.matching(values))


def ask_describe(rng: random.Random, scene: Scene) -> tuple[str, str]:
    return "Describe the image.", list_objects(scene.matching({}))


SCENE_SKILLS: dict[str, Callable[[random.Random, Scene], tuple[str, str]]] = {
    "exists": ask_exists,
    "attribute": ask_attribute,
    "count": ask_count,
    "describe": ask_describe,
}
"""The kinds of questions that are measured; each gives a question and its answer."""


def list_objects(objects: tuple[SceneObject, ...]) -> str:
    return ", ".join(f"a {item.description}" for item in objects).capitalize() + "."


def _sought(rng: random.Random, scene: Scene, *, there: bool, count: int) -> dict[str, str]:
    """`count` values that some object has; or, one of them changed, that none has."""
    while True:
        values = _partial(rng, rng.choice(scene.objects).attributes, count)
        if not there:
            changed = rng.choice(list(values))
            values[changed] = rng.choice(ATTRIBUTES[changed])
        if bool(scene.matching(values)) == there:
            return values


def _partial(rng: random.Random, attributes: Mapping[str, str], count: int) -> dict[str, str]:
    return {name: attributes[name] for name in rng.sample(list(attributes), count)}
