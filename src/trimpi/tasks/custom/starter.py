"""A small task folder to begin with: a policy with a picture, rows, and a page that says what is what."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from trimpi.tasks.custom.row_writer import write_rows

WIDTH, HEIGHT = 128, 96
PAPER = (158, 158, 158)
COLORS = {"red": (173, 35, 35), "blue": (42, 75, 215), "green": (29, 105, 20), "yellow": (255, 238, 51)}
TRAIN_ROWS, TEST_ROWS = 24, 8

FILES = Path(__file__).parent / "starter_files"


def write_starter(folder: Path) -> None:
    """Write policy.md, its picture, both row files with their pictures, and README.md into an empty folder."""
    (folder / "images").mkdir(parents=True)
    _draw(folder / "images" / "warning.png", "red", "square")
    for file in FILES.iterdir():
        shutil.copyfile(file, folder / file.name)
    rows = [_row(folder, number) for number in range(1, TRAIN_ROWS + TEST_ROWS + 1)]
    write_rows(rows[:TRAIN_ROWS], folder / "train.jsonl")
    write_rows(rows[TRAIN_ROWS:], folder / "test.jsonl")


def _row(folder: Path, number: int) -> Mapping[str, Any]:
    """Half of the labels are red; colors, shapes and places take turns so that no two pictures are the same."""
    color = "red" if number % 2 else list(COLORS)[1 + number // 2 % 3]
    shape = "disc" if number // 2 % 2 else "square"
    split, at = ("train", number) if number <= TRAIN_ROWS else ("test", number - TRAIN_ROWS)
    name = f"{split}-{at:03d}"
    _draw(folder / "images" / f"{name}.png", color, shape, step=number)
    steps = [f"Condition 1: the image shows red. Is there a red object? {'Yes' if color == 'red' else 'No'}."]
    if color == "red":
        steps.append(f"Condition 1.1: Is there a sphere? {'Yes' if shape == 'disc' else 'No'}.")
    case = "Case 3" if color != "red" else "Case 1" if shape == "disc" else "Case 2"
    return {
        "id": name,
        "prompt": "Policy Label-Desk: what is the response to this image?",
        "images": [f"images/{name}.png"],
        "answer": case,
        "cot": "\n".join([*steps, f"The response is {case}."]),
    }


def _draw(file: Path, color: str, shape: str, step: int = 0) -> None:
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(image)
    left, top, size = 24 + 5 * (step % 11), 16 + 4 * (step % 7), 30 + 3 * (step % 3)
    box = (left, top, left + size, top + size)
    if shape == "disc":
        pen.ellipse(box, fill=COLORS[color])
    else:
        pen.rectangle(box, fill=COLORS[color])
    image.save(file)
