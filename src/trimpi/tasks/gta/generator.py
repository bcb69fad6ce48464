"""Items made here, for where GTA is not: small pictures with known contents, chains of two to five calls on them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.gta.chains import CHAINS, Chain, Shown, Source
from trimpi.tasks.gta.dialogs import Dialog, next_calls
from trimpi.tasks.gta.items import Item
from trimpi.tasks.gta.pictures import FORMAT, save_drawing
from trimpi.tasks.gta.profiles import ProfileDealer
from trimpi.tasks.gta.rationale import applied_rules
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook

FEWEST_OBJECTS, MOST_OBJECTS = 2, 4
"""Objects in a scene: the description of more is long for the base model."""
LARGEST_IMAGE_NUMBER = 99


def generate_items(
    dialogs: int,
    *,
    seed: int,
    cache_dir: Path,
    book: RuleBook = GTA_RULES,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Item, ...]:
    """The items of dialogs number 0..dialogs-1 of a seed; pictures that are on disk are not made again.

    Chains take turns, and so do the cases of each tool's rules; no two dialogs share a picture. `progress` is called
    with (scenes done, scenes needed). Raises DataError when the book lacks one of the fourteen tools.
    """
    chains = [CHAINS[number % len(CHAINS)] for number in range(dialogs)]
    scenes = iter(_scenes(sum(chain.needs.count("scene") for chain in chains), seed, cache_dir, progress))
    folder = cache_dir / f"gta-pictures-v{FORMAT}-seed{seed}"
    dealer = ProfileDealer(book)
    items: list[Item] = []
    for number, chain in enumerate(chains):
        rng = random.Random(f"{seed}-gta-{number}")
        sources = [next(scenes) if need == "scene" else need(rng) for need in chain.needs]
        dialog = _dialog(number, chain, sources, folder, rng)
        items += next_calls(dialog, book, [dealer.deal(step.tool, rng) for step in dialog.steps])
    return tuple(items)


def coverage(items: Iterable[Item], book: RuleBook) -> Mapping[str, int]:
    """How many of the items' calls each rule of the book shapes, tips included; 0 for a rule that none does."""
    counts = Counter(dict.fromkeys(book.rule_ids, 0))
    for item in items:
        counts.update(applied_rules(item, book))
    return counts


def _scenes(count: int, seed: int, cache_dir: Path, progress: Callable[[int, int], None] | None) -> Sequence[Scene]:
    from trimpi.tasks.clevr.rendered import rendered_scenes, scene_seed

    return rendered_scenes(
        count,
        seed=scene_seed(seed),
        cache_dir=cache_dir,
        min_objects=FEWEST_OBJECTS,
        max_objects=MOST_OBJECTS,
        progress=progress,
    )


def _dialog(number: int, chain: Chain, sources: Sequence[Source], folder: Path, rng: random.Random) -> Dialog:
    # Numbers as in GTA, where a name says nothing of the picture's place in its dialog.
    numbers = rng.sample(range(1, LARGEST_IMAGE_NUMBER + 1), len(sources))
    shown = [
        Shown(name=f"image/image_{image}.jpg", content=source) for image, source in zip(numbers, sources, strict=True)
    ]
    plan = chain.plan(rng, *shown)
    images = {
        image.name: image.content.image
        if isinstance(image.content, Scene)
        else save_drawing(image.content, folder / f"{number:05d}_{place}.png")
        for place, image in enumerate(shown)
    }
    return Dialog(id=f"{number:05d}", query=plan.query, images=images, steps=plan.steps)
