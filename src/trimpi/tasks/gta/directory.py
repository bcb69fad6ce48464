"""Items from a data set on disk in GTA's layout, GTA's own or another's with other tools (paper, GTAPolicy).

dataset.json    {"0": {"tools", "files", "dialogs", "gt_answer"}, ...}
image/          the files that it names
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from trimpi.errors import DataError
from trimpi.tasks.gta.dialog_json import (
    DialogRecord,
    RecordedCall,
    exact_image_name,
    find_tool,
    read_arguments,
    read_dialog_records,
    recorded_calls,
    tool_of,
)
from trimpi.tasks.gta.dialogs import Dialog, Step, next_calls
from trimpi.tasks.gta.items import Item, Profile
from trimpi.tasks.gta.profiles import sample_profile
from trimpi.tasks.gta.rules import RuleBook
from trimpi.tasks.gta.tools import Tool
from trimpi.types import Split

DATA_FILE = "dataset.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What did not become an item, and why: call number `step` of a dialog (from 1), or with None all of it."""

    dialog: str
    step: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """The items in the order of the file, and everything that was left out."""

    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...]


def load_gta_directory(path: Path, *, book: RuleBook, seed: int) -> LoadReport:
    """One item for every call that can be used, each with a user drawn by `seed`.

    A call that failed is no example and no history. A call that cannot be read, or whose returned value is missing,
    ends its dialog, because later calls build on it. All of that is in the report.
    Raises DataError for a folder without dataset.json, a file that is not one, an image that is missing, unreadable or
    outside the folder, and when no call at all can be used.
    """
    items: list[Item] = []
    skipped: list[Skipped] = []
    for key, record in read_dialog_records(_data_file(path)).items():
        if isinstance(record, str):
            skipped.append(Skipped(dialog=key, step=None, reason=record))
            continue
        dialog = _read_dialog(path, key, record, book.tools, skipped)
        if dialog is not None:
            items += next_calls(dialog, book, [_profile(seed, step, dialog) for step in dialog.steps])
    if not items:
        raise DataError(
            f"{path / DATA_FILE} has no call that can be used; the first reason, of dialog {skipped[0].dialog}: "
            f"{skipped[0].reason}"
        )
    return LoadReport(items=tuple(items), skipped=tuple(skipped))


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tools that a data set describes, without versions, in the order in which its dialogs name them.

    Raises DataError when there are none, when two dialogs describe a tool differently, and as `load_gta_directory`.
    """
    tools: dict[str, Tool] = {}
    for key, record in read_dialog_records(_data_file(path)).items():
        for described in record.tools if isinstance(record, DialogRecord) else ():
            tool = tool_of(described)
            if tools.setdefault(tool.name, tool) != tool:
                raise DataError(
                    f"{path / DATA_FILE}: dialog {key} describes the tool {tool.name!r} unlike an earlier dialog: "
                    f"give it one description"
                )
    if not tools:
        raise DataError(f"{path / DATA_FILE} describes no tools: give its dialogs a list of tools")
    return tuple(tools.values())


def split_items(
    items: Sequence[Item], *, train: int = 451, test: int = 106, seed: int
) -> Mapping[Split, tuple[Item, ...]]:
    """Training and test items, at most so many of each, with the items of a dialog on one side.

    Where there are fewer than both together, both shrink alike. What does not fit is left out, dialog by dialog.
    Raises DataError when there are fewer than two dialogs, and for sizes below 1.
    """
    if train < 1 or test < 1:
        raise DataError(
            f"a split of {train} training and {test} test items is not possible: ask for at least 1 of each"
        )
    sizes: dict[str, int] = {}
    for item in items:
        sizes[item.dialog] = sizes.get(item.dialog, 0) + 1
    if len(sizes) < 2:
        raise DataError(f"{len(sizes)} dialog cannot be split into training and test items: give at least 2")
    dialogs = list(sizes)
    random.Random(f"{seed}-split").shuffle(dialogs)
    scale = min(1.0, len(items) / (train + test))
    held_out = _fill(dialogs, sizes, max(1, round(test * scale)))
    remaining = [dialog for dialog in dialogs if dialog not in held_out]
    learned = _fill(remaining, sizes, train if scale == 1.0 else len(items))
    return {
        "train": tuple(item for item in items if item.dialog in learned),
        "test": tuple(item for item in items if item.dialog in held_out),
    }


def _fill(dialogs: Sequence[str], sizes: Mapping[str, int], room: int) -> set[str]:
    """Dialogs in order, each taken if it still fits; the smallest where none does, for no side may be empty."""
    taken: set[str] = set()
    for dialog in dialogs:
        if sizes[dialog] <= room:
            taken.add(dialog)
            room -= sizes[dialog]
    return taken or {min(dialogs, key=lambda dialog: sizes[dialog])}


def _data_file(path: Path) -> Path:
    file = path / DATA_FILE
    if not file.is_file():
        raise DataError(f"there is no {file}: give the folder that holds {DATA_FILE} and image/")
    return file


def _profile(seed: int, step: Step, dialog: Dialog) -> Profile:
    """The user of a call: a function of the seed and the call, so that other dialogs change nothing."""
    return sample_profile(random.Random(f"{seed}-{dialog.id}-{step.number}"))


def _read_dialog(
    path: Path, key: str, record: DialogRecord, tools: tuple[Tool, ...], skipped: list[Skipped]
) -> Dialog | None:
    """The dialog with the calls that can be used; the rest is added to `skipped`."""
    other = next((file for file in record.files if file.type != "image"), None)
    if other is not None:
        reason = f"its file {other.path} is of type {other.type!r}; only images can be used"
        skipped.append(Skipped(dialog=key, step=None, reason=reason))
        return None
    images = {file.path: _find_image(path, file.path, key) for file in record.files}
    try:
        query, calls = recorded_calls(record)
    except ValueError as error:
        skipped.append(Skipped(dialog=key, step=None, reason=str(error)))
        return None
    steps = _read_steps(key, calls, images, tools, skipped)
    return Dialog(id=key, query=query, images=images, steps=tuple(steps)) if steps else None


def _read_steps(
    key: str,
    calls: Sequence[RecordedCall],
    images: Mapping[str, Path],
    tools: tuple[Tool, ...],
    skipped: list[Skipped],
) -> list[Step]:
    steps: list[Step] = []
    broken_by: str | None = None
    for call in calls:
        reason = f"the call failed: {call.error}" if call.error is not None else broken_by
        if reason is None:
            try:
                steps.append(_read_step(call, images, tools, returned=[step.returned for step in steps]))
            except ValueError as error:
                reason, broken_by = str(error), f"it follows call {call.number}, which cannot be used"
            else:
                if call.returned is None:
                    broken_by = f"it follows call {call.number}, whose returned value is missing"
        if reason is not None:
            skipped.append(Skipped(dialog=key, step=call.number, reason=reason))
    return steps


def _read_step(call: RecordedCall, images: Mapping[str, Path], tools: tuple[Tool, ...], returned: list[str]) -> Step:
    tool = find_tool(call.name, tools)
    arguments = read_arguments(call.arguments, tool)
    for argument in tool.arguments:
        if argument.type == "image" and argument.name in arguments:
            arguments[argument.name] = exact_image_name(arguments[argument.name], images, returned)
    return Step(
        number=call.number,
        tool=tool.name,
        arguments=arguments,
        returned=call.returned or "",
        thought=call.thought,
    )


def _find_image(path: Path, name: str, key: str) -> Path:
    """Where an image lies, with links followed."""
    given = path / name
    image = given.resolve()
    if not image.is_relative_to(path.resolve()):
        raise DataError(f"dialog {key}: the image {name!r} leads outside {path}, to {image}: copy it into image/")
    if not image.is_file():
        raise DataError(f"dialog {key}: its image {given} is missing: put it there, or take the dialog out")
    try:
        with Image.open(image) as opened:
            opened.verify()
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file, and all mean the same here
        raise DataError(f"dialog {key}: its image {image} cannot be read: {error}") from None
    return image
