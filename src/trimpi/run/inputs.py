"""Everything a run reads besides its model, checked before any weights load."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from trimpi.cot.gold import gold_cots
from trimpi.cot.store import load_cots
from trimpi.recipe import CotTrainingConfig, Recipe, StageConfig
from trimpi.tasks.base import Task
from trimpi.types import Example


def validate_inputs(recipe: Recipe, task: Task) -> None:
    """Check gold answers and the chains of thought that stages will read. Raises DataError for the first wrong one."""
    task.validate()
    for stage in recipe.stages:
        if not isinstance(stage, CotTrainingConfig):
            continue
        if stage.cot == "gold":
            gold_cots(examples_of(stage, task))
        elif stage.cot != "forward":
            load_cots(Path(stage.cot), task.examples("train"))


def examples_of(stage: StageConfig, task: Task) -> list[Example]:
    """The training examples of a stage: the first `examples_per_policy` of each policy."""
    taken: Counter[str] = Counter()
    kept = []
    for example in task.examples("train"):
        if stage.examples_per_policy is None or taken[example.policy_name] < stage.examples_per_policy:
            taken[example.policy_name] += 1
            kept.append(example)
    return kept
