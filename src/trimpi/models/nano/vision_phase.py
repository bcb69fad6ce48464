"""Teaching the vision tower alone: every visual token is told what it shows."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from trimpi.models.nano.phase import run_phase
from trimpi.models.nano.pictures import EMPTY, Picture, PictureLibrary, pixel_patches
from trimpi.models.nano.symbols import Symbols
from trimpi.tasks.clevr.ontology import ATTRIBUTES

SCENES_PER_STEP, CROPS_PER_STEP = 32, 16


def teach_vision(
    visual: nn.Module,
    library: PictureLibrary,
    held_out: PictureLibrary,
    symbols: Symbols,
    *,
    steps: int,
    folder: Path,
    seed: int,
) -> None:
    """Train `visual` (the model's vision tower with its merger) to say each cell's symbols."""

    def step_loss(step: int, rng: random.Random) -> tuple[Tensor, dict[str, float]]:
        pictures = [
            library.picture(rng.randrange(len(library)), mirrored=rng.random() < 0.5) for _ in range(SCENES_PER_STEP)
        ]
        pictures += [library.crop(rng) for _ in range(CROPS_PER_STEP)]
        return symbols.loss(look(visual, pictures), cell_labels(pictures)), {}

    def measure() -> dict[str, float]:
        return measure_vision(visual, held_out, symbols)

    run_phase(
        "vision",
        visual,
        step_loss,
        steps=steps,
        learning_rate=2e-3,
        weight_decay=0.01,
        decay=True,
        folder=folder,
        seed=seed,
        measure=measure,
    )


def look(visual: nn.Module, pictures: list[Picture]) -> Tensor:
    """Visual tokens (cells of all pictures, HIDDEN_SIZE)."""
    values, grid = pixel_patches(pictures, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    tokens: Tensor = visual(values, grid).pooler_output
    return tokens


def cell_labels(pictures: list[Picture]) -> Tensor:
    """The pictures' labels, (cells of all pictures, 5)."""
    return torch.cat([torch.from_numpy(picture.cells) for picture in pictures])


def measure_vision(visual: nn.Module, held_out: PictureLibrary, symbols: Symbols) -> dict[str, float]:
    """On held-out scenes: share of object centres that are told from background and have each attribute right."""
    pictures = [held_out.picture(index) for index in range(len(held_out))]
    truth, said = cell_labels(pictures), symbols.read(look(visual, pictures))
    centre = truth[:, 0] == 2
    scores = {"seen": float((said[centre, 0] != EMPTY).float().mean())}
    scores["empty"] = float((said[truth[:, 0] == EMPTY, 0] == EMPTY).float().mean())
    scores["centred"] = float((said[centre, 0] == 2).float().mean())
    for column, name in enumerate(ATTRIBUTES, start=1):
        scores[name] = float((said[centre, column] == truth[centre, column]).float().mean())
    scores["whole_object"] = float((said[centre, 1:] == truth[centre, 1:]).all(dim=1).float().mean())
    return scores
