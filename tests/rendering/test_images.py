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


def saved(path: Path, image: Image.Image, **settings: object) -> Path:
    image.save(path, **settings)
    return path


@pytest.mark.parametrize(
    ("mode", "clear", "black"),
    [("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)), ("LA", (0, 0), (0, 255))],
)
def test_transparency_is_shown_on_white(tmp_path: Path, mode: str, clear: tuple[int], black: tuple[int]) -> None:
    image = Image.new(mode, (2, 1), clear)
    image.putpixel((1, 0), black)
    shown = open_image(saved(tmp_path / "logo.png", image))
    assert (shown.mode, shown.getpixel((0, 0)), shown.getpixel((1, 0))) == ("RGB", (255,) * 3, (0,) * 3)


@pytest.mark.parametrize(("suffix", "transparency"), [("png", 0), ("png", b"\x00\xff"), ("gif", 0)])
def test_a_palettes_transparent_colour_is_shown_on_white(
    tmp_path: Path, suffix: str, transparency: int | bytes
) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.putpixel((1, 0), 1)
    shown = open_image(saved(tmp_path / f"logo.{suffix}", image, transparency=transparency))
    assert (shown.getpixel((0, 0)), shown.getpixel((1, 0))) == ((255, 255, 255), (200, 0, 0))


def test_half_transparent_is_halfway_to_white(tmp_path: Path) -> None:
    shown = open_image(saved(tmp_path / "veil.png", Image.new("RGBA", (1, 1), (0, 0, 255, 51))))
    assert shown.getpixel((0, 0)) == (204, 204, 255)


@pytest.mark.parametrize(("mode", "suffix"), [("I;16", "png"), ("I;16", "tiff"), ("I", "tiff")])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.new(mode, (4, 1))
    for place, value in enumerate((0, 257, 32768, 65535)):
        image.putpixel((place, 0), value)
    shown = open_image(saved(tmp_path / f"scan.{suffix}", image))
    assert [shown.getpixel((place, 0)) for place in range(4)] == [(grey,) * 3 for grey in (0, 1, 128, 255)]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_opaque_pictures_are_shown_as_they_are(tmp_path: Path, mode: str) -> None:
    noise = Image.effect_noise((16, 16), 90)
    image = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180)))
    path = saved(tmp_path / "photo.png", image.convert(mode))
    assert open_image(path).tobytes() == image.tobytes()


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png"):
        open_image(path)


def test_an_image_that_no_model_takes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"strip\.png is 4000 x 1 pixels; allowed is"):
        open_image(write_image(tmp_path / "strip.png", size=(4000, 1)))


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    path = write_image(tmp_path / "cut.png", size=(200, 200))
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(DataError, match=r"cut\.png"):
        open_image(path)
