"""What kinds of errors each model made, before training and after every stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.wording import MISSING, count, error_label

# A wrong argument is a kind by its name, and a model can make names up without end.
MOST_KINDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A kind of error: how many requests it cost, policy-free and in context in turns, model by model.

    The last row may stand for several kinds: `kind` is None there.
    """

    label: str
    counts: Sequence[str]
    kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """The commonest kinds first. `models` are the models' labels, each with two counts in every row."""

    models: Sequence[str]
    rows: Sequence[ErrorRow]


def error_table(run: RunRecord) -> ErrorTable | None:
    """The errors of all models of a run; None where no model made an error that its task knows the kind of."""
    results = [result for found in run.evaluations for result in (found.accuracy, found.in_context)]
    totals: Counter[str] = Counter()
    for result in results:
        totals.update(result.errors if result else {})
    if not totals:
        return None
    ordered = sorted(totals, key=lambda kind: (-totals[kind], kind))
    shown, others = ordered[:MOST_KINDS], ordered[MOST_KINDS:]
    rows = [ErrorRow(label=error_label(kind), counts=_counts(results, [kind]), kind=kind) for kind in shown]
    if others:
        rows.append(ErrorRow(label=f"{count(len(others))} other kinds", counts=_counts(results, others), kind=None))
    return ErrorTable(models=[found.label for found in run.evaluations], rows=rows)


def _counts(results: Sequence[SuiteResult | None], kinds: Sequence[str]) -> list[str]:
    return [MISSING if result is None else count(_sum(result.errors, kinds)) for result in results]


def _sum(errors: Mapping[str, int], kinds: Sequence[str]) -> int:
    return sum(errors.get(kind, 0) for kind in kinds)
