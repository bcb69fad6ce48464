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

TEMPLATE = "sweep.html.j2"
COLORS = (FREE, AWARE, GOOD, TOTAL, BAD, MUTED)
UNTIMED = " The steps of a stage whose log has no times count as equally long."
LINES = ("-", "--", ":", "-.")
"""A second round of the colours is dashed, a third dotted."""


def write_sweep_page(comparison: SweepComparison, file: Path, *, name: str) -> None:
    """Write the page. Raises RunError when there can be no such file."""
    points = comparison.points
    figures = [figure for point in points if (figure := learning_figure(results_at(comparison, point), point))]
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


def learning_figure(results: Sequence[MethodResult], point: str) -> PageFigure | None:
    """The policy-free reward against rollouts and against seconds; None where no method has RL."""
    learned = [result for result in results if result.curve]
    if not learned:
        return None
    untimed = "" if all(step.timed for result in learned for step in result.curve) else UNTIMED
    with canvas(height=3.4, columns=2) as (figure, axes):
        for number, result in enumerate(learned):
            color, line = COLORS[number % len(COLORS)], LINES[number // len(COLORS) % len(LINES)]
            for panel, across in zip(axes, ("rollouts", "seconds"), strict=True):
                curve = [(getattr(step, across), step.reward) for step in result.curve]
                draw_curve(panel, curve, color=color, line=line, label=result.method)
        for panel, label in zip(axes, ("rollouts", "seconds of RL"), strict=True):
            panel.set_xlabel(label)
            panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes[0].set_ylabel("policy-free reward")
        axes[1].sharey(axes[0])
        legend_above(figure, axes[0])
        return PageFigure(
            title=f"Learning: {point}",
            caption="Mean reward of the policy-free completions of a step, averaged over the seeds, against the "
            f"completions sampled and the seconds trained until then; running averages.{untimed}",
            svg=to_svg(figure, name=f"sweep-{''.join(letter for letter in point if letter.isalnum())}"),
        )
