"""What a benchmark measures, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.timing import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contestant in one case.

    `seconds` is the median of `runs` runs; `ratio` is how many times as long that is as the case's reference takes.
    Both are None for a contestant that was left out, and `note` says why. `facts` are its other measurements by name.
    """

    case: str
    contestant: str
    seconds: float | None
    ratio: float | None
    runs: int
    facts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def rows_of_case(
    case: str,
    runs: Mapping[str, Runs],
    *,
    reference: str,
    facts: Mapping[str, Mapping[str, float]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """A row for every contestant, in their order; `facts` and `notes` by contestant."""
    return [
        Row(
            case=case,
            contestant=name,
            seconds=median(taken),
            ratio=median(taken) / median(runs[reference]),
            runs=len(taken),
            facts=(facts or {}).get(name, {}),
            note=(notes or {}).get(name, ""),
        )
        for name, taken in runs.items()
    ]


def left_out(case: str, contestant: str, why: str) -> Row:
    """The row of a contestant that would take too long."""
    return Row(case=case, contestant=contestant, seconds=None, ratio=None, runs=0, note=why)


def seconds_of(rows: Sequence[Row], case: str, contestant: str) -> float | None:
    """The seconds of a contestant in a case, None where it was left out or never entered."""
    return next((row.seconds for row in rows if (row.case, row.contestant) == (case, contestant)), None)
