"""What an update did: the requests whose answers changed, and those that were to stay as they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from trimpi.evaluation.results import ExampleRecord, load_records
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.interval import mcnemar
from trimpi.run.directory import BASE_NAME
from trimpi.update.preparing import PreparedUpdate
from trimpi.update.versions import trained_seconds

AFFECTED, UNTOUCHED, OLD_ANSWERS = "affected", "untouched", "old answers"
Count = tuple[int, int]
"""Right, of how many."""
IsIn = Callable[[str], bool]
"""Whether an example's id is of a group."""
Rating = Callable[[ExampleRecord], bool]
IsRight = Callable[[str, str, str], bool]
"""Whether a completion, of an example's id, is right by another gold answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """A group of test requests, answered by the previous model and by the updated one.

    `before` and `after` are policy-free, `in_context` is the previous model with the new policy in its prompt. `p` is
    McNemar's of before against after.
    """

    name: str
    before: Count
    after: Count
    in_context: Count
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResult:
    """`seconds` is what the update's stages took, `first_seconds` what those of the first version did."""

    groups: tuple[GroupResult, ...]
    seconds: float
    first_seconds: float


def measure_update(prepared: PreparedUpdate, is_right: IsRight, *, first_seconds: float) -> UpdateResult:
    """Count what a finished update's evaluations have written down, and keep it beside the plan.

    The groups are the affected and the untouched requests; and, of the affected, those with another answer than before
    by that old answer: the updated model should no longer give it.
    """
    run = prepared.folder.run
    stages = read_json(run.manifest)["stages"]
    last = stages[-1]["name"]
    before, after = (load_records(run.evaluation(name) / "accuracy.jsonl") for name in (BASE_NAME, last))
    in_context = load_records(run.evaluation(BASE_NAME) / "in_context.jsonl")
    untouched = set(prepared.plan["rows"]["test"]["untouched"])
    old: Mapping[str, str] = prepared.plan["old_answers"]

    now = {record.id: record.gold for record in after}

    def by_old_answer(record: ExampleRecord) -> bool:
        return is_right(record.id, record.completion, old[record.id])

    kinds: Mapping[str, tuple[IsIn, Rating]] = {
        AFFECTED: (lambda id: id not in untouched, _is_correct),
        UNTOUCHED: (lambda id: id in untouched, _is_correct),
        OLD_ANSWERS: (lambda id: old.get(id, now[id]) != now[id], by_old_answer),
    }
    groups = tuple(
        _compare(
            name,
            *(
                {record.id: right(record) for record in records if is_in(record.id)}
                for records in (before, after, in_context)
            ),
        )
        for name, (is_in, right) in kinds.items()
    )
    seconds = trained_seconds(stages)
    result = UpdateResult(groups=groups, seconds=seconds, first_seconds=first_seconds)
    write_atomically(prepared.folder.results, json.dumps(asdict(result), indent=2) + "\n")
    return result


def _compare(
    name: str, before: Mapping[str, bool], after: Mapping[str, bool], in_context: Mapping[str, bool]
) -> GroupResult:
    return GroupResult(
        name=name,
        before=_count(before),
        after=_count(after),
        in_context=_count(in_context),
        p=mcnemar(
            sum(right and not after[id] for id, right in before.items()),
            sum(right and not before[id] for id, right in after.items()),
        ),
    )


def _count(right: Mapping[str, bool]) -> Count:
    return sum(right.values()), len(right)


def _is_correct(record: ExampleRecord) -> bool:
    return record.outcome == "correct"
