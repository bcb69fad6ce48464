"""ClevrPolicy as a task: sampled policies, requests about scenes, gold answers from the scene graph."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.recipe import ClevrTaskConfig
from trimpi.recipe.task import RenderedScenes
from trimpi.rewards.exact_match import score_exact_match
from trimpi.rewards.response import read_response
from trimpi.tasks.base import Task
from trimpi.tasks.clevr.judge import judge_reasoning
from trimpi.tasks.clevr.policy_maker import ClevrPolicy, Edit, PolicyMaker
from trimpi.tasks.clevr.policy_text import write_cot, write_request, write_unnamed_request
from trimpi.tasks.clevr.recitation import make_recitation, score_recitation
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, decisions, leaves, walk
from trimpi.tasks.judging import reasoning_of
from trimpi.types import Completion, Example, Judgement, Score, Split

SPLITS: tuple[Split, ...] = ("train", "test")


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
    ) -> None:
        self._config, self._updates = config, 0
        self._scenes = _scenes(config, seed, cache_dir, progress)
        training = self._scenes[: config.policies * config.train_examples_per_policy]
        self._maker = PolicyMaker(config, seed=seed, training=training, cache_dir=cache_dir)
        self._place({name: self._maker.sample(name) for name in self._maker.names("names")})

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
        updates = self._updates + 1
        return self._under({name: self._maker.sample(name, updates) for name in self._policies}, updates)

    def edits(self) -> Mapping[str, ClevrTask]:
        """One condition, one subtree (where there is more than one layer), everything: under the policies' names."""
        edits: dict[str, ClevrTask] = {"one condition": self._edited("one condition")}
        if self._config.layers > 1:
            edits["one subtree"] = self._edited("one subtree")
        return {**edits, "everything": self.override()}

    def unseen(self) -> ClevrTask:
        """The same scenes in the same order under policies of new names."""
        names = self._maker.names("unseen-names", taken=list(self._policies))
        return self._under({name: self._maker.sample(name) for name in names}, self._updates)

    def unnamed(self, example: Example) -> Example:
        return replace(example, prompt=write_unnamed_request())

    def wrong_answer(self, example: Example) -> str:
        responses = [leaf.response for leaf in leaves(self._policies[example.policy_name].tree)]
        return next(response for response in responses if response != example.answer)

    def _edited(self, edit: Edit) -> ClevrTask:
        policies = {}
        for name, policy in self._policies.items():
            scenes = [self._scene_of[example.id] for example in self.examples("test") if example.policy_name == name]
            policies[name] = self._maker.edited(policy, edit, scenes)
        return self._under(policies, self._updates)

    def _under(self, policies: Mapping[str, ClevrPolicy], updates: int) -> ClevrTask:
        """The same scenes and requests under other policies, in the same order."""
        other = copy.copy(self)
        other._updates = updates
        other._place(policies)
        return other

    def _place(self, policies: Mapping[str, ClevrPolicy]) -> None:
        """Take these policies, and make their requests."""
        self._policies = policies
        self._scene_of: dict[str, Scene] = {}  # by example id
        self._examples: Mapping[Split, Sequence[Example]] = {split: self._make_examples(split) for split in SPLITS}

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


def _scenes(
    config: ClevrTaskConfig, seed: int, cache_dir: Path, progress: Callable[[int, int], None] | None
) -> list[Scene]:
    needed = config.policies * (config.train_examples_per_policy + config.test_examples_per_policy)
    source = config.scenes
    if isinstance(source, RenderedScenes):
        from trimpi.tasks.clevr.rendered import rendered_scenes, scene_seed

        return rendered_scenes(
            needed,
            seed=scene_seed(seed) if source.seed is None else source.seed,
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
