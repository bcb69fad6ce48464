"""Scenes without a renderer: sampled as the rendered ones are, each object a square of its own color in a row."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.scene import Scene, SceneObject


def fake_rendered_scenes(
    count: int,
    *,
    seed: int,
    cache_dir: Path,
    min_objects: int,
    max_objects: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Scene]:
    """Stands in for `rendered_scenes`: deterministic by seed, the first scenes the same however many there are."""
    return [
        _make_scene(number, seed, cache_dir / f"fake-seed{seed}", min_objects, max_objects) for number in range(count)
    ]


def _make_scene(number: int, seed: int, folder: Path, least: int, most: int) -> Scene:
    rng = random.Random(f"{seed}-{number}")
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (128, 96), "gray")
    objects = []
    for place in range(rng.randint(least, most)):
        values = {name: rng.choice(options) for name, options in ATTRIBUTES.items()}
        box = (4 + 31 * place, 30, 31 + 31 * place, 60)
        ImageDraw.Draw(image).rectangle(box, fill=values["color"])
        objects.append(
            SceneObject(**values, position=(0.0, 0.0, 0.0), pixel_coords=(18.0, 45.0, 9.0), rotation=0.0, box=box)
        )
    path = folder / f"{number}.png"
    image.save(path)
    return Scene(id=f"fake/{number}", image=path, objects=tuple(objects))
