"""How often the latest model is right on the requests that each section or rule of a policy decides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import wilson_interval
from trimpi.reporting.run_directory import RunRecord
from trimpi.tasks.gta.rules import GTA_RULES

TOOL = "tool"
# Nine digits at most, so that no id makes a number too long to read.
NUMBER = re.compile(r"([0-9]{1,9})")
RULE_ORDER: Mapping[str, int] = {id: position for position, id in enumerate(GTA_RULES.rule_ids)}

SortKey = tuple[int, list[str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionRow:
    """The requests that one section decides. `tool_right` is None where calls are not what is scored."""

    id: str
    n: int
    correct: int
    tool_right: int | None

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.correct, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionTable:
    """The sections of one policy, in its order."""

    policy: str
    rows: Sequence[SectionRow]

    @property
    def has_tool(self) -> bool:
        return any(row.tool_right is not None for row in self.rows)


def section_tables(run: RunRecord) -> list[SectionTable]:
    """One table per policy, since ids repeat between policies; from policy-free requests to the latest model.

    Without a trained model it is the base; without sections in the records the list is empty.
    """
    evaluation = run.latest or run.base
    decided: dict[str, dict[str, list[ExampleRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in evaluation.policy_free_records if evaluation else ():
        for section in record.sections:
            decided[record.policy][section].append(record)
    key = _order(run)
    return [
        SectionTable(policy=policy, rows=[_row(id, sections[id]) for id in sorted(sections, key=key)])
        for policy, sections in sorted(decided.items())
    ]


def by_number(id: str) -> list[str | int]:
    """A key that puts "1.2" before "1.10" and a condition before those below it: the order of a decision tree."""
    pieces = NUMBER.split(id)
    return [int(piece) if position % 2 else piece for position, piece in enumerate(pieces)]


def _order(run: RunRecord) -> Callable[[str], SortKey]:
    """GTAPolicy's rules in the order its document states them; other ids after these, by their numbers."""
    task = run.recipe.get("task")
    ranks = RULE_ORDER if isinstance(task, Mapping) and task.get("type") == "gta" else {}
    return lambda id: (ranks.get(id, len(ranks)), by_number(id))


def _row(id: str, records: Sequence[ExampleRecord]) -> SectionRow:
    tool_right = [record.parts[TOOL] == 1 for record in records if TOOL in record.parts]
    return SectionRow(
        id=id,
        n=len(records),
        correct=sum(record.outcome == "correct" for record in records),
        tool_right=sum(tool_right) if tool_right else None,
    )
