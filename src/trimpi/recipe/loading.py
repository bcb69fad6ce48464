"""Recipes from and to files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trimpi.errors import RecipeError
from trimpi.recipe.messages import explain
from trimpi.recipe.overrides import apply_overrides
from trimpi.recipe.recipe import Recipe
from trimpi.recipe.yaml_text import parse_yaml, write_yaml


def load_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a YAML recipe with `key.path=value` overrides. Raises RecipeError, in one line, for anything wrong."""
    data = _beside(path, read_recipe_data(path))
    return parse_recipe(apply_overrides(data, overrides), source=str(path))


def read_recipe_data(path: Path) -> dict[str, Any]:
    """The mapping in a recipe file, not yet validated."""
    if not path.is_file():
        raise RecipeError(f"no recipe at {path}: give the path of a YAML file, for example recipes/quickstart.yaml")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {path} cannot be read as UTF-8 text: {error}") from None
    data = parse_yaml(text, source=str(path))
    if not isinstance(data, dict):
        held = "nothing" if data is None else f"a {type(data).__name__}"
        raise RecipeError(f"recipe {path} holds {held}, not a mapping; it needs at least name, task and stages")
    return data


def _beside(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """The same with whole paths for what a recipe names relative to itself: a user's own task, and general data."""
    task, stages = data.get("task"), data.get("stages")
    if isinstance(task, dict) and task.get("type") == "custom":
        data = {**data, "task": _located(path, task)}
    if isinstance(stages, list):
        data = {**data, "stages": [_with_general(path, stage) for stage in stages]}
    return data


def _with_general(path: Path, stage: Any) -> Any:
    general = stage.get("general") if isinstance(stage, dict) else None
    return {**stage, "general": _located(path, general)} if isinstance(general, dict) else stage


def _located(path: Path, named: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(named.get("path"), str):
        return named
    return {**named, "path": str((path.parent / named["path"]).resolve())}


def parse_recipe(data: dict[str, Any], *, source: str) -> Recipe:
    """Validate a mapping. Raises RecipeError that names `source`, each wrong key, its value and what is allowed."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"recipe {source}: {explain(error, data)}") from None


def recipe_data(recipe: Recipe) -> dict[str, Any]:
    """The recipe resolved: every default filled in, plain values only."""
    return recipe.model_dump(mode="json")


def recipe_yaml(recipe: Recipe) -> str:
    """The recipe resolved, as YAML that `load_recipe` reads back to an equal recipe, `synth` apart."""
    return write_yaml(recipe_data(recipe))
