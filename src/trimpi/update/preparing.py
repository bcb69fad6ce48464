"""The folder of a policy's next version, made before anything is trained: policy, rows, recipe, and what changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from trimpi.digest import file_digest
from trimpi.errors import DataError, RunError
from trimpi.evaluation.storage import read_json
from trimpi.policies import Policy, load_policy
from trimpi.policies.outline import Citations, outline
from trimpi.policies.policy import POLICY_FILE
from trimpi.recipe import CustomTaskConfig, Recipe, load_recipe
from trimpi.run.data import SPLITS
from trimpi.run.directory import RunDirectory
from trimpi.tasks.custom.folder import PolicyFile, read_policies
from trimpi.tasks.custom.row_writer import example_row
from trimpi.types import Example, Split
from trimpi.update.difference import compare_policies
from trimpi.update.folder import VersionContent, VersionFolder, write_version
from trimpi.update.recipe import update_recipe
from trimpi.update.rows import SortedRows, read_examples, replayed, sort_rows
from trimpi.update.versions import FIRST, Version, VersionHistory


@dataclass(frozen=True, kw_only=True)
class UpdateRequest:
    """What a new version is made from. `train` and `test` are files of rows given anew; None gives none.

    `answers_stand` keeps the answers of rows that a changed section decides and that are not given. `replay` is how
    many untouched rows are trained on again for each affected one.
    """

    policy: Path
    train: Path | None = None
    test: Path | None = None
    answers_stand: bool = False
    replay: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PreparedUpdate:
    """A version that is ready to be trained; the plan is what its folder holds of it."""

    number: int
    folder: VersionFolder
    plan: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The version that is trained on: its task, policies and all of its rows by split."""

    task: CustomTaskConfig
    policies: Mapping[str, PolicyFile]
    rows: Mapping[Split, tuple[Example, ...]]


def find_prepared(history: VersionHistory) -> PreparedUpdate | None:
    """The update that was prepared and is not finished, if there is one."""
    number = history.next_number
    folder = VersionFolder(history.folder(number))
    return PreparedUpdate(number=number, folder=folder, plan=read_json(folder.plan)) if folder.plan.is_file() else None


def prepare_update(history: VersionHistory, request: UpdateRequest) -> PreparedUpdate:
    """Write the next version's folder, or find it as it was written from the same policy and rows.

    What was prepared from another policy or other rows is replaced, unless its folder has been edited or trained in.
    Raises RunError then, and when the policy is the same; PolicyError and DataError for a wrong policy and wrong rows.
    Nothing is left behind.
    """
    if not isfinite(request.replay):
        raise RunError(f"--replay is {request.replay}: give how many untouched rows for each affected one")
    parent = history.current
    recipe = load_recipe(RunDirectory(history.root / parent.run).recipe)
    source = _read_source(history, parent, recipe)
    new = _read_policy(request.policy)
    old = _replaced(source.policies, new.policy, request.policy)
    difference = compare_policies(old, new)
    if difference.is_none:
        raise RunError(f"{request.policy} says what version {parent.number} was trained on: there is nothing to update")
    policies = {name: new if read is old else read for name, read in source.policies.items()}
    given: dict[Split, tuple[Example, ...]] = {
        "train": () if request.train is None else _given(request.train, policies),
        "test": () if request.test is None else _given(request.test, policies),
    }
    _refuse_rows_of_the_other_split(source, given)
    inputs = _inputs(parent, new.policy, given, request)
    prepared = find_prepared(history)
    if prepared is not None:
        if prepared.plan["inputs"] == inputs:
            return prepared
        _refuse_to_replace(prepared)
    train, test = (
        sort_rows(
            source.rows[split],
            given[split],
            policy=old.policy.name,
            renamed=new.policy.name,
            touched=difference.touched,
            sections={section.id for section in new.sections},
            answers_stand=request.answers_stand,
        )
        for split in SPLITS
    )
    number = history.next_number
    again, kept = replayed(train, share=request.replay, seed=number)
    plan = {
        "number": number,
        "parent": parent.number,
        "policy": {"name": new.policy.name, "before": old.policy.content_hash, "after": new.policy.content_hash},
        "opening": difference.opening,
        "reordered": difference.reordered,
        "sections": [{**asdict(change), "lines": change.lines()} for change in difference.sections],
        "rows": {"train": _ids(train), "test": _ids(test)},
        "replayed": [example.id for example in again],
        "no_section": {"train": _without_sections(train, new.policy), "test": _without_sections(test, new.policy)},
        "old_answers": _answers(source.rows["test"], without=test.untouched),
        "inputs": inputs,
    }
    content = VersionContent(
        policies=[read.policy for read in policies.values()],
        train=train,
        again=again,
        kept=kept,
        test=test,
        source=source.task,
        recipe=update_recipe(
            recipe.model_copy(update={"task": source.task}),
            name=_name(history, number),
            model=history.model(parent),
            is_update=parent.number != FIRST,
        ),
        plan=plan,
    )
    folder = VersionFolder(history.folder(number))
    write_version(folder, content)
    return PreparedUpdate(number=number, folder=folder, plan=plan)


def check_rows(prepared: PreparedUpdate) -> None:
    """Raises RunError when no row that the update trains on would teach what has changed."""
    policies = read_policies(prepared.folder.task)
    again = set(prepared.plan["replayed"])
    trained, _ = prepared.folder.train_files()
    if all(example.id in again for example in read_examples(trained, policies)):
        changed = ", ".join(change["section"] for change in prepared.plan["sections"]) or "the opening text"
        raise RunError(
            f"no training row would teach what has changed ({changed}): give rows with their new answers (--train "
            f"FILE; a row keeps its id), write them into {trained} (those that need one are in "
            f"{prepared.folder.unanswered('train').name}), or say --answers-stand where only the wording is new"
        )


def _refuse_to_replace(prepared: PreparedUpdate) -> None:
    begun = prepared.folder.run.recipe.is_file()
    if begun or prepared.plan["content"] != prepared.folder.content_digest():
        done = "trained in" if begun else "edited"
        raise RunError(
            f"{prepared.folder.path} was prepared from another version, policy, rows or options, and has been {done} "
            "since: give those again to go on with it, or delete the folder"
        )


def _name(history: VersionHistory, number: int) -> str:
    return f"{load_recipe(RunDirectory(history.root).recipe).name}-v{number}"


def _read_source(history: VersionHistory, version: Version, recipe: Recipe) -> _Source:
    """The first version's data are in its run, an update's in its folder: the user's own may have changed since."""
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
        return _Source(task=task, policies=policies, rows=rows)
    policies = read_policies(folder.task)
    train: dict[str, Example] = {}
    for file in folder.train_files():
        for example in read_examples(file, policies):
            train.setdefault(example.id, example)  # one of kept.jsonl may have been written anew in train.jsonl
    test = read_examples(folder.task / "test.jsonl", policies)
    return _Source(task=task, policies=policies, rows={"train": tuple(train.values()), "test": test})


def _read_policy(file: Path) -> PolicyFile:
    policy = load_policy(file)
    text = (file / POLICY_FILE if file.is_dir() else file).read_text(encoding="utf-8")
    sections = outline(policy, text)
    return PolicyFile(file=file, policy=policy, sections=sections, citations=Citations(sections))


def _replaced(policies: Mapping[str, PolicyFile], new: Policy, file: Path) -> PolicyFile:
    """The policy that the new one takes the place of: the only one, or the one of the same name."""
    if len(policies) == 1:
        return next(iter(policies.values()))
    if new.name not in policies:
        raise RunError(f"{file} is named {new.name!r}; the run's policies are {', '.join(policies)}: name it like one")
    return policies[new.name]


def _given(file: Path, policies: Mapping[str, PolicyFile]) -> tuple[Example, ...]:
    return read_examples(file, {read.policy.name: read for read in policies.values()})


def _refuse_rows_of_the_other_split(source: _Source, given: Mapping[Split, Sequence[Example]]) -> None:
    for split, other in (SPLITS, SPLITS[::-1]):
        theirs = {example.id for example in (*source.rows[other], *given[other])}
        for example in given[split]:
            if example.id in theirs:
                raise DataError(
                    f"{example.meta['place']}: the id {example.id!r} is a {other} row's: give it with --{other}, or a "
                    "new id"
                )


def _without_sections(rows: SortedRows, policy: Policy) -> list[str]:
    """The untouched rows of a policy of which nobody knows whether a change decides them."""
    return [one.id for one in rows.untouched if one.policy_name == policy.name and not one.meta["sections"]]


def _answers(examples: Sequence[Example], *, without: Sequence[Example]) -> dict[str, str]:
    left_out = {example.id for example in without}
    return {example.id: example.answer for example in examples if example.id not in left_out}


def _inputs(parent: Version, policy: Policy, given: Mapping[Split, Sequence[Example]], request: UpdateRequest) -> str:
    rows = {
        split: [{**example_row(one), "images": list(map(file_digest, one.all_images))} for one in examples]
        for split, examples in given.items()
    }
    made = [parent.number, policy.name, policy.content_hash, rows, request.answers_stand, request.replay]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def _ids(rows: SortedRows) -> dict[str, list[str]]:
    return {
        "changed": [example.id for example in rows.changed],
        "confirmed": [example.id for example in rows.confirmed],
        "untouched": [example.id for example in rows.untouched],
        "unanswered": [example.id for example in rows.unanswered],
    }
