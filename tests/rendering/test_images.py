"""Opening images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tiny_models import write_image
from trimpi.errors import DataError
from trimpi.rendering.images import open_image


def test_an_image_is_decoded_once(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png")
    assert open_image(path) is open_image(path)


def test_an_image_written_anew_is_decoded_anew(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", color="red")
    open_image(path)
    write_image(path, color="blue")
    os.utime(path, ns=(1, 1))
    assert open_image(path).getpixel((0, 0)) == (0, 0, 255)


def test_every_mode_opens_as_rgb(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("L", (4, 4), 7).save(path)
    assert open_image(path).getpixel((0, 0)) == (7, 7, 7)


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png"):
        open_image(path)


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    path = write_image(tmp_path / "cut.png", size=(200, 200))
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(DataError, match=r"cut\.png"):
        open_image(path)
