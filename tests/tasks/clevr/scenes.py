"""Scenes by hand: objects named by their attributes, no picture behind them."""

from __future__ import annotations

from pathlib import Path

from trimpi.tasks.clevr.scene import Scene, SceneObject


def make_object(description: str) -> SceneObject:
    """From "small cyan rubber cube"."""
    size, color, material, shape = description.split()
    return SceneObject(
        size=size,
        color=color,
        material=material,
        shape=shape,
        position=(0.0, 0.0, 0.0),
        pixel_coords=(10.0, 10.0, 5.0),
        rotation=0.0,
        box=(4, 4, 20, 20),
    )


def make_scene(*descriptions: str) -> Scene:
    return Scene(id="by-hand", image=Path("by-hand.png"), objects=tuple(map(make_object, descriptions)))
