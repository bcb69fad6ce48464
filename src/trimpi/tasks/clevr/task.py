"""ClevrPolicy as a task: sampled policies, requests about scenes, gold answers from the scene graph."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.recipe import ClevrTaskConfig
from trimpi.recipe.task import RenderedScenes
from trimpi.rewards.exact_match import score_exact_match
from trimpi.rewards.response import read_response
from trimpi.tasks.base import Task
from trimpi.tasks.clevr.crops import SHOWN_ATTRIBUTES, SHOWN_SHARE, save_crop
from trimpi.tasks.clevr.judge import judge_reasoning
from trimpi.tasks.clevr.policy_text import sample_name, write_cot, write_policy, write_request
from trimpi.tasks.clevr.recitation import make_recitation, score_recitation
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, decisions, leaves, sample_tree, walk
from trimpi.tasks.judging import reasoning_of
from trimpi.types import Completion, Example, Judgement, Score, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class ClevrPolicy:
    """A decision tree with the document that states it; `shown` are the ids of conditions whose value a crop shows."""

    tree: Decision
    document: Policy
    shown: frozenset[str]


class ClevrTask(Task):
    """The task of a recipe. The scenes of a policy's training and test requests are its own and disjoint.

    Raises DataError when a scene directory is malformed or holds fewer scenes than are asked for.
    """

    def __init__(
        self,
        config: ClevrTaskConfig,
        *,
        seed: int,
        cache_dir: Path,
        progress: Callable[[int, int], None] | None = None,
        update: int = 0,
    ) -> None:
        self._config, self._seed, self._cache_dir, self._update = config, seed, cache_dir, update
        self._scenes = _scenes(config, cache_dir, progress)
        self._policies = self._sample_policies()
        self._scene_of: dict[str, Scene] = {}  # by example id
        splits: tuple[Split, ...] = ("train", "test")
        self._examples: Mapping[Split, Sequence[Example]] = {split: self._make_examples(split) for split in splits}

    @property
    def policies(self) -> Mapping[str, Policy]:
        return {name: policy.document for name, policy in self._policies.items()}

    @property
    def trees(self) -> Mapping[str, Decision]:
        """Every policy's decision tree by name: what the documents say, for analyses."""
        return {name: policy.tree for name, policy in self._policies.items()}

    def examples(self, split: Split) -> Sequence[Example]:
        return self._examples[split]

    def score(self, example: Example, completion: Completion) -> Score:
        return score_exact_match(completion, example.answer)

    def judge(self, example: Example, completion: Completion) -> Judgement:
        policy = self._policies[example.policy_name]
        return judge_reasoning(
            reasoning_of(completion.text),
            policy.tree,
            policy.shown,
            self._scene_of[example.id],
            read_response(completion.text).answer or None,
        )

    def section_ids(self, policy_name: str) -> Sequence[str]:
        return [decision.id for decision in decisions(self.trees[policy_name])]

    def recitations(self) -> Sequence[Example]:
        """One request for every section of every policy; the policies one after the other."""
        return [
            make_recitation(name, decision, policy.shown)
            for name, policy in self._policies.items()
            for decision in decisions(policy.tree)
        ]

    def score_recitation(self, example: Example, completion: Completion) -> Score:
        policy = self._policies[example.policy_name]
        asked = next(decision for decision in decisions(policy.tree) if decision.id == example.meta["section"])
        return score_recitation(completion, asked, policy.shown)

    def override(self) -> ClevrTask:
        """The same names, scenes and requests under newly sampled trees."""
        return ClevrTask(self._config, seed=self._seed, cache_dir=self._cache_dir, update=self._update + 1)

    def wrong_answer(self, example: Example) -> str:
        responses = [leaf.response for leaf in leaves(self._policies[example.policy_name].tree)]
        return next(response for response in responses if response != example.answer)

    def _sample_policies(self) -> dict[str, ClevrPolicy]:
        names: list[str] = []
        rng = random.Random(f"{self._seed}-names")
        for _ in range(self._config.policies):
            names.append(sample_name(self._config.layers, rng, taken=names))
        return {name: self._sample_policy(name) for name in names}

    def _sample_policy(self, name: str) -> ClevrPolicy:
        rng = random.Random(f"{self._seed}-{name}-{self._update}")
        tree = sample_tree(self._config.layers, rng)
        crops = self._cut_crops(tree, rng) if self._config.variant == "M" else {}
        return ClevrPolicy(tree=tree, document=write_policy(name, tree, crops), shown=frozenset(crops))

    def _cut_crops(self, tree: Decision, rng: random.Random) -> dict[str, Path]:
        """A crop for some of the conditions, cut from training scenes: the test pictures stay unseen."""
        training = self._scenes[: self._config.policies * self._config.train_examples_per_policy]
        crops: dict[str, Path] = {}
        for decision in decisions(tree):
            if decision.attribute not in SHOWN_ATTRIBUTES or rng.random() >= SHOWN_SHARE:
                continue
            sought = {decision.attribute: decision.value}
            candidates = [(scene, item) for scene in training for item in scene.matching(sought)]
            if candidates:
                scene, item = rng.choice(candidates)
                key = hashlib.sha256(f"{scene.image.resolve()} {item.box}".encode()).hexdigest()[:16]
                crops[decision.id] = save_crop(scene, item, self._cache_dir / "crops" / f"{key}.png")
        return crops

    def _make_examples(self, split: Split) -> tuple[Example, ...]:
        """Policies take turns, so that any first k examples have them all."""
        names = list(self._policies)
        training = self._config.train_examples_per_policy
        count = training if split == "train" else self._config.test_examples_per_policy
        first = 0 if split == "train" else training * len(names)
        return tuple(
            self._make_example(name, split, number, self._scenes[first + number * len(names) + index])
            for number in range(count)
            for index, name in enumerate(names)
        )

    def _make_example(self, name: str, split: Split, number: int, scene: Scene) -> Example:
        policy = self._policies[name]
        steps, response = walk(policy.tree, scene)
        id = f"{name}-{split}-{number:05d}"
        self._scene_of[id] = scene
        return Example(
            id=id,
            policy_name=name,
            prompt=write_request(name),
            images=(scene.image,),
            answer=response,
            cot=write_cot(steps, response, policy.shown),
            meta={"scene": scene.id, "sections": [step.decision.id for step in steps]},
        )


def _scenes(config: ClevrTaskConfig, cache_dir: Path, progress: Callable[[int, int], None] | None) -> list[Scene]:
    needed = config.policies * (config.train_examples_per_policy + config.test_examples_per_policy)
    source = config.scenes
    if isinstance(source, RenderedScenes):
        from trimpi.tasks.clevr.rendered import rendered_scenes

        return rendered_scenes(
            needed,
            seed=source.seed,
            cache_dir=cache_dir,
            min_objects=source.min_objects,
            max_objects=source.max_objects,
            progress=progress,
        )
    from trimpi.tasks.clevr.directory import load_scene_directory

    scenes = load_scene_directory(source.path, source.split)
    if len(scenes) < needed:
        raise DataError(
            f"{source.path} holds {len(scenes)} scenes, but {config.policies} policies with "
            f"{config.train_examples_per_policy} training and {config.test_examples_per_policy} test examples each "
            f"need {needed}: ask for fewer, or give a larger directory"
        )
    return scenes[:needed]
