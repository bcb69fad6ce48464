"""The folder of a version: a task's folder with its recipe, complete in itself, and the plan it was made by."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimpi.digest import file_digest
from trimpi.errors import DataError
from trimpi.evaluation.storage import write_atomically
from trimpi.policies import Policy
from trimpi.recipe import CustomTaskConfig
from trimpi.recipe.rewards import FunctionReward, JsonReward
from trimpi.recipe.yaml_text import write_yaml
from trimpi.run.data import write_policies
from trimpi.run.directory import UPDATE_FILE, UPDATE_RESULTS_FILE, RunDirectory
from trimpi.tasks.custom.places import inside
from trimpi.tasks.custom.row_writer import example_row, write_rows
from trimpi.types import Example
from trimpi.update.rows import SortedRows

PHOTOS = "photos"


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """Where everything of an update lies: `task` with the recipe in it, `run` for the training, the plan and results.

    `task` is a person's to edit until the training begins. In it, train.jsonl is what the update trains on, kept.jsonl
    the rows besides, unanswered-SPLIT.jsonl those that are used no more as they are.
    """

    path: Path

    @property
    def root(self) -> Path:
        """The run directory that is updated."""
        return self.path.parent.parent.resolve()

    @property
    def task(self) -> Path:
        return self.path / "task"

    @property
    def recipe(self) -> Path:
        return self.task / "recipe.yaml"

    @property
    def run(self) -> RunDirectory:
        run = self.path / "run"
        return RunDirectory(run, start_afresh=f"delete {run}: policy, rows and recipe stay in {self.task}")

    @property
    def plan(self) -> Path:
        return self.path / UPDATE_FILE

    @property
    def results(self) -> Path:
        return self.path / UPDATE_RESULTS_FILE

    def train_files(self) -> tuple[Path, Path]:
        """Every training row of the version: trained on, and kept besides."""
        return self.task / "train.jsonl", self.task / "kept.jsonl"

    def unanswered(self, split: str) -> Path:
        """Rows that nobody has answered under the new version."""
        return self.task / f"unanswered-{split}.jsonl"

    def content_digest(self) -> str:
        """Of everything that a person may edit in `task`."""
        digests = hashlib.sha256()
        for file in sorted(path for path in self.task.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            digests.update(f"{file.relative_to(self.task).as_posix()} {file_digest(file)}\n".encode())
        return digests.hexdigest()


@dataclass(frozen=True, kw_only=True)
class VersionContent:
    """`again` are the untouched training rows that are trained on once more, `kept` the others."""

    policies: Sequence[Policy]
    train: SortedRows
    again: Sequence[Example]
    kept: Sequence[Example]
    test: SortedRows
    source: CustomTaskConfig
    recipe: dict[str, Any]
    plan: Mapping[str, Any]


def write_version(folder: VersionFolder, content: VersionContent) -> None:
    """In the place of what is there: beside it first, then renamed, so that there is never half of one.

    Raises DataError for a reward whose files cannot be copied.
    """
    unfinished = VersionFolder(folder.path.with_name(f".{folder.path.name}.partial"))
    shutil.rmtree(unfinished.path, ignore_errors=True)
    trained, kept = unfinished.train_files()
    train, test = content.train, content.test
    write_policies(content.policies, unfinished.task)
    _write(unfinished.task, trained, (*train.affected, *content.again))
    _write(unfinished.task, kept, content.kept)
    _write(unfinished.task, unfinished.task / "test.jsonl", (*test.affected, *test.untouched))
    for split, rows in (("train", train), ("test", test)):
        if rows.unanswered:
            _write(unfinished.task, unfinished.unanswered(split), rows.unanswered)
    _keep_reward(content.source, unfinished.task)
    write_atomically(unfinished.recipe, write_yaml(content.recipe))
    plan = {**content.plan, "content": unfinished.content_digest()}
    write_atomically(unfinished.plan, json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    replaced = folder.path.with_name(f".{folder.path.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if folder.path.exists():
        folder.path.rename(replaced)
    unfinished.path.rename(folder.path)
    shutil.rmtree(replaced, ignore_errors=True)


def _write(task: Path, file: Path, examples: Sequence[Example]) -> None:
    write_rows([_row_in(task, example) for example in examples], file)


def _row_in(folder: Path, example: Example) -> dict[str, Any]:
    """The row, its images copied into the folder under names made of their content."""
    names = []
    for image in example.all_images:
        name = f"{PHOTOS}/{file_digest(image)[:16]}{image.suffix}"
        if not (folder / name).is_file():
            (folder / PHOTOS).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, folder / name)
        names.append(name)
    return {**example_row(example), "images": names}


def _keep_reward(source: CustomTaskConfig, folder: Path) -> None:
    """What a reward reads: a schema, a module of the user's own."""
    match source.reward:
        case JsonReward(json_schema=str() as named):
            schema = inside(source.path, named, what="the JSON Schema")
            (folder / named).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(schema, folder / named)
        case FunctionReward(function=named):
            _copy_module(source.path, named.partition(":")[0].partition(".")[0], folder)


def _copy_module(source: Path, module: str, folder: Path) -> None:
    """A module that lies in the task's folder, with those beside it, which it may import.

    One that does not lie there is found where Python looks.
    """
    if not (source / module).is_dir() and not (source / f"{module}.py").is_file():
        return
    try:
        for file in source.glob("*.py"):
            shutil.copyfile(file, folder / file.name)
        for package in {source / module, *(file.parent for file in source.glob("*/__init__.py"))}:
            if package.is_dir():
                shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise DataError(f"the reward's module {module} cannot be copied from {source}: {error.strerror}") from None
