"""The folder of a policy's next version, made before anything is trained: policy, rows, recipe, and what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trimpi.errors import RunError
from trimpi.evaluation.storage import read_json
from trimpi.policies import Policy
from trimpi.recipe import load_recipe, recipe_differences
from trimpi.run.data import SPLITS
from trimpi.run.directory import RunDirectory
from trimpi.tasks.custom.folder import read_policies
from trimpi.types import Example
from trimpi.update.change import PolicyChange, UpdateRequest, read_change
from trimpi.update.folder import VersionContent, VersionFolder, write_version
from trimpi.update.recipe import update_recipe
from trimpi.update.rows import SortedRows, read_examples, replayed
from trimpi.update.source import Source, read_source
from trimpi.update.versions import FIRST, VersionHistory


@dataclass(frozen=True, kw_only=True)
class PreparedUpdate:
    """A version that is ready to be trained; the plan is what its folder holds of it."""

    number: int
    folder: VersionFolder
    plan: Mapping[str, Any]


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
    change = read_change(request, read_source(history, history.current))
    prepared = find_prepared(history)
    if prepared is not None:
        if prepared.plan["inputs"] == change.inputs():
            return prepared
        _refuse_to_replace(prepared, change.inputs())
    number = history.next_number
    train, test = (change.sorted_rows(split) for split in SPLITS)
    again, kept = replayed(train, share=request.replay, seed=number)
    plan = {
        "number": number,
        "root": str(history.root.resolve()),
        **_plan_of_policy(change),
        **_plan_of_rows(change, train, test, again),
        "inputs": change.inputs(),
    }
    content = VersionContent(
        policies=change.policies,
        train=train,
        again=again,
        kept=kept,
        test=test,
        source=change.source.task,
        recipe=_recipe(history, change.source, number),
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


def _refuse_to_replace(prepared: PreparedUpdate, inputs: Mapping[str, Any]) -> None:
    path, begun = prepared.folder.path, prepared.folder.run.recipe.is_file()
    if begun or prepared.plan["content"] != prepared.folder.content_digest():
        differences = recipe_differences(inputs, prepared.plan["inputs"])
        raise RunError(
            f"{path} was prepared from something else, and has been {'trained in' if begun else 'edited'} since; "
            f"{'; '.join(differences)}. Give what is recorded to go on with it, or delete {path} to prepare it afresh: "
            "the versions before it stay"
        )


def _plan_of_policy(change: PolicyChange) -> dict[str, Any]:
    old, new = change.old.policy, change.new.policy
    return {
        "parent": change.source.version.number,
        "policy": {"name": new.name, "before": old.content_hash, "after": new.content_hash},
        "opening": change.difference.opening,
        "reordered": change.difference.reordered,
        "sections": [{**asdict(section), "lines": section.lines()} for section in change.difference.sections],
    }


def _plan_of_rows(
    change: PolicyChange, train: SortedRows, test: SortedRows, again: Sequence[Example]
) -> dict[str, Any]:
    policy = change.new.policy
    return {
        "rows": {"train": _ids(train), "test": _ids(test)},
        "replayed": [example.id for example in again],
        "no_section": {"train": _without_sections(train, policy), "test": _without_sections(test, policy)},
        "old_answers": _answers(change.source.rows["test"], without=test.untouched),
    }


def _recipe(history: VersionHistory, source: Source, number: int) -> dict[str, Any]:
    first = load_recipe(RunDirectory(history.root).recipe)
    return update_recipe(
        source.recipe.model_copy(update={"task": source.task}),
        name=f"{first.name}-v{number}",
        model=history.model(source.version),
        is_update=source.version.number != FIRST,
    )


def _without_sections(rows: SortedRows, policy: Policy) -> list[str]:
    """The untouched rows of a policy of which nobody knows whether a change decides them."""
    return [one.id for one in rows.untouched if one.policy_name == policy.name and not one.meta["sections"]]


def _answers(examples: Sequence[Example], *, without: Sequence[Example]) -> dict[str, str]:
    left_out = {example.id for example in without}
    return {example.id: example.answer for example in examples if example.id not in left_out}


def _ids(rows: SortedRows) -> dict[str, list[str]]:
    return {
        "changed": [example.id for example in rows.changed],
        "confirmed": [example.id for example in rows.confirmed],
        "untouched": [example.id for example in rows.untouched],
        "unanswered": [example.id for example in rows.unanswered],
    }
