"""What an update of a policy changed and did, where a run is one: from the plan and results beside its directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimpi.evaluation.storage import read_json
from trimpi.interval import wilson_interval
from trimpi.reporting import wording
from trimpi.reporting.measures import Measure
from trimpi.run.directory import UPDATE_FILE, UPDATE_RESULTS_FILE

RUN_FOLDER = "run"
KEYS = frozenset(("number", "parent", "policy", "sections", "rows", "replayed"))
"""What tells the plan of an update from another file of that name."""
ROW_KINDS = ("changed", "confirmed", "untouched", "unanswered")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSection:
    """`kind` is changed, added or removed; `lines` are (whether it came, text) of those that came and went."""

    id: str
    kind: str
    lines: Sequence[tuple[bool, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredGroup:
    """Test requests by the previous model, by the same with the new policy in its prompt, and by the updated one."""

    name: str
    n: int
    before: Measure
    in_context: Measure
    after: Measure
    p: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUpdate:
    """`rows` are of each split how many there are of every one of ROW_KINDS; `groups` is empty until it is measured.

    `opening` says that the text before the first section is another one, `reordered` that sections moved. `cost` is how
    long the training took, in words.
    """

    number: int
    parent: int
    policy: str
    opening: bool
    reordered: bool
    sections: Sequence[ChangedSection]
    rows: Mapping[str, Sequence[int]]
    replayed: int
    groups: Sequence[MeasuredGroup]
    cost: str


def read_update(run_dir: Path) -> PolicyUpdate | None:
    """The update that a run directory belongs to; None for an ordinary run. Raises RunError for a damaged file."""
    run = run_dir.resolve()
    plan_file, results_file = run.parent / UPDATE_FILE, run.parent / UPDATE_RESULTS_FILE
    if run.name != RUN_FOLDER or not plan_file.is_file():
        return None
    plan = read_json(plan_file)
    if not KEYS.issubset(plan):
        return None
    results = read_json(results_file) if results_file.is_file() else {}
    return PolicyUpdate(
        number=plan["number"],
        parent=plan["parent"],
        policy=plan["policy"]["name"],
        opening=plan["opening"],
        reordered=plan["reordered"],
        sections=[_section(change) for change in plan["sections"]],
        rows={split: [len(rows[kind]) for kind in ROW_KINDS] for split, rows in plan["rows"].items()},
        replayed=len(plan["replayed"]),
        groups=[_group(group) for group in results.get("groups", ()) if group["before"][1]],
        cost=_cost(results) if results else "",
    )


def _section(change: Mapping[str, Any]) -> ChangedSection:
    lines = [(line.startswith("+"), line[1:]) for line in change["lines"]]
    return ChangedSection(id=change["section"], kind=change["kind"], lines=lines)


def _group(group: Mapping[str, Any]) -> MeasuredGroup:
    return MeasuredGroup(
        name=group["name"],
        n=group["before"][1],
        before=_rate(*group["before"]),
        in_context=_rate(*group["in_context"]),
        after=_rate(*group["after"]),
        p=wording.p_value(group["p"]),
    )


def _rate(right: int, n: int) -> Measure:
    return Measure(value=right / n, bounds=wilson_interval(right, n))


def _cost(results: Mapping[str, Any]) -> str:
    seconds, first = results["seconds"], results["first_seconds"]
    return f"{wording.seconds(seconds)}, {seconds / first:.0%} of the {wording.seconds(first)} of the first version"
