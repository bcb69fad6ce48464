"""The images that synthesised requests are about: the user's own, since no language model takes photographs."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from trimpi.digest import file_digest
from trimpi.errors import DataError
from trimpi.recipe import SynthConfig
from trimpi.tasks.custom.places import check_image
from trimpi.tasks.custom.task import CustomTask


def pictures(task: CustomTask, folder: Path, config: SynthConfig) -> list[Path]:
    """The images to take turns with, each once, by whole path; never one that a policy or a test row shows.

    Raises DataError for an image folder that is missing, outside the task's, or without any such image.
    """
    if config.images == "none":
        return []
    if config.images == "rows":
        found = [image for example in task.examples("train") for image in example.all_images]
    else:
        found = _in_folder(folder, config.image_folder)
    taken = [image for policy in task.policies.values() for image in policy.images]
    taken += [image for example in task.examples("test") for image in example.all_images]
    shown = {file_digest(image) for image in taken}
    free: dict[str, Path] = {}
    for image in found:
        free.setdefault(file_digest(image), image.resolve())
    left = [image for key, image in free.items() if key not in shown]
    if config.images == "folder" and not left:
        raise DataError(
            f"{folder / config.image_folder} holds no image that is not the policy's or a test row's: put images "
            "there, or set synth.images to rows or none"
        )
    return left


def _in_folder(folder: Path, named: str) -> list[Path]:
    root = folder.resolve()
    place = (root / named).resolve()
    if not place.is_relative_to(root) or not place.is_dir():
        raise DataError(f"synth.image_folder is {named!r}, but {folder} has no such folder: make it, or name another")
    Image.init()
    files = sorted(file for file in place.rglob("*") if file.suffix.lower() in Image.EXTENSION and file.is_file())
    inside = [file for file in files if file.resolve().is_relative_to(root)]
    for file in inside:
        check_image(file)
    return inside
