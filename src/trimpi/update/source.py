"""The version that an update begins at: its task, policies and rows, from the run or from an update's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimpi.errors import RunError
from trimpi.recipe import CustomTaskConfig, Recipe, load_recipe
from trimpi.run.data import SPLITS
from trimpi.run.directory import RunDirectory
from trimpi.tasks.custom.folder import PolicyFile, read_policies
from trimpi.types import Example, Split
from trimpi.update.folder import VersionFolder
from trimpi.update.rows import read_examples
from trimpi.update.versions import FIRST, Version, VersionHistory


@dataclass(frozen=True, kw_only=True)
class Source:
    """`recipe` is what the version was made by, `rows` are all of its rows."""

    version: Version
    recipe: Recipe
    task: CustomTaskConfig
    policies: Mapping[str, PolicyFile]
    rows: Mapping[Split, tuple[Example, ...]]


def read_source(history: VersionHistory, version: Version) -> Source:
    """The first version's data are in its run, an update's in its folder: the user's own may have changed since."""
    recipe = load_recipe(RunDirectory(history.root / version.run).recipe)
    folder = VersionFolder(history.folder(version.number))
    # An update's run wrote down where its folder was then, and as choices the answers of that time.
    task = recipe.task if version.number == FIRST else load_recipe(folder.recipe).task
    if not isinstance(task, CustomTaskConfig):
        raise RunError(f"the task of {history.root} is {task.type}: an update is of a policy of your own (custom)")
    if version.number == FIRST:
        data = RunDirectory(history.root).data
        policies = read_policies(data)
        files = {split: data / f"{split}.jsonl" for split in SPLITS}
        rows = {split: read_examples(file, policies, whole_paths=True) for split, file in files.items()}
        return Source(version=version, recipe=recipe, task=task, policies=policies, rows=rows)
    policies = read_policies(folder.task)
    train: dict[str, Example] = {}
    for file in folder.train_files():
        for example in read_examples(file, policies):
            train.setdefault(example.id, example)  # one of kept.jsonl may have been written anew in train.jsonl
    test = read_examples(folder.task / "test.jsonl", policies)
    return Source(
        version=version,
        recipe=recipe,
        task=task,
        policies=policies,
        rows={"train": tuple(train.values()), "test": test},
    )
