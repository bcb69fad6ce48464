"""Everything a run reads besides its model, checked before any weights load."""

from __future__ import annotations

from pathlib import Path

from trimpi.cot.gold import gold_cots
from trimpi.cot.store import load_cots
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.suites import check_suite
from trimpi.recipe import CotTrainingConfig, Recipe
from trimpi.tasks.base import Task
from trimpi.tasks.selection import first_per_policy


def validate_inputs(recipe: Recipe, task: Task) -> None:
    """Check gold answers, the suites, and the chains of thought that stages will read.

    Raises DataError for the first that is wrong.
    """
    task.validate()
    validate_suites(recipe, task)
    for stage in recipe.stages:
        if not isinstance(stage, CotTrainingConfig):
            continue
        if stage.cot == "gold":
            gold_cots(first_per_policy(task.examples("train"), stage.examples_per_policy))
        elif stage.cot != "forward":
            load_cots(Path(stage.cot), task.examples("train"))


def validate_suites(recipe: Recipe, task: Task) -> None:
    """Raises DataError for the first suite of the recipe that the task does not have what it takes for."""
    source = SuiteSource(task=task, seed=recipe.seed, examples=recipe.evaluation.examples)
    for suite in recipe.evaluation.suites:
        check_suite(suite, source)
