"""When training has paid: requests over how often a cache holds the policy, and over how often the policy changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from trimpi.evaluation.break_even_report import way_in_words
from trimpi.reporting.drawing import PageFigure, Points, legend_above
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.svg import AWARE, FREE, GOOD, TOTAL, canvas, to_svg

COLORS = ((FREE, "-"), (AWARE, "--"), (GOOD, ":"), (TOTAL, "-."))
WIDE = 30
"""Curves that differ by more than this factor are drawn over a logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What a curve is drawn over: where a way's points are, their keys, and how its panel is called."""

    points: str
    x: str
    y: str
    title: str
    label: str


AXES = (
    Axis(
        points="over_cache_hit_rate",
        x="cache_hit_rate",
        y="requests",
        title="requests that pay for a training",
        label="cache hit rate",
    ),
    Axis(
        points="over_updates_per_month",
        x="updates_per_month",
        y="requests_per_month_needed",
        title="requests a month it takes",
        label="updates of the policy a month",
    ),
)


def break_even_figure(run: RunRecord) -> PageFigure | None:
    """A panel for each of AXES that the run's break_even.json has curves of; a point that never pays is left out."""
    data = run.break_even
    if data is None:
        return None
    panels = [(axis, curves) for axis in AXES if (curves := list(curves_of(data, axis)))]
    if not panels:
        return None
    with canvas(columns=len(panels)) as (figure, all_axes):
        for axes, (axis, curves) in zip(all_axes, panels, strict=True):
            _draw(axes, axis, curves)
        if len(panels[0][1]) > 1:
            legend_above(figure, all_axes[0], columns=2)
        return PageFigure(
            title="When training has paid",
            caption="Under the recipe's assumed prices, which are nobody's offer: requests until the saved tokens have "
            "paid for the training. Where a curve ends, it never pays.",
            svg=to_svg(figure, name="breakeven"),
        )


def curves_of(data: Mapping[str, Any], axis: Axis) -> Iterator[tuple[str, Points]]:
    """(way to serve, points) of every way that pays anywhere on this axis."""
    for name, way in data["ways"].items():
        points = [
            (float(point[axis.x]), float(point[axis.y])) for point in way[axis.points] if point[axis.y] is not None
        ]
        if points:
            yield way_in_words(name, data), sorted(points)


def _draw(axes: Axes, axis: Axis, curves: Sequence[tuple[str, Points]]) -> None:
    for (name, points), (color, line) in zip(curves, COLORS, strict=False):
        axes.plot([x for x, _ in points], [y for _, y in points], color=color, linestyle=line, label=name)
    axes.set_title(axis.title)
    axes.set_xlabel(axis.label)
    heights = [y for _, points in curves for _, y in points]
    if min(heights) > 0 and max(heights) > WIDE * min(heights):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    if axis.x == "cache_hit_rate":
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="%"))


def short(number: float) -> str:
    """A count on an axis: 1.5M, 20k, 300."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"
