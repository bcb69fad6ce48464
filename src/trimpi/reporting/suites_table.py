"""All suites of a run beside each other: each with what every model scored, and what else it has to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trimpi.evaluation.results import SuiteResult
from trimpi.evaluation.wording import details_in_words
from trimpi.reporting.measures import Measure
from trimpi.reporting.paired import PairedDifference, paired_difference
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.wording import MISSING, count, flatten

MOST_DETAILS = 120
"""Rows of a suite's details on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCell:
    """What one model scored; `score` is None where it says nothing beyond the accuracy."""

    model: str
    result: SuiteResult
    score: Measure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRow:
    """A suite with a cell per model, None where it was not run. `change` is the latest model against the base."""

    name: str
    n: str
    seed: str
    cells: Sequence[SuiteCell | None]
    change: PairedDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteDetails:
    """What a suite says beyond its counts: (model, sentences), and (key, a value per model) with `left_out` more."""

    suite: str
    sentences: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[tuple[str, Sequence[str]]]
    left_out: int


def suite_rows(run: RunRecord) -> list[SuiteRow]:
    return [_row(run, suite) for suite in run.suites]


def suite_details(run: RunRecord) -> list[SuiteDetails]:
    """The details of every suite that has any, for the base and the latest model."""
    found = []
    for suite in run.suites:
        values = [
            dict(flatten(evaluation.suites[suite].details)) if suite in evaluation.suites else {}
            for evaluation in run.compared
        ]
        keys = [key for key in dict.fromkeys(key for value in values for key in value) if key]
        rows = [(key, [value.get(key, MISSING) for value in values]) for key in keys[:MOST_DETAILS]]
        if rows:
            left_out = max(0, len(keys) - MOST_DETAILS)
            found.append(SuiteDetails(suite=suite, sentences=_sentences(run, suite), rows=rows, left_out=left_out))
    return found


def _sentences(run: RunRecord, suite: str) -> list[tuple[str, Sequence[str]]]:
    found = [
        (run.model_name(evaluation), details_in_words(evaluation.suites[suite]))
        for evaluation in run.compared
        if suite in evaluation.suites
    ]
    return [(model, sentences) for model, sentences in found if sentences]


def _row(run: RunRecord, suite: str) -> SuiteRow:
    results = [evaluation.suites.get(suite) for evaluation in run.evaluations]
    return SuiteRow(
        name=suite,
        n=_together(count(result.n) for result in results if result),
        seed=_together(str(result.seed) for result in results if result),
        cells=[
            None if result is None else SuiteCell(model=run.model_name(found), result=result, score=_score(result))
            for found, result in zip(run.evaluations, results, strict=True)
        ],
        change=_change(run, suite),
    )


def _together(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _score(result: SuiteResult) -> Measure | None:
    if abs(result.score.mean - result.accuracy) < 1e-9:
        return None
    return Measure(value=result.score.mean, bounds=result.score.interval)


def _change(run: RunRecord, suite: str) -> PairedDifference | None:
    if run.base is None or run.latest is None:
        return None
    return paired_difference(run.base.records(suite), run.latest.records(suite))
