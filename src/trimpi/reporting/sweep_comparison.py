"""Methods of a sweep beside each other: means over seeds, what they cost, and paired differences from one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from trimpi.errors import RunError
from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import mcnemar
from trimpi.recipe.strict import describe_unknown
from trimpi.reporting.bootstrap import bootstrap_interval
from trimpi.reporting.paired import PairedDifference, paired_difference, question
from trimpi.reporting.sweep_runs import CurvePoint, SweepRun, SweepRuns, read_sweeps
from trimpi.reporting.t_interval import t_interval, t_test

Bounds = tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds with both its 95 % intervals; None where one seed, or seeds without a spread, give none.

    `of_requests` is the interval of a single seed, from its requests alone; None for several.
    """

    mean: float
    bootstrap: Bounds
    t: Bounds
    of_requests: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """A method against the baseline on the same requests, seed by seed.

    `difference` is the method's accuracy minus the baseline's. `only_baseline` and `only_method` count the requests of
    all seeds that one of them alone got right, and `p_items` is McNemar's of these counts: it says whether these models
    differ. `p_seeds` is Student's of the seeds' differences: it says whether the methods do. `per_seed` is McNemar's
    with each seed.
    """

    difference: Estimate
    only_baseline: int
    only_method: int
    p_items: float
    p_seeds: float | None
    per_seed: Sequence[tuple[int, PairedDifference]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """A method at one point of the axes. `n` is the requests of all seeds together; costs are means over seeds."""

    point: str
    method: str
    seeds: Sequence[int]
    n: int
    accuracy: Estimate
    in_context: Estimate | None
    rollouts: float
    rl_seconds: float | None
    training_seconds: float | None
    versus: Versus | None
    curve: Sequence[CurvePoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A method against the baseline over all points: every point and seed that both have is one pair.

    `t` is Student's 95 % interval of the mean difference, `p` his test of the pairs.
    """

    method: str
    points: int
    pairs: int
    difference: float
    t: Bounds
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepComparison:
    """Methods in the order of the grid within every point; `unfinished` jobs are left out of everything.

    `together` has the methods that were compared at several points.
    """

    baseline: str
    results: Sequence[MethodResult]
    together: Sequence[Together]
    unfinished: Sequence[tuple[str, str]]

    @property
    def points(self) -> list[str]:
        return list(dict.fromkeys(result.point for result in self.results))


def compare_sweeps(paths: Sequence[Path], *, baseline: str | None = None) -> SweepComparison:
    """Read the finished runs of one or several sweeps. `baseline` is the first method unless named.

    Raises RunError when no job of a sweep is finished or there is no such method.
    """
    found = read_sweeps(paths)
    methods = list(dict.fromkeys(run.method for run in found.runs))
    if baseline is not None and baseline not in methods:
        raise RunError(describe_unknown(baseline, methods).replace("key", "method", 1))
    return compare(found, baseline=baseline or methods[0])


def compare(found: SweepRuns, *, baseline: str) -> SweepComparison:
    points = dict.fromkeys(run.point for run in found.runs)
    methods = dict.fromkeys(run.method for run in found.runs)
    groups = {
        (point, method): [run for run in found.runs if (run.point, run.method) == (point, method)]
        for point in points
        for method in methods
    }
    results = [
        _result(runs, groups[point, baseline] if method != baseline else [])
        for (point, method), runs in groups.items()
        if runs
    ]
    together = [pairs for method in methods if (pairs := _together(method, results)) is not None]
    return SweepComparison(baseline=baseline, results=results, together=together, unfinished=found.unfinished)


def _together(method: str, results: Sequence[MethodResult]) -> Together | None:
    """None for a method that has been compared at fewer than two points."""
    compared = [result.versus for result in results if result.method == method and result.versus is not None]
    if len(compared) < 2:
        return None
    differences = [pair.difference for versus in compared for _, pair in versus.per_seed]
    return Together(
        method=method,
        points=len(compared),
        pairs=len(differences),
        difference=fmean(differences),
        t=t_interval(differences, within=(-1.0, 1.0)),
        p=t_test(differences),
    )


def _result(runs: Sequence[SweepRun], baseline: Sequence[SweepRun]) -> MethodResult:
    accuracy, in_context = ([_right(run.final.records(suite)) for run in runs] for suite in ("accuracy", "in_context"))
    return MethodResult(
        point=runs[0].point,
        method=runs[0].method,
        seeds=[run.seed for run in runs],
        n=sum(map(len, accuracy)),
        accuracy=_estimate(accuracy, _intervals(runs, "accuracy")),
        in_context=_estimate(in_context, _intervals(runs, "in_context")) if all(in_context) else None,
        rollouts=fmean(run.rollouts for run in runs),
        rl_seconds=_mean([run.rl_seconds for run in runs]),
        training_seconds=_mean([run.training_seconds for run in runs]),
        versus=_versus(runs, baseline),
        curve=mean_curve([run.curve for run in runs]),
    )


Answers = dict[tuple[str, str, str], float]
"""1 or 0, or a difference of two of them, by question."""


def _right(records: Sequence[ExampleRecord]) -> Answers:
    return {question(record): float(record.outcome == "correct") for record in records}


def _intervals(runs: Sequence[SweepRun], suite: str) -> list[tuple[float, float]]:
    return [run.final.suites[suite].interval for run in runs]


def _estimate(
    answers: Sequence[Answers],
    intervals: Sequence[tuple[float, float]],
    *,
    within: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """Seeds that were asked the same questions have them in one order; `intervals` are each seed's own."""
    crossed = len({frozenset(row) for row in answers}) == 1
    order = sorted(answers[0])
    values = [[row[key] for key in order] if crossed else list(row.values()) for row in answers]
    means = [fmean(row) for row in values]
    return Estimate(
        mean=fmean(means),
        bootstrap=bootstrap_interval(values, crossed=crossed),
        t=t_interval(means, within=within),
        of_requests=intervals[0] if len(intervals) == 1 else None,
    )


def _versus(runs: Sequence[SweepRun], baseline: Sequence[SweepRun]) -> Versus | None:
    """Over the seeds that both have, asked the same requests; None where there are none."""
    others = {run.seed: run for run in baseline}
    per_seed, differences = [], []
    for run in runs:
        if run.seed not in others:
            continue
        theirs, ours = others[run.seed].final.records("accuracy"), run.final.records("accuracy")
        pair = paired_difference(theirs, ours)
        if pair is None:
            continue
        right, before = _right(ours), _right(theirs)
        per_seed.append((run.seed, pair))
        differences.append({key: value - before[key] for key, value in right.items()})
    if not per_seed:
        return None
    only_baseline = sum(pair.only_first for _, pair in per_seed)
    only_method = sum(pair.only_second for _, pair in per_seed)
    return Versus(
        difference=_estimate(differences, [pair.interval for _, pair in per_seed], within=(-1.0, 1.0)),
        only_baseline=only_baseline,
        only_method=only_method,
        p_items=mcnemar(only_baseline, only_method),
        p_seeds=t_test([pair.difference for _, pair in per_seed]),
        per_seed=per_seed,
    )


def mean_curve(curves: Sequence[Sequence[CurvePoint]]) -> list[CurvePoint]:
    """Step by step the mean over the seeds, as far as all of them got."""
    return [
        CurvePoint(
            rollouts=fmean(point.rollouts for point in points),
            seconds=fmean(point.seconds for point in points),
            reward=fmean(point.reward for point in points),
            timed=all(point.timed for point in points),
        )
        for points in zip(*curves, strict=False)
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
