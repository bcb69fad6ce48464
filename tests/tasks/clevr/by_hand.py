"""Scenes and a tree by hand: objects named by their attributes, no picture behind them."""

from __future__ import annotations

from pathlib import Path

from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.clevr.tree import Decision, Leaf


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


def make_tree() -> Decision:
    """Cyan? then small among the cyan; else a cube?"""
    small = Decision(
        id="1.1",
        attribute="size",
        value="small",
        within={"color": "cyan"},
        yes=Leaf(response="Case 1"),
        no=Leaf(response="Case 2"),
    )
    cube = Decision(
        id="1.2", attribute="shape", value="cube", within={}, yes=Leaf(response="Case 3"), no=Leaf(response="Case 4")
    )
    return Decision(id="1", attribute="color", value="cyan", within={}, yes=small, no=cube)
