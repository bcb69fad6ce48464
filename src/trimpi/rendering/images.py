"""Opening images: decoded once however many prompts show them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from trimpi.errors import DataError
from trimpi.policies.image_files import fault_of_size

CACHED_IMAGES = 256


def open_image(path: Path) -> Image.Image:
    """The image as `as_rgb` gives it, upright; shared between callers, so not to be changed.

    Raises DataError naming a file that is missing, cannot be read, or is no shape that models take.
    """
    try:
        status = path.stat()
        image = _decode(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise DataError(f"image {path} does not exist") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be read: {error}") from None
    fault = fault_of_size(image.size)
    if fault is not None:
        raise DataError(f"image {path} {fault}")
    return image


def as_rgb(image: Image.Image) -> Image.Image:
    """What a model is shown: transparency on white, as on paper; 16 bits scaled to 8, where Pillow would cut off."""
    if has_sixteen_bits(image):
        return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def has_sixteen_bits(image: Image.Image) -> bool:
    """Grey values of more than 8 bits: "I", "I;16" and the like."""
    return image.mode.startswith("I")


def forget_images() -> None:
    """Give up the memory of decoded images: a server's are seldom shown twice, and may be large."""
    _decode.cache_clear()


@lru_cache(maxsize=CACHED_IMAGES)
def _decode(path: Path, modified: int, size: int) -> Image.Image:
    """`modified` and `size` are part of the key, so a file written anew is decoded anew."""
    with Image.open(path) as image:
        return as_rgb(ImageOps.exif_transpose(image))
