"""What sections lack, and the calls that would fill it: decided by training rows and review file alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from trimpi.errors import RecipeError
from trimpi.synth.review import ReviewRecord
from trimpi.tasks.custom.folder import PolicyFile
from trimpi.tasks.custom.task import CustomTask
from trimpi.types import Example

WHOLE = ""
"""The section of a policy without headings: all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A section by its id, how many requests exercise it, and how many more it is to get."""

    policy: str
    section: str
    title: str
    have: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One call: so many requests for a section, about an image or none. `number` counts a section's calls from 1."""

    policy: str
    section: str
    title: str
    number: int
    count: int
    image: Path | None


def gaps(task: CustomTask, settled: Sequence[Example], *, wanted: int, skip: Sequence[str]) -> list[Gap]:
    """Every section in order but those to skip, what it has and lacks. Rows exercise what they name or cite, several
    sections perhaps; `settled` are those that wait in the review file. Raises RecipeError for a section to skip that no
    policy has.
    """
    _refuse_unknown(task, skip)
    have: Counter[tuple[str, str]] = Counter()
    for example in (*task.examples("train"), *settled):
        have.update((example.policy_name, section) for section in (WHOLE, *example.meta["sections"]))
    found = []
    for name, read in task.files.items():
        skipped = {read.citations.id_of(name) for name in skip}
        for id, title in _sections(read).items():
            if id in skipped:
                continue
            count = have[name, id]
            found.append(Gap(policy=name, section=id, title=title, have=count, missing=max(0, wanted - count)))
    return found


def batches(
    gaps: Sequence[Gap], records: Sequence[ReviewRecord], *, per_call: int, images: Sequence[Path]
) -> list[Batch]:
    """The calls of one round. Images take turns, in every section from another one on."""
    calls = []
    for position, gap in enumerate(gaps):
        done = [record.batch for record in records if (record.policy, record.section) == (gap.policy, gap.section)]
        first = max(done, default=0) + 1
        for call in range(ceil(gap.missing / per_call)):
            number = first + call
            calls.append(
                Batch(
                    policy=gap.policy,
                    section=gap.section,
                    title=gap.title,
                    number=number,
                    count=min(per_call, gap.missing - call * per_call),
                    image=images[(position + number - 1) % len(images)] if images else None,
                )
            )
    return calls


def _refuse_unknown(task: CustomTask, skip: Sequence[str]) -> None:
    for name in skip:
        if all(read.citations.id_of(name) is None for read in task.files.values()):
            known = ", ".join(id for read in task.files.values() for id in read.citations.ids) or "none"
            raise RecipeError(f"synth.skip names {name!r}; the sections are {known}")


def _sections(read: PolicyFile) -> dict[str, str]:
    """Titles by id, of every section that has one."""
    titled = {section.id: section.title for section in read.sections if section.title}
    return titled or {WHOLE: read.policy.name}
