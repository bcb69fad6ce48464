"""The recipe of an update: the previous version's, trained on from its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trimpi.recipe import CustomTaskConfig, Recipe, SupervisedConfig, recipe_data

EPOCHS = {"vm_cpt": 0.25}
OTHER_EPOCHS = 0.5
"""How much of its epochs a stage keeps: the model knows the rest of the policy, and how to answer."""
FILES = {"train": "train.jsonl", "test": "test.jsonl"}


def update_recipe(recipe: Recipe, *, name: str, model: Path) -> dict[str, Any]:
    """Supervised stages with fewer epochs, over the rows beside it; a recipe without any keeps its stages.

    The model is evaluated before, which is the previous version's answer to the new requests, and after its last stage.
    """
    data = recipe_data(recipe)
    supervised = [stage for stage in recipe.stages if isinstance(stage, SupervisedConfig)]
    stages = [
        {
            **stage.model_dump(mode="json"),
            "epochs": max(1.0, round(stage.epochs * EPOCHS.get(stage.type, OTHER_EPOCHS), 2)),
        }
        for stage in supervised
    ]
    assert isinstance(recipe.task, CustomTaskConfig)
    suites = list(dict.fromkeys(["accuracy", "in_context", *recipe.evaluation.suites]))
    data |= {
        "name": name,
        "model": {**data["model"], "path": str(model.resolve())},
        "task": {**data["task"], **FILES, "path": "."},
        "stages": stages or data["stages"],
        "evaluation": {**data["evaluation"], "base": True, "after": "last_stage", "suites": suites},
    }
    return data
