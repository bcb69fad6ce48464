"""Whether an update of the policy is followed, over the size of the edit (paper, Policy Override)."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes

from trimpi.evaluation.override import OLD_ANSWER
from trimpi.interval import wilson_interval
from trimpi.reporting.drawing import PageFigure, draw_intervals, label_shares, legend_above
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.svg import BAD, FREE, MUTED, canvas, to_svg

SUITE = "override"
LONGEST_NAME = 36
PANELS = (("affected", "answers that the edit changes"), ("unaffected", "answers that it leaves"))
STYLES = ((MUTED, "^", ":", -0.06), (FREE, "o", "-", 0.06))
"""Of the base, and of the latest model."""

Edits = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Counts under n, "correct" and OLD_ANSWER, by edit and by whether it affects the request."""


def override_figure(run: RunRecord) -> PageFigure | None:
    """The base and the latest model over the task's edits, the smallest first; None where the suite was not run."""
    found = [
        (run.model_name(evaluation), edits, STYLES[evaluation is run.latest])
        for evaluation in run.compared
        if SUITE in evaluation.suites and (edits := evaluation.suites[SUITE].details.get("by_edit"))
    ]
    if not found:
        return None
    with canvas(columns=len(PANELS)) as (figure, all_axes):
        for axes, (kind, title) in zip(all_axes, PANELS, strict=True):
            for model, edits, style in found:
                _draw(axes, edits, kind, key="correct", label=model, style=style)
            _name_edits(axes, found[0][1])
            axes.set_title(title)
        model, edits, (_, _, _, offset) = found[-1]
        _draw(
            all_axes[0], edits, "affected", key=OLD_ANSWER, label=f"{model}, old answer", style=(BAD, "x", "--", offset)
        )
        legend_above(figure, all_axes[0])
        return PageFigure(
            title="Policy override",
            caption="The updated policy is in the prompt, the old one in the weights: share of requests answered by "
            "the updated one, with 95% Wilson intervals, over what was edited. The old answer is what the policy said "
            "before.",
            svg=to_svg(figure, name="override"),
        )


def _draw(axes: Axes, edits: Edits, kind: str, *, key: str, label: str, style: tuple[Any, ...]) -> None:
    color, marker, line, offset = style
    points = [(place + offset, counts[kind][key], counts[kind]["n"]) for place, counts in enumerate(edits.values())]
    asked = [(place, number / n, *wilson_interval(number, n)) for place, number, n in points if n]
    if asked:
        draw_intervals(axes, asked, color=color, marker=marker, linestyle=line, label=label, capsize=3)


def _name_edits(axes: Axes, edits: Edits) -> None:
    axes.set_xticks(range(len(edits)), [fill(name, width=12)[:LONGEST_NAME] for name in edits], fontsize=9)
    axes.set_xlim(-0.4, len(edits) - 0.6)
    label_shares(axes)
