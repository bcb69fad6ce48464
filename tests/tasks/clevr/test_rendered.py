"""Our own scenes: deterministic, cached, and everything named can be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trimpi.tasks.clevr import rendered
from trimpi.tasks.clevr.layout import Placed
from trimpi.tasks.clevr.raytrace import HEIGHT, WIDTH, object_masks, project


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "SHARD", 4)


@pytest.mark.usefixtures("small_shards")
def test_scenes_are_a_function_of_the_seed(tmp_path: Path) -> None:
    first, second, other = (
        rendered.rendered_scenes(4, seed=seed, cache_dir=tmp_path / folder)
        for folder, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    assert [scene.objects for scene in first] == [scene.objects for scene in second]
    assert all(a.image.read_bytes() == b.image.read_bytes() for a, b in zip(first, second, strict=True))
    assert [scene.objects for scene in first] != [scene.objects for scene in other]


@pytest.mark.usefixtures("small_shards")
def test_scenes_on_disk_are_not_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = rendered.rendered_scenes(4, seed=7, cache_dir=tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(rendered, "_render_shard", refuse)
    assert rendered.rendered_scenes(3, seed=7, cache_dir=tmp_path) == scenes[:3]


@pytest.mark.usefixtures("small_shards")
def test_every_object_can_be_seen(tmp_path: Path) -> None:
    for scene in rendered.rendered_scenes(4, seed=7, cache_dir=tmp_path, masks=True):
        mask = np.asarray(Image.open(rendered.mask_path(scene)))
        assert Image.open(scene.image).size == (WIDTH, HEIGHT)
        for number, item in enumerate(scene.objects, start=1):
            ys, xs = np.nonzero(mask == number)
            assert len(ys) >= rendered.MIN_VISIBLE_PIXELS
            assert item.box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert item.box[0] >= rendered.BORDER
            assert item.box[2] <= WIDTH - rendered.BORDER


def test_an_object_hidden_behind_another_is_found_out() -> None:
    front = Placed(shape="cube", color="red", size="large", material="rubber", x=0.0, y=-0.5, rotation=0.0)
    behind = Placed(shape="sphere", color="blue", size="small", material="rubber", x=0.0, y=0.9, rotation=0.0)
    visible, alone = object_masks([front, behind])
    assert visible[0].sum() == alone[0].sum()
    assert visible[1].sum() < alone[1].sum()
    assert rendered._visible_box(visible[0], alone[0]) is not None
    assert rendered._visible_box(visible[1] & False, alone[1]) is None


def test_a_cropped_object_is_refused() -> None:
    beyond = Placed(shape="sphere", color="blue", size="large", material="rubber", x=2.9, y=0.0, rotation=0.0)
    visible, alone = object_masks([beyond])
    assert alone.sum() > 0
    assert rendered._visible_box(visible[0], alone[0]) is None


def test_projection_finds_the_object_in_the_picture() -> None:
    item = Placed(shape="sphere", color="blue", size="small", material="rubber", x=1.0, y=0.5, rotation=0.0)
    _, alone = object_masks([item])
    ys, xs = np.nonzero(alone[0])
    x, y, depth = project((item.x, item.y, item.height))
    assert abs(x - xs.mean()) < 1.5
    assert abs(y - ys.mean()) < 1.5
    assert 5 < depth < 15
