"""What RL's log says besides its reward: the gap of the halves, lengths, groups that teach nothing, divergence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from trimpi.recipe import BASE, CURRENT, INPUT
from trimpi.reporting.drawing import PageFigure, Points, curve, draw_curve, is_rl, label_shares, label_steps
from trimpi.reporting.run_directory import RunRecord, Stage
from trimpi.reporting.svg import AWARE, BAD, FREE, GOOD, MUTED, TOTAL, canvas, to_svg
from trimpi.reporting.wording import stage_label

PANELS_WIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One quantity over the steps of a stage. `caption` says how to read it; `zero` marks the line at 0."""

    title: str
    caption: str
    color: str
    points: Callable[[Stage], Points]
    share: bool = False
    zero: bool = False


def _logged(key: str) -> Callable[[Stage], Points]:
    return lambda stage: curve(stage, key)


def zero_variance_share(stage: Stage) -> Points:
    """The share of groups whose rewards are all the same: they give no gradient."""
    groups = dict(curve(stage, "groups"))
    return [
        (step, number / groups[step])
        for step, number in curve(stage, "zero_variance_groups")
        if groups.get(step, 0) > 0
    ]


def dropped_share(stage: Stage) -> Points:
    """The share of a step's sampled groups that it was not trained on because their rewards were equal."""
    groups = dict(curve(stage, "groups"))
    reasons = [dict(curve(stage, f"dropped_{reason}")) for reason in ("solved", "failed", "equal")]
    return [
        (step, sum(reason.get(step, 0) for reason in reasons) / number)
        for step, number in groups.items()
        if number > 0 and step in reasons[0]
    ]


PANELS = (
    Panel(
        title="reward gap",
        caption="Gap: policy-aware minus policy-free reward; above 0 the policy in the prompt still helps.",
        color=AWARE,
        points=_logged("reward_gap"),
        zero=True,
    ),
    Panel(
        title="share of policy-aware rollouts",
        caption="Share: rollouts of a group sampled with the policy in the prompt.",
        color=AWARE,
        points=_logged("policy_aware_share"),
        share=True,
    ),
    Panel(
        title="distillation coefficient",
        caption="Distillation: how strongly advantages pull towards the policy-aware half; below 0 they repel.",
        color=AWARE,
        points=_logged("distillation_coefficient"),
        zero=True,
    ),
    Panel(
        title="overlap of the halves",
        caption="Overlap: of the next token's distributions with and without the policy, on policy-aware completions.",
        color=FREE,
        points=_logged("policy_aware_overlap"),
        share=True,
    ),
    Panel(
        title="effective sample size",
        caption="Effective sample size: of the policy-aware half, were it weighted exactly.",
        color=FREE,
        points=_logged("policy_aware_ess"),
        share=True,
    ),
    Panel(
        title="groups drawn and dropped",
        caption="Dropped: groups of equal rewards that dynamic sampling replaced, of all it drew.",
        color=BAD,
        points=dropped_share,
        share=True,
    ),
    Panel(
        title="KL to the teacher",
        caption="Teacher: reverse KL to the policy-aware teacher on the model's own completions.",
        color=AWARE,
        points=_logged("teacher_kl"),
    ),
    Panel(
        title="completion length, tokens",
        caption="Length: mean tokens of a completion.",
        color=TOTAL,
        points=_logged("completion_length"),
    ),
    Panel(
        title="groups without variance",
        caption="Groups without variance: all rewards of a group are the same, so it gives no gradient.",
        color=BAD,
        points=zero_variance_share,
        share=True,
    ),
    Panel(
        title="KL to the reference",
        caption="KL: from the model that RL started from.",
        color=FREE,
        points=_logged("kl"),
    ),
    Panel(title="entropy", caption="Entropy: mean of the tokens', in nats.", color=GOOD, points=_logged("entropy")),
    Panel(
        title="clipped share",
        caption="Clipped: share of tokens whose ratio was cut.",
        color=MUTED,
        points=_logged("clip_ratio"),
        share=True,
    ),
)


def learning_figures(run: RunRecord) -> list[PageFigure]:
    """One figure per RL stage that logged any of PANELS."""
    stages = [stage for stage in run.stages if is_rl(stage)]
    return [figure for stage in stages if (figure := _figure(stage, several=len(stages) > 1)) is not None]


def _figure(stage: Stage, *, several: bool) -> PageFigure | None:
    panels = [(panel, points) for panel in PANELS if (points := panel.points(stage))]
    if not panels:
        return None
    rows = -(-len(panels) // PANELS_WIDE)
    with canvas(height=2.0 * rows, rows=rows, columns=PANELS_WIDE) as (figure, all_axes):
        for axes in all_axes[len(panels) :]:
            axes.set_visible(False)
        for axes, (panel, points) in zip(all_axes, panels, strict=False):
            _draw(axes, panel, points)
        return PageFigure(
            title=f"{stage.label} in detail" + (f" (stage {stage.number})" if several else ""),
            caption=" ".join(
                [*_told(stage), *(panel.caption for panel, _ in panels), "Each logged step, and its running average."]
            ),
            svg=to_svg(figure, name=f"learning{stage.number}"),
        )


def _told(stage: Stage) -> Iterator[str]:
    """What is said of a stage beside its curves: what the policy gained before it, and why it ended early."""
    if stage.gate:
        yield (
            f"Before the first step the model had {stage.gate['accuracy_policy_free']:.1%} of "
            f"{stage.gate['examples']} training requests right without the policy; with it in the prompt "
            f"{_by(stage.gate)} had {stage.gate['accuracy_policy_aware']:.1%}."
        )
    reason = stage.manifest.get("ended_early")
    if reason:
        yield f"The stage {reason}."


def _by(gate: Mapping[str, Any]) -> str:
    """Who saw the policy; records of older versions do not say, and mean the model itself."""
    name = str(gate.get("policy_aware_model", CURRENT))
    return {CURRENT: "it", INPUT: "it", BASE: "the base"}.get(name, f"the model after {stage_label(name)}")


def _draw(axes: Axes, panel: Panel, points: Sequence[tuple[float, float]]) -> None:
    if panel.zero:
        axes.axhline(0, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)))
    draw_curve(axes, points, color=panel.color, raw=True)
    axes.set_title(panel.title)
    label_steps(axes)
    if panel.share:
        label_shares(axes)
