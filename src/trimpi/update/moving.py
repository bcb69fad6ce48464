"""An update whose run directory lies elsewhere by now: its recipes name places by whole paths, and follow."""

from __future__ import annotations

from pathlib import Path

from trimpi.evaluation.storage import write_atomically
from trimpi.recipe import Recipe, load_recipe, recipe_yaml
from trimpi.update.folder import VersionFolder


def follow_model(recipe: Recipe, root: Path, folder: VersionFolder) -> Recipe:
    """The recipe with its model where it is now, if it was in the run directory when that was `root`."""
    model = Path(recipe.model.path)
    if not model.is_relative_to(root):
        return recipe
    path = str(folder.root / model.relative_to(root))
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"path": path})})


def follow_begun(folder: VersionFolder) -> None:
    """Have the recipe that a run was begun with name its task and model where they are now, so that the run goes on."""
    file, task = folder.run.recipe, folder.task.resolve()
    if not file.is_file():
        return
    recorded = load_recipe(file)
    before = recorded.task.path  # type: ignore[union-attr]  # an update's task is custom
    within = task.relative_to(folder.root)
    if before == task or before.parts[-len(within.parts) :] != within.parts:
        return
    moved = recorded.model_copy(update={"task": recorded.task.model_copy(update={"path": task})})
    write_atomically(file, recipe_yaml(follow_model(moved, before.parents[len(within.parts) - 1], folder)))
