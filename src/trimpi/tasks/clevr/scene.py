"""A scene: an image and what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimpi.tasks.clevr.ontology import ATTRIBUTES, noun_phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """One object. `pixel_coords`: (x, y, depth) of its centre; `box`: its visible extent (x0, y0, x1, y1) in pixels."""

    shape: str
    color: str
    size: str
    material: str
    position: tuple[float, float, float]
    pixel_coords: tuple[float, float, float]
    rotation: float
    box: tuple[int, int, int, int]

    @property
    def attributes(self) -> dict[str, str]:
        return {"size": self.size, "color": self.color, "material": self.material, "shape": self.shape}

    @property
    def description(self) -> str:
        """All four attributes: "small cyan rubber cube"."""
        return noun_phrase(self.attributes)

    def has(self, values: Mapping[str, str]) -> bool:
        mine = self.attributes
        return all(mine[name] == value for name, value in values.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An image with its objects; `id` is unique within its source."""

    id: str
    image: Path
    objects: tuple[SceneObject, ...]

    def matching(self, values: Mapping[str, str]) -> tuple[SceneObject, ...]:
        """The objects that have all these attribute values, in canonical order (by attributes, never by place)."""
        return tuple(sorted((item for item in self.objects if item.has(values)), key=canonical_order))


def canonical_order(item: SceneObject) -> tuple[int, ...]:
    """The order in which a set of objects is listed: size, color, material, shape, each as in the ontology."""
    return tuple(values.index(item.attributes[name]) for name, values in ATTRIBUTES.items())
