"""Where everything of a run lies, and the lock that keeps two processes from writing there at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trimpi.cot.store import COT_FILE
from trimpi.errors import RunError
from trimpi.evaluation.storage import write_atomically
from trimpi.recipe import Recipe, recipe_data, recipe_differences, recipe_yaml
from trimpi.recipe.yaml_text import parse_yaml

BASE_NAME = "00-base"
BREAK_EVEN_FILE = "break_even.json"
VERSIONS_FILE = "versions.json"
"""In a run that was updated: its versions."""
UPDATE_FILE, UPDATE_RESULTS_FILE = "update.json", "results.json"
"""Beside an update's run: what it changes, and what it did."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The paths of a run; `start_afresh` is what a person does who wants to begin it again."""

    path: Path
    start_afresh: str = "give another --out"

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def rollouts(self) -> Path:
        return self.path / "rollouts.jsonl"

    @property
    def break_even(self) -> Path:
        return self.path / BREAK_EVEN_FILE

    def stage(self, name: str) -> Path:
        return self.path / "stages" / name

    def stage_manifest(self, name: str) -> Path:
        return self.stage(name) / "manifest.json"

    def sampled_stages(self) -> set[str]:
        """The stages whose chains of thought are sampled and written."""
        return {path.parent.name for path in self.path.glob(f"stages/*/{COT_FILE}")}

    def evaluation(self, name: str) -> Path:
        return self.path / "eval" / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory until the process ends, however it ends. Raises RunError when another process holds it."""
        self._create()
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"another process works in {self.path}: wait until it has ended") from None
            yield

    def refuse_other_recipes(self, recipe: Recipe) -> None:
        """Raises RunError when the directory is another recipe's, with the keys that differ, or no run's."""
        if self.recipe.is_file():
            self._refuse_changes(recipe)
            return
        foreign = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith("."))
        if foreign:
            raise RunError(f"{self.path} is not a run directory (it holds {foreign[0]}): choose a new or empty --out")

    def claim(self, recipe: Recipe) -> None:
        """Make the directory this recipe's."""
        if not self.recipe.is_file():
            write_atomically(self.recipe, recipe_yaml(recipe))

    def _refuse_changes(self, recipe: Recipe) -> None:
        recorded = parse_yaml(self.recipe.read_text(encoding="utf-8"), source=str(self.recipe))
        differences = recipe_differences(recipe_data(recipe), recorded)
        if differences:
            raise RunError(
                f"{self.path} was begun with other settings; {'; '.join(differences)}. "
                f"Give those that are recorded to go on; to start afresh, {self.start_afresh}"
            )

    def _create(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RunError(f"{self.path} cannot be a run directory: it, or a folder above it, is a file") from None


def stage_name(number: int, kind: str) -> str:
    """The folder name of the `number`-th stage, counted from 1: it sorts in the order of the run."""
    return f"{number:02d}-{kind}"


def evaluated_models(recipe: Recipe) -> list[str]:
    """The models that a recipe has evaluated, in order; one without stages has no other than its base."""
    names = [stage_name(number, stage.type) for number, stage in enumerate(recipe.stages, start=1)]
    kept = names if recipe.evaluation.after == "every_stage" else names[-1:]
    return [BASE_NAME, *kept] if recipe.evaluation.base or not kept else kept
