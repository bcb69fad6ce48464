"""Policies made: sampled by name, edited, written out, with crops for variant M."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trimpi.policies import Policy
from trimpi.recipe import ClevrTaskConfig
from trimpi.tasks.clevr.crops import SHOWN_ATTRIBUTES, SHOWN_SHARE, save_crop
from trimpi.tasks.clevr.edits import condition_edits, pick_edit, subtree_edits
from trimpi.tasks.clevr.policy_text import sample_name, write_policy
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, decisions, sample_tree

Edit = Literal["one condition", "one subtree"]
EDIT_SHARES: Mapping[Edit, float] = {"one condition": 0.25, "one subtree": 0.5}
"""So many of a policy's requests get another answer by an edit, as nearly as can be: enough of both kinds to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClevrPolicy:
    """A decision tree with the document that states it; `crops` are the images that show a condition's value, by id."""

    tree: Decision
    document: Policy
    crops: Mapping[str, Path]

    @property
    def shown(self) -> frozenset[str]:
        """Ids of the conditions whose value a crop shows."""
        return frozenset(self.crops)


class PolicyMaker:
    """Makes policies, the same for the same seed. Crops are cut from `training` scenes: test pictures stay unseen."""

    def __init__(self, config: ClevrTaskConfig, *, seed: int, training: Sequence[Scene], cache_dir: Path) -> None:
        self._config, self._seed, self._training, self._cache_dir = config, seed, training, cache_dir

    def names(self, kind: str, taken: Sequence[str] = ()) -> list[str]:
        """As many names as there are policies, none of them taken; `kind` tells sets of names apart."""
        names: list[str] = []
        rng = random.Random(f"{self._seed}-{kind}")
        for _ in range(self._config.policies):
            names.append(sample_name(self._config.layers, rng, taken=[*taken, *names]))
        return names

    def sample(self, name: str, updates: int = 0) -> ClevrPolicy:
        """The policy of a name after so many updates."""
        rng = random.Random(f"{self._seed}-{name}-{updates}")
        return self._write(name, sample_tree(self._config.layers, rng), rng)

    def edited(self, policy: ClevrPolicy, edit: Edit, scenes: Sequence[Scene]) -> ClevrPolicy:
        """The policy with that edit, chosen so that nearly EDIT_SHARES of the scenes get another answer."""
        name = policy.document.name
        rng = random.Random(f"{self._seed}-{policy.document.text}-{edit}")
        if edit == "one condition":
            edited = condition_edits(policy.tree)
            rng.shuffle(edited)
        else:
            edited = subtree_edits(policy.tree, self._config.layers, rng)
        return self._write(name, pick_edit(policy.tree, edited, scenes, share=EDIT_SHARES[edit]), rng, old=policy)

    def _write(self, name: str, tree: Decision, rng: random.Random, old: ClevrPolicy | None = None) -> ClevrPolicy:
        crops = self._cut_crops(tree, rng, old) if self._config.variant == "M" else {}
        return ClevrPolicy(tree=tree, document=write_policy(name, tree, crops), crops=crops)

    def _cut_crops(self, tree: Decision, rng: random.Random, old: ClevrPolicy | None) -> dict[str, Path]:
        """A crop for some of the conditions. Where an `old` condition asks for the same attribute, its form is kept."""
        before = {decision.id: decision for decision in decisions(old.tree)} if old else {}
        crops: dict[str, Path] = {}
        for decision in decisions(tree):
            earlier = before.get(decision.id)
            if old and earlier and earlier.attribute == decision.attribute:
                if decision.id in old.crops:
                    same = earlier.value == decision.value
                    crops |= {decision.id: old.crops[decision.id]} if same else self._cut_crop(decision, rng)
            elif decision.attribute in SHOWN_ATTRIBUTES and rng.random() < SHOWN_SHARE:
                crops |= self._cut_crop(decision, rng)
        return crops

    def _cut_crop(self, decision: Decision, rng: random.Random) -> dict[str, Path]:
        """By the condition's id; nothing where no training scene has its value."""
        sought = {decision.attribute: decision.value}
        candidates = [(scene, item) for scene in self._training for item in scene.matching(sought)]
        if not candidates:
            return {}
        scene, item = rng.choice(candidates)
        key = hashlib.sha256(f"{scene.image.resolve()} {item.box}".encode()).hexdigest()[:16]
        return {decision.id: save_crop(scene, item, self._cache_dir / "crops" / f"{key}.png")}
