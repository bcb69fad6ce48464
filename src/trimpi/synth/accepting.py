"""Accepted requests become training rows."""

from __future__ import annotations

import json
from pathlib import Path

from trimpi.errors import DataError
from trimpi.recipe import CustomTaskConfig
from trimpi.synth.review import ReviewFile, ReviewRecord
from trimpi.synth.rows import read_example
from trimpi.tasks.custom.places import inside
from trimpi.tasks.custom.row_writer import write_text
from trimpi.tasks.custom.task import CustomTask


def accept(task: CustomTask, source: CustomTaskConfig, *, pending: bool, reasoned: bool = False) -> int:
    """Add the accepted records' rows to the training file, those that are pending too if asked, and mark them used.
    `reasoned` says that the recipe learns the rows' own reasoning, so that every one needs a `cot`.

    Returns how many rows were added. Killed between the two files and started again, it adds none twice. Raises
    DataError naming the line of a row that has become wrong; nothing is added then.
    """
    review = ReviewFile(source.path)
    statuses = ("accepted", "pending") if pending else ("accepted",)
    placed = review.placed()
    chosen = [(place, record) for place, record in placed if record.status in statuses]
    there = {split: {example.id for example in task.examples(split)} for split in ("train", "test")}
    lines: dict[str, str] = {}
    for place, record in chosen:
        id = _checked(task, place, record, reasoned=reasoned)
        if id in lines or id in there["test"]:
            raise DataError(f"{place}: the id {id!r} is there already: give the row its own")
        lines[id] = json.dumps(record.row, ensure_ascii=False) + "\n"
    added = [line for id, line in lines.items() if id not in there["train"]]
    if added:
        _append(inside(source.path, source.train, what="task.train"), added)
    used = {place for place, _ in chosen}
    if used:
        review.write(
            record.model_copy(update={"status": "used"}) if place in used else record for place, record in placed
        )
    return len(added)


def _checked(task: CustomTask, place: str, record: ReviewRecord, *, reasoned: bool) -> str:
    """The id of the row, which a person may have changed."""
    if record.row is None:
        raise DataError(f"{place}: it is accepted, but has no row: write one, or set status to rejected")
    example = read_example(task, record.row, place=place)
    if reasoned and example.cot is None:
        raise DataError(
            f"{place}: the row has no reasoning, which stages with cot: gold learn: write cot into row, or set status "
            "to rejected"
        )
    return example.id


def _append(file: Path, lines: list[str]) -> None:
    """In one step; what is there stays as it is."""
    text = file.read_bytes().decode()
    separator = "" if not text or text.endswith("\n") else "\n"
    write_text(text + separator + "".join(lines), file)
