"""The recipe of an update: the previous version's, trained on from its model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trimpi.errors import RecipeError
from trimpi.evaluation.storage import read_json
from trimpi.recipe import CustomTaskConfig, Recipe, SupervisedConfig, load_recipe, recipe_data
from trimpi.recipe.rewards import ChoiceReward
from trimpi.tasks.custom.folder import read_policies
from trimpi.update.folder import VersionFolder
from trimpi.update.moving import follow_model
from trimpi.update.rows import read_examples

EPOCHS = {"vm_cpt": 0.25}
OTHER_EPOCHS = 0.5
"""How much of its epochs a stage keeps: the model knows the rest of the policy, and how to answer."""
SUITES = ("accuracy", "in_context")
"""What an update is measured by."""
FILES = {"train": "train.jsonl", "test": "test.jsonl"}


def update_recipe(recipe: Recipe, *, name: str, model: Path, is_update: bool) -> dict[str, Any]:
    """Supervised stages over the rows beside it; a recipe without any keeps its stages.

    They have fewer epochs, unless the recipe `is_update` itself and has them already.
    The model is evaluated before, which is the previous version's answer to the new requests, and after its last stage.
    """
    data = recipe_data(recipe)
    supervised = [stage for stage in recipe.stages if isinstance(stage, SupervisedConfig)]
    stages = [
        {**stage.model_dump(mode="json"), "epochs": stage.epochs if is_update else _fewer(stage)}
        for stage in supervised
    ]
    suites = list(dict.fromkeys([*SUITES, *recipe.evaluation.suites]))
    data |= {
        "name": name,
        "model": {**data["model"], "path": str(model.resolve())},
        "task": {**data["task"], **FILES, "path": "."},
        "stages": stages or data["stages"],
        "evaluation": {**data["evaluation"], "base": True, "after": "last_stage", "suites": suites},
    }
    return data


def _fewer(stage: SupervisedConfig) -> float:
    return max(1.0, round(stage.epochs * EPOCHS.get(stage.type, OTHER_EPOCHS), 2))


def load_update_recipe(folder: VersionFolder, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of an update, to carry out.

    Answers to choose from are those of all rows, trained on again or not, and the old ones, which are looked for too.
    Raises RecipeError for a recipe that leaves out what an update is measured by.
    """
    recipe = follow_model(load_recipe(folder.recipe, overrides), Path(read_json(folder.plan)["root"]), folder)
    if not isinstance(recipe.task, CustomTaskConfig):
        raise RecipeError(f"task.type is {recipe.task.type} in {folder.recipe}; an update's is custom")
    if not recipe.stages or not recipe.evaluation.base or not set(SUITES) <= set(recipe.evaluation.suites):
        raise RecipeError(
            f"an update has a stage and compares models before and after it: keep stages, evaluation.base: true, and "
            f"{' and '.join(SUITES)} in evaluation.suites of {folder.recipe}"
        )
    if recipe.task.reward != ChoiceReward():
        return recipe
    policies = read_policies(folder.task)
    answers = (example.answer for file in folder.train_files() for example in read_examples(file, policies))
    choices = list(dict.fromkeys([*answers, *read_json(folder.plan)["old_answers"].values()]))
    if len(choices) < 2:
        return recipe  # the task says what is wrong with that
    reward = ChoiceReward(choices=choices)
    return recipe.model_copy(update={"task": recipe.task.model_copy(update={"reward": reward})})
