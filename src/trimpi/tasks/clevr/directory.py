"""Scenes from a CLEVR directory on disk: the CLEVR_v1.0 layout and the public generator's (paper, ClevrPolicy).

CLEVR_v1.0    scenes/CLEVR_<split>_scenes.json   images/<split>/*.png
generator     scenes/*.json, one scene each      images/*.png
              or one *_scenes.json, in scenes/ or beside it
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from trimpi.errors import DataError
from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.clevr.scene_json import ObjectRecord, SceneRecord, read_scene_records

RADIUS = {"large": 0.7, "small": 0.35}
"""Half the extent of CLEVR's objects, in scene units."""
FOCAL_LENGTH = 35 / 32
"""CLEVR's camera: focal length over sensor width, so in units of the image's width."""


def load_scene_directory(path: Path, split: str | None) -> list[Scene]:
    """The scenes of a split, or with None every scene there is, in the order of the files.

    Raises DataError for a folder of neither layout, a malformed scene (file, scene index, field, what is allowed), a
    split without scenes, and an image that is missing, unreadable, described twice or outside the folder.
    """
    scenes: dict[Path, Scene] = {}
    other_splits: set[str] = set()
    for file in _scene_files(path, split):
        for where, record in read_scene_records(file):
            if split is not None and record.split not in (split, None):
                other_splits.add(record.split)
                continue
            image = _find_image(path, record, where)
            if image in scenes:
                raise DataError(f"{where}: image_filename is {record.image_filename!r}, as in an earlier scene")
            scenes[image] = _scene(path, image, record, where)
    if not scenes:
        found = f"; there are {', '.join(sorted(other_splits))}" if other_splits else ""
        raise DataError(f"{path} has no scenes" + (f" of the split {split!r}{found}" if split is not None else ""))
    return list(scenes.values())


def _scene_files(path: Path, split: str | None) -> list[Path]:
    if not path.is_dir():
        raise DataError(f"no CLEVR directory at {path}: give the folder that holds scenes/ and images/")
    files = sorted((path / "scenes").glob("*.json")) or sorted(path.glob("*scenes.json"))
    if not files:
        raise DataError(f"{path} holds no scenes: give CLEVR_v1.0, or a folder with scenes/*.json or *_scenes.json")
    # A file named for the split spares reading the others: CLEVR_v1.0's are hundreds of megabytes.
    named = [file for file in files if file.name == f"CLEVR_{split}_scenes.json"]
    return named or files


def _find_image(path: Path, record: SceneRecord, where: str) -> Path:
    """Where the scene's image lies, with links followed."""
    images = path / "images"
    candidates = [images / record.split / record.image_filename] if record.split else []
    candidates.append(images / record.image_filename)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        looked = " or ".join(str(candidate) for candidate in candidates)
        raise DataError(f"{where}: image_filename is {record.image_filename!r}, but there is no {looked}")
    image = found.resolve()
    if not image.is_relative_to(path.resolve()):
        raise DataError(f"{where}: the image {found} leads outside {path}, to {image}: copy it into images/")
    return image


def _scene(path: Path, image: Path, record: SceneRecord, where: str) -> Scene:
    try:
        with Image.open(image) as opened:
            size = opened.size
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file, and all mean the same here
        raise DataError(f"{where}: the image {image} cannot be read: {error}") from None
    objects = tuple(_object(item, size, f"{where}: objects.{index}") for index, item in enumerate(record.objects))
    return Scene(id=image.relative_to(path.resolve()).with_suffix("").as_posix(), image=image, objects=objects)


def _object(item: ObjectRecord, image_size: tuple[int, int], where: str) -> SceneObject:
    x, y, depth = item.pixel_coords
    width, height = image_size
    if not (0 <= x < width and 0 <= y < height and depth > 0):
        raise DataError(
            f"{where}.pixel_coords is {item.pixel_coords}; allowed is [x, y, depth] inside the image, "
            f"which is {width}x{height}, with a depth above 0"
        )
    return SceneObject(
        shape=item.shape,
        color=item.color,
        size=item.size,
        material=item.material,
        position=(item.position[0], item.position[1], item.position[2]),
        pixel_coords=(x, y, depth),
        rotation=item.rotation,
        box=_box(x, y, RADIUS[item.size] * FOCAL_LENGTH * width / depth, image_size),
    )


def _box(x: float, y: float, radius: float, image_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The object's extent as CLEVR's camera sees it, cut at the border: scene JSON has only centres and depths."""
    width, height = image_size
    left, top, right, bottom = int(x - radius), int(y - radius), int(x + radius) + 1, int(y + radius) + 1
    return max(0, left), max(0, top), min(width, right), min(height, bottom)
