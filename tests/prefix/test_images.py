from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tiny_models
from trimpi.prefix.images import BatchImages, image_places
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.types import ImagePart, Message


def batch(family: str, folder: Path, rows: list[list[str]]) -> dict[str, torch.Tensor]:
    """Rows of images by color."""
    files = {color: tiny_models.write_image(folder / f"{color}.png", color=color) for row in rows for color in row}
    prompts = [
        Prompt(
            messages=(
                Message(role="system", parts=("Look.",)),
                Message(role="user", parts=(*(ImagePart(path=files[color]) for color in row), "What?")),
            ),
            policy_aware=False,
        )
        for row in rows
    ]
    return dict(Renderer(tiny_models.tiny_processor(family)).encode_prompts(prompts))


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
def test_the_same_image_is_known_again_wherever_it_stands(family: str, tmp_path: Path) -> None:
    images = BatchImages(batch(family, tmp_path, [["red", "blue"], ["blue"], []]), [2, 1, 0])
    assert images.is_understood
    (red, blue), (again,), nothing = images.digests
    assert red != blue == again and nothing == []


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
def test_chosen_images_come_as_if_they_stood_in_one_row(family: str, tmp_path: Path) -> None:
    images = BatchImages(batch(family, tmp_path, [["red", "blue"], ["green"]]), [2, 1])
    expected = batch(family, tmp_path, [["green", "red"]])
    taken = images.take([(1, 0), (0, 0)])
    assert "pixel_values" in taken
    for name, tensor in taken.items():
        assert torch.equal(tensor, expected[name])
    assert images.take([]) == {}


def test_another_layout_or_number_of_images_is_not_understood() -> None:
    pixels, grid = torch.zeros(8, 3), torch.tensor([[1, 2, 2], [1, 2, 2]])
    assert BatchImages({"pixel_values": pixels, "image_grid_thw": grid}, [1, 1]).is_understood
    assert not BatchImages({"pixel_values": pixels, "image_grid_thw": grid}, [1, 0]).is_understood
    assert not BatchImages({"pixel_values": torch.zeros(2, 3, 4, 4)}, [1, 1]).is_understood
    assert not BatchImages({}, [1, 1]).is_understood
    assert BatchImages({}, [0, 0]).is_understood


def test_tokens_of_an_image_follow_one_another() -> None:
    assert image_places(torch.tensor([1, 9, 9, 2, 9, 3]), 9) == [-1, 0, 0, -1, 1, -1]
    assert image_places(torch.tensor([9, 9]), 9) == [0, 0]
