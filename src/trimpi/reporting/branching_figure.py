"""Which sections reasoning cites, against those of the gold chains (paper, Errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from trimpi.reporting.drawing import PageFigure, is_number, legend_above
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.sections import by_number
from trimpi.reporting.svg import FREE, INK, canvas, to_svg

SUITE = "branching"
MOST_NAMED = 31
"""Sections whose ids fit below their bars."""


def branching_figure(run: RunRecord) -> PageFigure | None:
    """Citations of every section by the base and the latest model, as bars, and the gold chains' as ticks."""
    found = [
        (run.model_name(evaluation), details)
        for evaluation in run.compared
        if SUITE in evaluation.suites and _is_distribution(details := evaluation.suites[SUITE].details)
    ]
    if not found:
        return None
    sections = sorted({section for _, details in found for section in details["gold"]}, key=by_number)
    with canvas(height=2.1 * len(found), rows=len(found)) as (figure, all_axes):
        for axes, (model, details) in zip(all_axes, found, strict=True):
            _draw(axes, details, sections, title=_title(model, details))
        legend_above(figure, all_axes[0])
        return PageFigure(
            title="Sections cited",
            caption="How often the reasoning cites each section of the policies (bars), and how often the gold chains "
            "do (ticks). The branching error is the mean over sections of the difference.",
            svg=to_svg(figure, name="branching"),
        )


def _is_distribution(details: Mapping[str, Any]) -> bool:
    counts = [details.get(key) for key in ("cited", "gold")]
    return all(isinstance(count, Mapping) and count and all(map(is_number, count.values())) for count in counts)


def _title(model: str, details: Mapping[str, Any]) -> str:
    parts = [model]
    if is_number(details.get("mean_absolute_difference")):
        parts.append(f"branching error {details['mean_absolute_difference']:.2f}")
    nonexistent = details.get("nonexistent")
    if isinstance(nonexistent, Mapping) and nonexistent:
        parts.append(f"{sum(nonexistent.values())} citations of no section")
    return ", ".join(parts)


def _draw(axes: Axes, details: Mapping[str, Any], sections: Sequence[str], *, title: str) -> None:
    places = range(len(sections))
    axes.bar(
        places,
        [details["cited"].get(section, 0) for section in sections],
        width=0.7,
        color=FREE,
        label="cited",
        alpha=0.75,
    )
    gold = [details["gold"].get(section, 0) for section in sections]
    axes.hlines(gold, [place - 0.42 for place in places], [place + 0.42 for place in places], color=INK, label="gold")
    axes.set_title(title)
    axes.set_xlim(-0.8, len(sections) - 0.2)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    if len(sections) <= MOST_NAMED:
        upright = 90 if len(sections) > 8 else 0
        axes.set_xticks(list(places), sections, rotation=upright, fontsize=8.5)
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(sections)} sections in the policy's order")
