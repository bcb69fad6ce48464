"""Makes the data of the returns desk: photos of what customers hand in, requests about them, gold answers.

    python examples/returns-desk/make_data.py

The photos are rendered scenes, since that is what the embedded base model can see: cubes are parcels, cylinders are
tubes, spheres are sealed goods, and red is the color of the damage label. `DESK` is the policy as data; policy.md says
the same in words, and a test holds the two together. `DESK_2` is its next version, policy-v2.md, and the rows of it are
those that the changed rule decides. With a policy of your own you write policy.md, and rows come from your logs (trimpi
data import) or from people.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from trimpi.policies import load_policy
from trimpi.tasks.clevr.ontology import noun_phrase
from trimpi.tasks.clevr.rendered import rendered_scenes
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.custom.row_writer import write_rows

FOLDER = Path(__file__).parent
TRAIN, TEST = 150, 100
SEED = 20
TIERS = "AABCDD"
"""A and D twice, since the policy asks for them."""


@dataclass(frozen=True)
class Photo:
    """A condition on what a photo shows. `shown`: the value stands in the policy as a picture."""

    id: str
    values: dict[str, str]
    yes: Photo | Tier | str
    no: Photo | Tier | str
    shown: str = ""

    def ask(self) -> str:
        picture = f"the image shows {self.shown}. " if self.shown else ""
        return f"Condition {self.id}: {picture}Is there a {noun_phrase(self.values)}?"


@dataclass(frozen=True)
class Tier:
    """A condition on the customer's account."""

    id: str
    tier: str
    yes: Photo | Tier | str
    no: Photo | Tier | str

    def ask(self, tier: str) -> str:
        return f"Condition {self.id}: account {tier} is {self.tier}?"


DESK = Photo(
    id="1",
    values={"color": "red"},
    shown="red",
    yes=Tier(
        id="1.1",
        tier="A",
        yes="Case 1",
        no=Photo(id="1.1.2", values={"color": "red", "material": "metal"}, yes="Case 2", no="Case 3"),
    ),
    no=Photo(
        id="1.2",
        values={"size": "small", "shape": "cube"},
        yes=Tier(id="1.2.1", tier="D", yes="Case 4", no="Case 5"),
        no=Photo(id="1.2.2", values={"material": "metal", "shape": "sphere"}, yes="Case 6", no="Case 7"),
    ),
)

CHANGED = "1.2.2"


def next_version(node: Photo | Tier | str) -> Photo | Tier | str:
    """The same conditions but the one that policy-v2.md words anew: sealed goods are refused when they are large."""
    if isinstance(node, str):
        return node
    if isinstance(node, Photo) and node.id == CHANGED:
        node = replace(node, values={"size": "large", "shape": "sphere"})
    return replace(node, yes=next_version(node.yes), no=next_version(node.no))


DESK_2 = next_version(DESK)


def decide(scene: Scene, tier: str, node: Photo | Tier | str = DESK) -> tuple[list[str], list[str], str]:
    """The steps of the reasoning, the sections it passes, and the case."""
    steps, sections = [], []
    while not isinstance(node, str):
        if isinstance(node, Photo):
            found = scene.matching(node.values)
            verdict = bool(found)
            steps.append(f"{node.ask()} " + (f"Yes, a {found[0].description}." if found else "No."))
        else:
            verdict = tier == node.tier
            steps.append(f"{node.ask(tier)} {'Yes' if verdict else 'No'}.")
        sections.append(f"Condition {node.id}")
        node = node.yes if verdict else node.no
    return [*steps, f"The response is {node}."], sections, node


def write_photo(name: str, scene: Scene) -> None:
    with Image.open(scene.image) as image:
        image.convert("RGB").save(FOLDER / "photos" / f"{name}.jpg", quality=95, subsampling=0)


def row(name: str, scene: Scene, tier: str, desk: Photo | Tier | str = DESK) -> dict[str, object]:
    steps, sections, case = decide(scene, tier, desk)
    return {
        "id": name,
        "prompt": f"Policy Returns-Desk, account {tier}: what is the response to this image?",
        "images": [f"photos/{name}.jpg"],
        "answer": case,
        "cot": "\n".join(steps),
        "sections": sections,
    }


def main() -> None:
    policy = load_policy(FOLDER)
    scenes = rendered_scenes(TRAIN + TEST, seed=SEED, cache_dir=Path(".trimpi-cache").resolve())
    rng = random.Random(SEED)
    shutil.rmtree(FOLDER / "photos", ignore_errors=True)
    (FOLDER / "photos").mkdir()
    for split, part in (("train", scenes[:TRAIN]), ("test", scenes[TRAIN:])):
        asked = [(f"{split}-{number:03d}", scene, rng.choice(TIERS)) for number, scene in enumerate(part, start=1)]
        for name, scene, _ in asked:
            write_photo(name, scene)
        write_rows([row(*one) for one in asked], FOLDER / f"{split}.jsonl")
        decided = [one for one in asked if f"Condition {CHANGED}" in decide(*one[1:])[1]]
        write_rows([row(*one, desk=DESK_2) for one in decided], FOLDER / f"{split}-v2.jsonl")
    print(f"{policy.name}: {TRAIN} training and {TEST} test rows in {FOLDER}")


if __name__ == "__main__":
    main()
