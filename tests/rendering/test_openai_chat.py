from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from trimpi.errors import DataError
from trimpi.rendering.openai_chat import ORIENTATION, data_url, to_openai_chat
from trimpi.types import ImagePart, Message


def picture(path: Path, *, orientation: int | None = None) -> Path:
    """Two pixels side by side, red and blue."""
    image = Image.new("RGB", (2, 1), "red")
    image.putpixel((1, 0), (0, 0, 255))
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    image.save(path, exif=exif)
    return path


def opened(url: str) -> tuple[str, Image.Image]:
    head, data = url.split(",", 1)
    return head, Image.open(io.BytesIO(base64.b64decode(data)))


def test_text_is_a_string_and_images_stand_where_they_are_read(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    messages = (
        Message(role="system", parts=("Go.",)),
        Message(role="user", parts=("One ", ImagePart(path=path), " two")),
    )
    url = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    assert to_openai_chat(messages) == [
        {"role": "system", "content": "Go."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "One "},
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": " two"},
            ],
        },
    ]


@pytest.mark.parametrize(("suffix", "kind"), [("png", "png"), ("jpg", "jpeg"), ("webp", "webp")])
def test_common_files_go_as_they_are(tmp_path: Path, suffix: str, kind: str) -> None:
    path = picture(tmp_path / f"a.{suffix}")
    head, _ = opened(data_url(path))
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(data_url(path).split(",")[1]) == path.read_bytes()


def test_other_files_go_as_png(tmp_path: Path) -> None:
    head, image = opened(data_url(picture(tmp_path / "a.bmp")))
    assert head == "data:image/png;base64"
    assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_a_picture_that_lies_on_its_side_is_sent_upright(tmp_path: Path) -> None:
    head, image = opened(data_url(picture(tmp_path / "a.png", orientation=6)))
    assert head == "data:image/png;base64"
    assert image.size == (1, 2) and image.getexif().get(ORIENTATION, 1) == 1
    assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        data_url(tmp_path / "gone.png")


@pytest.mark.parametrize(("mode", "shown"), [("RGBA", (255, 255, 255)), ("I;16", (0, 0, 0))])
def test_transparency_and_sixteen_bits_go_as_models_are_shown_them(
    tmp_path: Path, mode: str, shown: tuple[int, ...]
) -> None:
    Image.new(mode, (2, 1)).save(tmp_path / "a.png")
    _, image = opened(data_url(tmp_path / "a.png"))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", shown)
