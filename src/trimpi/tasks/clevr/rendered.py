"""Our own CLEVR-style scenes: sampled, checked to be visible, rendered in parallel, cached, deterministic by seed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from trimpi.tasks.clevr.layout import Placed, sample_layout
from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.picture_files import save_picture
from trimpi.whole_files import written_whole

MIN_VISIBLE_SHARE = 0.7
"""Least share of an object's silhouette that must not be hidden behind others."""
MIN_VISIBLE_PIXELS = 40
BORDER = 1
"""Pixels that must lie between an object and the edge of the picture."""
SHARD = 32
"""Scenes per metadata file: the unit of caching."""
FORMAT = 1
"""Part of the cache key: changes whenever the pictures do."""

TAUGHT_SEED, FORGETTING_SEED = 1, 7919
"""The scenes that the embedded base learned from, and those that the suite `forgetting` asks about."""
APART = 1_000_000
"""Between a data seed that is one of these and the seed of its scenes."""

Progress = Callable[[int, int], None]
"""Called with (scenes done, scenes asked for)."""


def scene_seed(data_seed: int) -> int:
    """The seed of a task's scenes: the data's, kept apart from scenes that have another use."""
    return data_seed + APART if data_seed in (TAUGHT_SEED, FORGETTING_SEED) else data_seed


def rendered_scenes(
    count: int,
    *,
    seed: int,
    cache_dir: Path,
    min_objects: int = 3,
    max_objects: int = 6,
    masks: bool = False,
    progress: Progress | None = None,
) -> list[Scene]:
    """Scenes number 0..count-1 of a seed; what is on disk is not rendered again.

    With `masks`, a PNG beside each picture holds the number (from 1) of the object seen at each pixel: see `mask_path`.
    """
    folder = cache_dir / f"scenes-v{FORMAT}-seed{seed}-{min_objects}to{max_objects}{'-masks' if masks else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, SHARD)
    jobs = [
        {"folder": folder, "start": start, "seed": seed, "objects": (min_objects, max_objects), "masks": masks}
        for start in starts
        if not _shard_file(folder, start).exists()
    ]
    done = count - min(count, len(jobs) * SHARD)
    for _ in _in_parallel(jobs):
        done = min(count, done + SHARD)
        if progress:
            progress(done, count)
    scenes = [scene for start in starts for scene in _read_shard(folder, start)]
    return scenes[:count]


def mask_path(scene: Scene) -> Path:
    """Where the object mask of a scene rendered with `masks` lies."""
    return scene.image.with_name(scene.image.stem + "_mask.png")


def _in_parallel(jobs: Sequence[dict[str, Any]]) -> Iterator[None]:
    """One process per core, each rendering on one thread: pictures are small, so threads inside one would wait."""
    workers = min(len(jobs), os.cpu_count() or 1)
    if workers <= 1:
        yield from map(_render_shard, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_use_one_thread) as pool:
        yield from pool.imap_unordered(_render_shard, jobs)


def _use_one_thread() -> None:
    import drjit

    drjit.set_thread_count(1)


def _render_shard(job: dict[str, Any]) -> None:
    folder, start = job["folder"], job["start"]
    records = [
        _render_scene(folder, index, job["seed"], job["objects"], job["masks"]) for index in range(start, start + SHARD)
    ]
    with written_whole(_shard_file(folder, start)) as partial:
        partial.write_text(json.dumps(records))


def _render_scene(folder: Path, index: int, seed: int, objects: tuple[int, int], masks: bool) -> dict[str, Any]:
    from trimpi.tasks.clevr import raytrace

    rng = random.Random(f"{seed}-{index}")
    while True:
        layout = sample_layout(rng, min_objects=objects[0], max_objects=objects[1])
        visible, alone = raytrace.object_masks(layout)
        boxes = [_visible_box(mine, whole) for mine, whole in zip(visible, alone, strict=True)]
        if all(boxes):
            break
    picture = folder / "images" / f"{index:06d}.png"
    save_picture(Image.fromarray(raytrace.render_picture(layout, seed=index)), picture)
    if masks:
        numbers = sum((number + 1) * mine for number, mine in enumerate(visible))
        save_picture(Image.fromarray(numbers.astype("uint8")), picture.with_name(picture.stem + "_mask.png"))
    described = [_describe(item, box) for item, box in zip(layout, boxes, strict=True) if box]
    return {"image_filename": picture.name, "image_index": index, "objects": described}


def _visible_box(visible: Any, alone: Any) -> tuple[int, int, int, int] | None:
    """The extent of what is seen of an object, or None when too much of it is hidden or it touches the border."""
    height, width = alone.shape
    inner = alone[BORDER : height - BORDER, BORDER : width - BORDER]
    cropped = inner.sum() != alone.sum()
    if cropped or visible.sum() < max(MIN_VISIBLE_PIXELS, MIN_VISIBLE_SHARE * alone.sum()):
        return None
    rows, columns = visible.any(axis=1).nonzero()[0], visible.any(axis=0).nonzero()[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _describe(item: Placed, box: tuple[int, int, int, int]) -> dict[str, Any]:
    from trimpi.tasks.clevr import raytrace

    position = (item.x, item.y, item.height)
    return {
        "shape": item.shape,
        "color": item.color,
        "size": item.size,
        "material": item.material,
        "3d_coords": position,
        "pixel_coords": raytrace.project(position),
        "rotation": item.rotation,
        "box": box,
    }


def _shard_file(folder: Path, start: int) -> Path:
    return folder / f"scenes_{start:06d}.json"


def _read_shard(folder: Path, start: int) -> list[Scene]:
    return [
        Scene(
            id=f"{folder.name}/{record['image_index']:06d}",
            image=folder / "images" / record["image_filename"],
            objects=tuple(_read_object(item) for item in record["objects"]),
        )
        for record in json.loads(_shard_file(folder, start).read_text())
    ]


def _read_object(record: dict[str, Any]) -> SceneObject:
    return SceneObject(
        shape=record["shape"],
        color=record["color"],
        size=record["size"],
        material=record["material"],
        position=tuple(record["3d_coords"]),
        pixel_coords=tuple(record["pixel_coords"]),
        rotation=record["rotation"],
        box=tuple(record["box"]),
    )
