"""The figures of the page, each an inline SVG; one without data is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from trimpi.evaluation.efficiency_result import within_noise
from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.branching_figure import branching_figure
from trimpi.reporting.break_even_figure import break_even_figure
from trimpi.reporting.drawing import PageFigure, curve, draw_curve, is_rl, label_shares, label_steps, legend_above
from trimpi.reporting.learning_curves import learning_figures
from trimpi.reporting.override_figure import override_figure
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.svg import AWARE, FREE, GOOD, INK, MUTED, SURFACE, TOTAL, canvas, to_svg
from trimpi.reporting.tables import majority
from trimpi.reporting.wording import count, percent, saving, savings_interval, seconds

COST_WAYS = (
    ("policy_free", "policy-free", FREE),
    ("policy_aware", "with policy", AWARE),
    ("policy_cached", "policy kept", MUTED),
)
"""Ways to answer, by their keys in efficiency.json."""
REWARD_CURVES = (
    ("reward", "total", TOTAL, "-"),
    ("reward_policy_free", "policy-free half", FREE, "-"),
    ("reward_policy_aware", "policy-aware half", AWARE, "--"),
    ("format", "format", GOOD, ":"),
)


def page_figures(run: RunRecord) -> list[PageFigure]:
    drawers: tuple[Callable[[RunRecord], PageFigure | None], ...] = (
        accuracy_figure,
        cost_figure,
        break_even_figure,
        override_figure,
        branching_figure,
        loss_figure,
        reward_figure,
    )
    drawn = [figure for draw in drawers if (figure := draw(run)) is not None]
    return [*drawn, *learning_figures(run)]


def accuracy_figure(run: RunRecord) -> PageFigure | None:
    """Accuracy after each stage, with intervals, without and with the policy in the prompt."""
    series = (
        ("policy-free", [found.accuracy for found in run.evaluations], FREE, "o", "-", -0.04),
        ("policy in context", [found.in_context for found in run.evaluations], AWARE, "s", "--", 0.04),
    )
    baseline = majority(run.evaluations)
    if baseline is None:
        return None
    with canvas() as (figure, (axes,)):
        axes.axhline(baseline, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label="commonest answer", zorder=1)
        for label, results, color, marker, line, offset in series:
            _draw_accuracy(axes, results, label=label, color=color, marker=marker, line=line, offset=offset)
        axes.set_xticks(range(len(run.evaluations)), [found.label for found in run.evaluations])
        axes.set_xlim(-0.4, len(run.evaluations) - 0.6)
        label_shares(axes)
        legend_above(figure, axes)
        return PageFigure(
            title="Accuracy by stage",
            caption="Share of unseen requests answered right, with 95% Wilson intervals. "
            "The dotted line is what always giving each policy's commonest answer would score.",
            svg=to_svg(figure, name="accuracy"),
        )


def cost_figure(run: RunRecord) -> PageFigure | None:
    """Prompt tokens and prefill time, with and without the policy, and with its prefix kept where that was measured."""
    cost = run.efficiency
    if cost is None:
        return None
    ways = [way for way in COST_WAYS if isinstance(cost.get(way[0]), Mapping)]
    panels: tuple[tuple[str, Callable[[Mapping[str, Any]], float], Callable[[float], str]], ...] = (
        ("prompt tokens to compute", lambda way: way["mean_tokens"] - way.get("cached_tokens", 0), count),
        ("prefill time", lambda way: way["prefill_seconds"], seconds),
    )
    with canvas(columns=2) as (figure, all_axes):
        for axes, (title, value_of, wording) in zip(all_axes, panels, strict=True):
            values = [value_of(cost[key]) for key, _, _ in ways]
            axes.barh(range(len(ways)), values, height=0.45, color=[color for _, _, color in ways])
            axes.set_yticks(range(len(ways)), [label if axes is all_axes[0] else "" for _, label, _ in ways])
            axes.set_ylim(-0.6, len(ways) - 0.4)
            axes.set_xlim(0, max(values) * 1.3)
            axes.invert_yaxis()
            axes.set_title(title)
            axes.grid(visible=False)
            axes.spines["bottom"].set_visible(False)
            axes.set_xticks([])
            for position, value in enumerate(values):
                axes.annotate(
                    wording(value), (value, position), xytext=(5, 0), textcoords="offset points", va="center", color=INK
                )
        return PageFigure(
            title="What the prompt costs",
            caption=f"Mean over {cost['examples']} requests at batch size 1; prefill is the median of "
            f"{cost.get('prefill_repeats') or cost['repeats']} forward passes each, vision encoder included, "
            f"on {cost['device']} ({cost['dtype']}, {_threads(cost['threads'])}).{_saved_prefill(cost)}",
            svg=to_svg(figure, name="cost"),
        )


def loss_figure(run: RunRecord) -> PageFigure | None:
    """The training loss of each supervised stage."""
    curves = [(stage, points) for stage in run.stages if (points := curve(stage, "loss")) and not is_rl(stage)]
    if not curves:
        return None
    with canvas(columns=len(curves)) as (figure, all_axes):
        for axes, (stage, points) in zip(all_axes, curves, strict=True):
            draw_curve(axes, points, color=FREE, raw=True)
            axes.set_title(stage.label)
            axes.set_ylim(bottom=0)
            label_steps(axes)
        return PageFigure(
            title="Training loss",
            caption="Next-token loss of the supervised stages: each logged step, and its running average. "
            "VM-CPT counts every text token, SFT the response only, so their heights do not compare.",
            svg=to_svg(figure, name="loss"),
        )


def reward_figure(run: RunRecord) -> PageFigure | None:
    """The mean reward of each RL stage: in total, of each half of the groups, and for the format."""
    stages = [stage for stage in run.stages if is_rl(stage)]
    if not stages:
        return None
    with canvas(columns=len(stages)) as (figure, all_axes):
        for axes, stage in zip(all_axes, stages, strict=True):
            for key, label, color, line in REWARD_CURVES:
                if points := curve(stage, key):
                    draw_curve(axes, points, color=color, label=label, line=line)
            axes.set_ylim(-0.02, 1.04)
            axes.set_title(stage.label if len(stages) > 1 else "")
            label_steps(axes)
        legend_above(figure, all_axes[0])
        return PageFigure(
            title="RL reward",
            caption="Running averages of the mean reward per step. The policy-aware half of every group was sampled "
            "with the policy in the prompt; both halves train the model without it.",
            svg=to_svg(figure, name="reward"),
        )


def _saved_prefill(cost: Mapping[str, Any]) -> str:
    """What pairs of runs say about it; older measurements have no pairs."""
    intervals = cost.get("intervals", {})
    if "prefill_saved" not in intervals:
        return ""
    change = "within noise" if within_noise(intervals, "prefill_saved") else saving(cost["prefill_saved"])
    bounds = savings_interval(intervals["prefill_saved"])
    return f" Without the policy, run against run, prefill changes by: {change} (95% interval {bounds})."


def _threads(number: int) -> str:
    return f"{number} thread" + ("" if number == 1 else "s")


def _draw_accuracy(
    axes: Axes, results: Sequence[SuiteResult | None], *, label: str, color: str, marker: str, line: str, offset: float
) -> None:
    found = [(position + offset, result) for position, result in enumerate(results) if result is not None]
    if not found:
        return
    positions = [position for position, _ in found]
    heights = [result.accuracy for _, result in found]
    below = [result.accuracy - result.interval[0] for _, result in found]
    above = [result.interval[1] - result.accuracy for _, result in found]
    axes.errorbar(
        positions, heights, yerr=[below, above], fmt="none", ecolor=color, elinewidth=1.6, capsize=3.5, zorder=2
    )
    style: Mapping[str, Any] = {"markersize": 7, "markeredgewidth": 1.5, "markeredgecolor": SURFACE, "zorder": 3}
    axes.plot(positions, heights, color=color, marker=marker, linestyle=line, label=label, **style)
    axes.annotate(
        percent(heights[-1]),
        (positions[-1], heights[-1]),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )
