"""Everything a run reads besides its model, checked before any weights load."""

from __future__ import annotations

from pathlib import Path

from trimpi.cot.gold import gold_cots
from trimpi.cot.store import load_cots
from trimpi.evaluation.harness import check_harness
from trimpi.recipe import CotTrainingConfig, Recipe
from trimpi.tasks.base import Task
from trimpi.tasks.selection import first_per_policy


def validate_inputs(recipe: Recipe, task: Task) -> None:
    """Check gold answers and the chains of thought that stages will read. Raises DataError for the first wrong one.

    Raises RecipeError when the recipe asks for benchmarks and what asks them is not installed.
    """
    if recipe.evaluation.harness is not None:
        check_harness(recipe.evaluation.harness)
    task.validate()
    for stage in recipe.stages:
        if not isinstance(stage, CotTrainingConfig):
            continue
        if stage.cot == "gold":
            gold_cots(first_per_policy(task.examples("train"), stage.examples_per_policy))
        elif stage.cot != "forward":
            load_cots(Path(stage.cot), task.examples("train"))
