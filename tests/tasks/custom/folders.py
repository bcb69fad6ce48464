"""Folders of a user's own task, made small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiny_models
from trimpi.recipe import CustomTaskConfig
from trimpi.tasks.custom.task import CustomTask

POLICY = """# Desk
Read the label.

## Red labels
![](images/red.png) Say left.

## Blue labels
Say right.
"""


def rows(count: int, split: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{split}-{number}",
            "prompt": f"Label {split} {number}?",
            "images": ["images/red.png"],
            "answer": ("left", "right")[number % 2],
            "cot": f"See {('Red', 'Blue')[number % 2]} labels.",
        }
        for number in range(count)
    ]


def write_folder(
    folder: Path,
    *,
    train: Sequence[dict[str, Any]] | None = None,
    test: Sequence[dict[str, Any]] | None = None,
    policy: str = POLICY,
) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    tiny_models.write_image(folder / "images" / "red.png")
    tiny_models.write_image(folder / "images" / "blue.png", color="blue")
    (folder / "policy.md").write_text(policy)
    for name, given in (("train", train), ("test", test)):
        data = rows(4 if name == "train" else 2, name) if given is None else given
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    return folder


def task_of(folder: Path, **settings: Any) -> CustomTask:
    return CustomTask(CustomTaskConfig.model_validate({"path": folder, **settings}))
