"""What figures share: their place in the page, the curves of a stage's log, and how curves are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trimpi.reporting.run_directory import Stage

Points = Sequence[tuple[float, float]]
"""(step, value) pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFigure:
    """A figure with what it shows in words; `svg` is trusted markup."""

    title: str
    caption: str
    svg: str


def curve(stage: Stage, key: str) -> list[tuple[float, float]]:
    """(step, value) of every log line that has a finite number under the key."""
    pairs: Iterable[tuple[Any, Any]] = ((line.get("step"), line.get(key)) for line in stage.metrics)
    return [(float(step), float(value)) for step, value in pairs if is_number(step) and is_number(value)]


def smooth(values: Sequence[float], *, reach: int) -> list[float]:
    """The mean of each value and its neighbours: `reach` on each side, fewer at the ends but as many on both sides."""
    widths = [min(reach, position, len(values) - 1 - position) for position in range(len(values))]
    return [fmean(values[position - width : position + width + 1]) for position, width in enumerate(widths)]


def is_rl(stage: Stage) -> bool:
    """Whether the stage logged rewards."""
    return any("reward" in line for line in stage.metrics)


def is_number(value: Any) -> bool:
    """Whether the value from a log is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def draw_curve(
    axes: Axes,
    points: Points,
    *,
    color: str,
    label: str = "",
    line: str = "-",
    raw: bool = False,
) -> None:
    """The running average of the points; `raw` draws the points themselves behind it, paler."""
    steps, values = [step for step, _ in points], [value for _, value in points]
    if raw:
        axes.plot(steps, values, color=color, alpha=0.3, linewidth=1)
    axes.plot(steps, smooth(values, reach=len(values) // 20), color=color, linestyle=line, label=label)


def label_steps(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def draw_intervals(axes: Axes, points: Iterable[tuple[float, float, float, float]], **style: Any) -> None:
    """A curve through (x, y, low, high) points, each with its interval."""
    x, y, low, high = zip(*points, strict=True)
    below = [value - bound for value, bound in zip(y, low, strict=True)]
    above = [bound - value for value, bound in zip(y, high, strict=True)]
    axes.errorbar(x, y, yerr=[below, above], **style)


def label_shares(axes: Axes) -> None:
    """For values in [0, 1], as percentages."""
    axes.set_ylim(-0.02, 1.04)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="%"))


def legend_above(figure: Figure, axes: Axes, *, columns: int = 4) -> None:
    """As many `columns` of labels as the figure has room for."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper left", ncols=columns, handlelength=1.7, columnspacing=1.3
    )
