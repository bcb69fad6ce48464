"""Files of a task's folder: nothing outside it is read."""

from __future__ import annotations

from pathlib import Path

from trimpi.errors import DataError
from trimpi.policies import markdown
from trimpi.policies.image_files import fault_of_file


def inside(folder: Path, named: str, *, what: str) -> Path:
    """The file that a path relative to `folder` names.

    Raises DataError for one that is missing, absolute, a URL, or outside the folder, links followed.
    """
    if markdown.is_remote(named):
        raise DataError(f"{what} {named[:80]!r} is not a file: copy it into {folder} and name it by a relative path")
    root = folder.resolve()
    try:
        path = (root / named).resolve()
        exists = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a null byte, a circle of links
        raise DataError(f"{what} {named[:80]!r} cannot be a file: {error}") from None
    if Path(named).is_absolute() or not path.is_relative_to(root):
        raise DataError(f"{what} {named!r} is outside {folder}: copy it there and name it by a relative path")
    if not exists:
        raise DataError(f"{what} {named!r} does not exist in {folder}")
    return path


def check_image(path: Path) -> None:
    """Raises DataError unless the file is an image that a model can be shown."""
    fault = fault_of_file(path)
    if fault is not None:
        raise DataError(f"image {path} {fault}")
