"""Opening images: decoded once however many prompts show them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from trimpi.errors import DataError

CACHED_IMAGES = 256


def open_image(path: Path) -> Image.Image:
    """The image as RGB, upright; shared between callers, so not to be changed.

    Raises DataError naming a file that is missing or cannot be read.
    """
    try:
        status = path.stat()
        return _decode(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise DataError(f"image {path} does not exist") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be read: {error}") from None


def forget_images() -> None:
    """Give up the memory of decoded images: a server's are seldom shown twice, and may be large."""
    _decode.cache_clear()


@lru_cache(maxsize=CACHED_IMAGES)
def _decode(path: Path, modified: int, size: int) -> Image.Image:
    """`modified` and `size` are part of the key, so a file written anew is decoded anew."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")
