"""One picture of all ratios: a horizontal bar for every contestant but the one it is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.rows import Row
from benchmarks.storage import Result
from benchmarks.wording import ratio

FILE = "bench.png"
BAR, FASTER, GRID, INK = "#3b6ea8", "#b5651d", "#d9d9d9", "#222222"
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
ROW_INCHES, HEAD_INCHES, WIDTH_INCHES = 0.24, 0.75, 11.0


def draw(results: Sequence[Result], folder: Path) -> Path | None:
    """`folder/bench.png` of the results' ratios; None where there is nothing to draw."""
    panels = [(result, bars) for result in results if (bars := bars_of(result))]
    if not panels:
        return None
    counts = [len(bars) for _, bars in panels]
    height = HEAD_INCHES * len(panels) + ROW_INCHES * sum(counts)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": counts})[:, 0]
    for axes, (result, bars) in zip(all_axes, panels, strict=True):
        _draw_panel(axes, result, bars)
    ratios = [row.ratio or 1.0 for _, bars in panels for row in bars]
    all_axes[0].set_xlim(min(0.8, *ratios) * 0.8, max(2.0, *ratios) * 1.6)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    figure.savefig(path, dpi=120, facecolor="white")
    return path


def bars_of(result: Result) -> list[Row]:
    """The rows that are drawn: measured, and not the reference itself."""
    return [row for row in result.rows if row.ratio is not None and row.contestant != result.reads]


def _draw_panel(axes: Axes, result: Result, bars: Sequence[Row]) -> None:
    values = [row.ratio or 1.0 for row in bars]
    places = range(len(bars))
    # A bar begins at 1 and ends at the ratio: to the left of the line a contestant is faster than the reference.
    axes.barh(
        places,
        [value - 1 for value in values],
        left=1,
        height=0.7,
        color=[BAR if value >= 1 else FASTER for value in values],
    )
    axes.set_xscale("log")
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(places, [f"{row.case}: {row.contestant}" for row in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_title(f"{result.title}, in times of {result.reads}", loc="left", fontsize=10)
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelbottom=True, labelsize=8)
    axes.grid(axis="x", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    for place, value in zip(places, values, strict=True):
        inside = max(value, 1.0)
        axes.annotate(ratio(value), (inside, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
