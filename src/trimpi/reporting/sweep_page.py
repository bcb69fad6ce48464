"""A sweep's comparison as one HTML page that needs nothing else, with the learning curves of its methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from trimpi.reporting.compare import write_text
from trimpi.reporting.drawing import PageFigure, draw_curve, legend_above
from trimpi.reporting.page import render_page
from trimpi.reporting.svg import AWARE, BAD, FREE, GOOD, MUTED, TOTAL, canvas, to_svg
from trimpi.reporting.sweep_comparison import MethodResult, SweepComparison
from trimpi.reporting.sweep_tables import (
    LEGEND,
    PAIRED,
    PAIRED_LEGEND,
    RESULTS,
    TOGETHER,
    TOGETHER_LEGEND,
    paired_at,
    paired_cells,
    result_cells,
    results_at,
    together_cells,
    unfinished_words,
)
from trimpi.reporting.wording import sentence

TEMPLATE = "sweep.html.j2"
ACROSS = {"rollouts": "rollouts", "seconds": "seconds of RL"}
"""What curves are drawn against, by its name in a point of a curve."""
COLORS = (FREE, AWARE, GOOD, TOTAL, BAD, MUTED)
UNTIMED = " The steps of a stage whose log has no times count as equally long."
LINES = ("-", "--", ":", "-.")
"""A second round of the colours is dashed, a third dotted."""


def write_sweep_page(comparison: SweepComparison, file: Path, *, name: str) -> None:
    """Write the page. Raises RunError when there can be no such file."""
    points = comparison.points
    figures = [figure for point in points for figure in learning_figures(results_at(comparison, point), point)]
    html = render_page(
        TEMPLATE,
        {
            "name": name,
            "comparison": comparison,
            "headings": RESULTS,
            "paired_headings": PAIRED,
            "tables": [
                (
                    point,
                    [result_cells(result) for result in results_at(comparison, point)],
                    [paired_cells(result) for result in paired_at(comparison, point)],
                )
                for point in points
            ],
            "together_headings": TOGETHER,
            "together": [together_cells(row) for row in comparison.together],
            "legend": LEGEND,
            "paired_legend": PAIRED_LEGEND,
            "together_legend": TOGETHER_LEGEND,
            "unfinished": unfinished_words(comparison),
            "figures": [(figure, Markup(figure.svg)) for figure in figures],
        },
        scripted=False,
    )
    write_text(file, html)


def learning_figures(results: Sequence[MethodResult], point: str) -> list[PageFigure]:
    """The policy-free reward against rollouts, and against seconds; none where no method has RL."""
    learned = [result for result in results if result.curve]
    if not learned:
        return []
    return [_learning_figure(learned, point, across, label) for across, label in ACROSS.items()]


def _learning_figure(learned: Sequence[MethodResult], point: str, across: str, label: str) -> PageFigure:
    spread = across == "seconds" and not all(step.timed for result in learned for step in result.curve)
    with canvas(height=3.8) as (figure, (axes,)):
        for number, result in enumerate(learned):
            color, line = COLORS[number % len(COLORS)], LINES[number // len(COLORS) % len(LINES)]
            curve = [(getattr(step, across), step.reward) for step in result.curve]
            draw_curve(axes, curve, color=color, line=line, label=result.method)
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.set_ylabel("policy-free reward")
        legend_above(figure, axes)
        return PageFigure(
            title=f"{sentence(point)}: reward by {label}",
            caption="Mean reward of the policy-free completions of a step, averaged over the seeds; running averages."
            + (UNTIMED if spread else ""),
            svg=to_svg(figure, name=f"sweep-{across}-{''.join(letter for letter in point if letter.isalnum())}"),
        )
