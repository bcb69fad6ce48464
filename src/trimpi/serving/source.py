"""What a name on the command line stands for: a model folder, a hub id, a run, or one of its stages. Torch-free."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trimpi.errors import ModelError, RunError
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.recipe import ModelConfig, Recipe, load_recipe
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.run.directory import RunDirectory
from trimpi.update.versions import version_in_use

CARD_FILE = "trimpi.json"
"""Beside an exported model: what it must be asked with, and where it comes from."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model to load, and the instruction it was trained and evaluated under.

    `run` and `stage` are the run it comes from and the name of the stage that made it, where it comes from one.
    """

    path: str
    name: str
    instruction: str = DEFAULT_INSTRUCTION
    model: ModelConfig = field(default_factory=ModelConfig)
    run: Path | None = None
    stage: str | None = None


def find_model(given: str, *, stage: str | None = None) -> ModelSource:
    """The model that is meant: of a run its last complete stage, or the named one; of an updated run that in use.

    Raises RunError for a run without that stage, ModelError for a stage's name where there is no run.
    """
    folder = Path(given).expanduser()
    if (folder / "recipe.yaml").is_file():
        return _of_run(folder if stage is not None else version_in_use(folder).path, stage)
    if stage is not None:
        raise ModelError(f"--stage is {stage}, but {given} is not a run directory: leave it out, or name the run")
    above = Path(os.path.normpath(folder / ".." / ".."))
    if (folder / "manifest.json").is_file() and (above / "recipe.yaml").is_file():
        return _of_run(above, folder.name)
    instruction = DEFAULT_INSTRUCTION
    if (folder / CARD_FILE).is_file():
        instruction = str(read_json(folder / CARD_FILE).get("instruction", DEFAULT_INSTRUCTION))
    return ModelSource(
        path=given,
        name=folder.resolve().name if folder.is_dir() else given,
        instruction=instruction,
        model=ModelConfig(path=given),
    )


def write_source(folder: Path, about: dict[str, Any]) -> None:
    """Keep what an exported model must be asked with beside it; `about` has the key "instruction"."""
    write_atomically(folder / CARD_FILE, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def complete_stages(run: RunDirectory) -> list[str]:
    """The finished stages of a run, in order."""
    manifests = sorted(run.path.glob("stages/*/manifest.json"))
    return [path.parent.name for path in manifests if read_json(path).get("status") == "complete"]


def _of_run(path: Path, stage: str | None) -> ModelSource:
    run = RunDirectory(path)
    recipe: Recipe = load_recipe(run.recipe)
    complete = complete_stages(run)
    chosen = stage or (complete[-1] if complete else None)
    if chosen is None or chosen not in complete:
        wanted = "a finished stage" if stage is None else f"the finished stage {stage}"
        allowed = ", ".join(complete) or "none yet"
        raise RunError(f"{path} does not have {wanted}; it has {allowed}: go on with `trimpi run`, or name another")
    return ModelSource(
        path=str(run.stage(chosen)),
        name=recipe.name,
        instruction=recipe.instruction or DEFAULT_INSTRUCTION,
        model=recipe.model,
        run=path,
        stage=chosen,
    )
