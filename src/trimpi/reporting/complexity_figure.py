"""Accuracy over the complexity of the policy: runs whose decision trees have different numbers of layers (paper)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.drawing import PageFigure, draw_intervals, label_shares, legend_above
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.svg import AWARE, FREE, MUTED, canvas, to_svg

SERIES = (
    ("last, policy-free", FREE, "o", "-", 0.0),
    ("base in context", AWARE, "s", "--", 0.04),
    ("base, policy-free", MUTED, "^", ":", -0.04),
)


def complexity_figure(runs: Sequence[RunRecord]) -> PageFigure | None:
    """One point per number of layers: with its Wilson interval for one run, the mean and range of several.

    None unless the runs have at least two different numbers of layers.
    """
    by_layers: dict[int, list[RunRecord]] = defaultdict(list)
    for run in runs:
        if (layers := _layers(run)) is not None:
            by_layers[layers].append(run)
    if len(by_layers) < 2:
        return None
    with canvas() as (figure, (axes,)):
        for place, (label, color, marker, line, offset) in enumerate(SERIES):
            points = [
                (layers + offset, *_bounds(found))
                for layers in sorted(by_layers)
                if (found := [result for run in by_layers[layers] if (result := _results(run)[place]) is not None])
            ]
            if points:
                style = {"color": color, "marker": marker, "linestyle": line, "capsize": 3.5, "markersize": 6}
                draw_intervals(axes, points, label=label, **style)
        axes.set_xticks(sorted(by_layers))
        axes.set_xlabel("layers of the policy's decision tree (N)")
        label_shares(axes)
        legend_above(figure, axes)
        return PageFigure(
            title="Accuracy by complexity",
            caption="Accuracy over the layers of the policy. One run at a number of layers has its 95% Wilson "
            "interval, several have their mean and range.",
            svg=to_svg(figure, name="complexity"),
        )


def _layers(run: RunRecord) -> int | None:
    task = run.recipe.get("task")
    layers = task.get("layers") if isinstance(task, Mapping) else None
    return layers if isinstance(layers, int) else None


def _results(run: RunRecord) -> tuple[SuiteResult | None, ...]:
    """In the order of SERIES."""
    base = run.base
    return (
        run.latest.accuracy if run.latest else None,
        base.in_context if base else None,
        base.accuracy if base else None,
    )


def _bounds(results: Sequence[SuiteResult]) -> tuple[float, float, float]:
    values = [result.accuracy for result in results]
    low, high = results[0].interval if len(results) == 1 else (min(values), max(values))
    return fmean(values), low, high
