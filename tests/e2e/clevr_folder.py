"""A CLEVR_v1.0 folder of a few scenes: objects by chance, pictures of nothing but gray."""

from __future__ import annotations

import json
import random
from pathlib import Path

from PIL import Image

from trimpi.tasks.clevr.ontology import ATTRIBUTES

CLEVR_SIZE = (480, 320)


def write_clevr_folder(root: Path, *, scenes: int) -> Path:
    """The split `train` only."""
    rng = random.Random(0)
    pictures = root / "images" / "train"
    pictures.mkdir(parents=True)
    names = [f"CLEVR_train_{index:06d}.png" for index in range(scenes)]
    for name in names:
        Image.new("RGB", CLEVR_SIZE, "gray").save(pictures / name)
    records = [
        {"image_filename": name, "image_index": index, "split": "train", "objects": [_object(rng) for _ in range(5)]}
        for index, name in enumerate(names)
    ]
    (root / "scenes").mkdir()
    (root / "scenes" / "CLEVR_train_scenes.json").write_text(json.dumps({"info": {}, "scenes": records}))
    return root


def _object(rng: random.Random) -> dict[str, object]:
    return {
        **{attribute: rng.choice(values) for attribute, values in ATTRIBUTES.items()},
        "3d_coords": [0.0, 0.0, 0.7],
        "pixel_coords": [rng.randrange(60, 420), rng.randrange(60, 260), 10.0],
        "rotation": 0.0,
    }
