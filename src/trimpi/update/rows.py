"""Which rows a new version of a policy changes."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from trimpi.digest import file_digest
from trimpi.errors import DataError
from trimpi.tasks.custom.examples import example_of
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.tasks.custom.row_reader import read_lines, read_row
from trimpi.tasks.custom.row_writer import example_row
from trimpi.types import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRows:
    """The rows of a split under the new version, each in one place.

    `changed` are rows that were given anew, or are new. `confirmed` are decided by a section that changed, and their
    answer stands all the same. `untouched` are decided by none. `unanswered` are decided by one, and nobody has said
    what the answer is now: they are used no more.
    """

    changed: tuple[Example, ...]
    confirmed: tuple[Example, ...]
    untouched: tuple[Example, ...]
    unanswered: tuple[Example, ...]

    @property
    def affected(self) -> tuple[Example, ...]:
        """What the new version is learned and measured by."""
        return (*self.changed, *self.confirmed)


def sort_rows(
    old: Sequence[Example],
    given: Sequence[Example],
    *,
    policy: str,
    renamed: str,
    touched: Set[str],
    sections: Collection[str],
    answers_stand: bool,
) -> SortedRows:
    """Sort the `old` rows and those `given`, by their ids, for a version of `policy`, which is now called `renamed`.

    `touched` are the ids of the sections that differ, `sections` those there are now. A row that is given as it was is
    confirmed by that; `answers_stand` confirms all that are not given.
    """
    anew = {example.id: example for example in given}
    kept: dict[str, list[Example]] = {"confirmed": [], "untouched": [], "unanswered": []}
    changed = []
    for example in old:
        mine = example.policy_name == policy
        here = _under(example, renamed, sections) if mine else example
        now = anew.pop(example.id, None)
        if now is not None and _content(now) != _content(here):
            changed.append(now)
            continue
        named = {*example.meta["sections"], *(now.meta["sections"] if now is not None else ())}
        decided = mine and not touched.isdisjoint(named)
        place = "untouched" if not decided else "confirmed" if now is not None or answers_stand else "unanswered"
        kept[place].append(now or here)
    changed += anew.values()
    return SortedRows(changed=tuple(changed), **{name: tuple(rows) for name, rows in kept.items()})


def replayed(rows: SortedRows, *, share: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The untouched rows to train on again, `share` for each that is affected, answered or not, and the others."""
    wanted = min(len(rows.untouched), round(share * len((*rows.affected, *rows.unanswered))))
    chosen = {example.id for example in random.Random(seed).sample(rows.untouched, wanted)}
    return (
        tuple(example for example in rows.untouched if example.id in chosen),
        tuple(example for example in rows.untouched if example.id not in chosen),
    )


def read_examples(file: Path, policies: Mapping[str, PolicyFile], *, whole_paths: bool = False) -> tuple[Example, ...]:
    """The rows of a file, whose images lie beside it; or, as a run writes them, anywhere, by their whole path.

    Raises DataError for a wrong row, and for an id that is there twice.
    """
    examples: dict[str, Example] = {}
    for place, data in read_lines(file):
        folder = file.parent
        if whole_paths:
            data = {**data, "images": [name.lstrip("/") for name in data["images"]]}
            folder = Path("/")
        example = example_of(read_row(data, place=place, folder=folder), dict(policies))
        if example.id in examples:
            raise DataError(f"{place}: the id {example.id!r} is there twice: give each row its own")
        examples[example.id] = example
    return tuple(examples.values())


def _content(example: Example) -> object:
    """What a row asks and answers; which sections decide it is no part of that."""
    row = example_row(example)
    row.pop("sections", None)
    return {**row, "images": [file_digest(image) for image in example.all_images]}


def _under(example: Example, renamed: str, sections: Collection[str]) -> Example:
    left = tuple(section for section in example.meta["sections"] if section in sections)
    return replace(example, policy_name=renamed, meta={**example.meta, "sections": left})
