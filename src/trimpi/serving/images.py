"""Images that clients send, checked before anything decodes them, as files that prompts can name. Torch-free.

Nothing is ever fetched: an image is in the request, or it is a file below the folder its operator names.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image

from trimpi.serving.limits import Limits
from trimpi.serving.refusals import Refusal, bad_request, too_large

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""The only decoders that a client's bytes reach."""
PARAM = "messages.content.image_url"


class ImageIntake:
    """Turns the URLs of one request into files of a folder that goes away with the request."""

    def __init__(self, limits: Limits, folder: Path, *, local: Path | None) -> None:
        self._limits, self._folder = limits, folder
        self._local = None if local is None else local.resolve()
        self._count = 0

    def take(self, url: str) -> Path:
        """The image as a file. Raises Refusal for what is no image, is too large, or lies where it may not."""
        if self._count == self._limits.images:
            raise bad_request(
                f"a request may show {self._limits.images} images, and this one shows more",
                code="too_many_images",
                param=PARAM,
            )
        data = self._bytes_of(url)
        if len(data) > self._limits.image_bytes:
            raise self._too_many_bytes(len(data))
        check_image(data, most_pixels=self._limits.image_pixels)
        path = self._folder / f"{self._count}"
        path.write_bytes(data)
        self._count += 1
        return path

    def _bytes_of(self, url: str) -> bytes:
        scheme = url[:5].lower()
        if scheme == "data:":
            return self._decoded(url)
        if scheme == "file:":
            return self._local_file(url)
        raise bad_request(
            f"the image {url[:60]!r} is no data URL: send data:image/png;base64,..., since nothing is fetched from "
            "elsewhere",
            code="invalid_image_url",
            param=PARAM,
        )

    def _decoded(self, url: str) -> bytes:
        head, comma, body = url.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise bad_request(
                "a data URL begins with data:image/png;base64, (or another type)", code="invalid_image_url", param=PARAM
            )
        if len(body) * 3 // 4 > self._limits.image_bytes + 3:
            raise self._too_many_bytes(len(body) * 3 // 4)
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise bad_request("the image's base64 is broken", code="invalid_base64", param=PARAM) from None

    def _local_file(self, url: str) -> bytes:
        # One answer for all that is not there to be read, so that nobody learns what other files there are.
        refusal = bad_request(
            f"no image {url[:200]!r} in the folder that this server reads images from"
            if self._local is not None
            else "this server reads no image files: send a data URL, or have it started with --image-folder",
            code="invalid_image_url",
            param=PARAM,
        )
        parts = urlsplit(url)
        if self._local is None or parts.netloc not in ("", "localhost"):
            raise refusal
        try:
            # Links are followed before the folder is compared.
            path = (self._local / unquote(parts.path)).resolve()
            if not path.is_relative_to(self._local) or not path.is_file():
                raise refusal
            size = path.stat().st_size
            if size > self._limits.image_bytes:
                raise self._too_many_bytes(size)
            return path.read_bytes()
        except (OSError, ValueError, RuntimeError):
            raise refusal from None

    def _too_many_bytes(self, size: int) -> Refusal:
        return too_large(
            f"an image of {size:,} bytes; allowed are {self._limits.image_bytes:,}", code="image_too_large", param=PARAM
        )


def check_image(data: bytes, *, most_pixels: int) -> None:
    """Raises Refusal unless the bytes are an image, whole, of at most so many pixels.

    The size is read from the header: an image that would fill the memory is refused before it is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > most_pixels:
                    raise _too_many_pixels(f"{width} x {height} pixels", most_pixels)
                image.load()
    except Refusal:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels("more pixels", most_pixels) from None
    except Exception:  # Pillow's decoders raise many kinds for damaged bytes, and all mean the same here
        raise bad_request(
            f"the image cannot be read: send a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
            code="invalid_image",
            param=PARAM,
        ) from None


def _too_many_pixels(given: str, most: int) -> Refusal:
    return too_large(f"an image of {given}; allowed are {most:,} in all", code="image_too_large", param=PARAM)
