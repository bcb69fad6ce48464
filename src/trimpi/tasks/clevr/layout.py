"""Where objects stand in our own scenes: sampled so that everything named in the ground truth can be seen."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from trimpi.tasks.clevr.ontology import ATTRIBUTES

RADIUS = {"large": 0.75, "small": 0.42}
"""Half the extent of an object, in scene units."""
GAP = 0.3
"""Least distance between the outlines of two objects on the ground, in scene units."""
FLOOR_X, FLOOR_Y = (-2.1, 2.1), (-1.6, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An object on the floor: attributes, centre on the ground in scene units, rotation in degrees."""

    shape: str
    color: str
    size: str
    material: str
    x: float
    y: float
    rotation: float

    @property
    def radius(self) -> float:
        return RADIUS[self.size]

    @property
    def height(self) -> float:
        """Height of the centre above the floor; cubes have the width that makes their diagonal the diameter."""
        return self.radius / math.sqrt(2) if self.shape == "cube" else self.radius


def sample_layout(rng: random.Random, *, min_objects: int, max_objects: int) -> tuple[Placed, ...]:
    """Attributes uniform and independent; positions by rejection until no two objects are too close."""
    while True:
        placed: list[Placed] = []
        count = rng.randint(min_objects, max_objects)
        for _ in range(100):
            candidate = _sample_object(rng)
            if all(
                math.hypot(candidate.x - o.x, candidate.y - o.y) > candidate.radius + o.radius + GAP for o in placed
            ):
                placed.append(candidate)
            if len(placed) == count:
                return tuple(placed)


def _sample_object(rng: random.Random) -> Placed:
    attributes = {name: rng.choice(values) for name, values in ATTRIBUTES.items()}
    return Placed(**attributes, x=rng.uniform(*FLOOR_X), y=rng.uniform(*FLOOR_Y), rotation=rng.uniform(0, 360))
