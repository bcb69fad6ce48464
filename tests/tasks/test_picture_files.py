from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from trimpi.tasks.picture_files import save_picture


def test_a_picture_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader meets while another process writes is the whole old picture, then the whole new one."""
    path = save_picture(Image.new("RGB", (4, 4), "red"), tmp_path / "images" / "a.png")
    before = path.read_bytes()

    def cut_off(self: Image.Image, file: Path, **_: object) -> None:
        Path(file).write_bytes(before[:20])
        assert path.read_bytes() == before
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", cut_off)
    with pytest.raises(OSError, match="disk full"):
        save_picture(Image.new("RGB", (4, 4), "blue"), path)
    assert path.read_bytes() == before
