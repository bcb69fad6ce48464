"""Which of the sampled groups a step is trained on, and why the others are not. Pure, torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from trimpi.recipe import DynamicSamplingConfig
from trimpi.rewards.advantages import SAME_REWARD, is_zero_variance
from trimpi.stages.rl.roles import Row
from trimpi.types import Rollout

SOLVED, FAILED, EQUAL, SURPLUS = "solved", "failed", "equal", "surplus"
"""Why a group is dropped: all answers right, all without any score, all of one other reward, or not needed."""


@dataclass(frozen=True, kw_only=True)
class SampledGroup:
    """The rollouts of one request with their rows. `dropped` says why it is not trained on; None if it is."""

    rows: Sequence[Row]
    rollouts: Sequence[Rollout]
    dropped: str | None = None


@dataclass(kw_only=True)
class Draws:
    """The groups of a step, draw after draw; every process holds them all.

    `wanted` is how many groups a step is trained on. Without dynamic sampling the first draw is the step.
    """

    wanted: int
    dynamic: DynamicSamplingConfig | None
    groups: list[SampledGroup] = field(default_factory=list)

    @property
    def most(self) -> int:
        """Draws a step may take."""
        return 1 if self.dynamic is None else self.dynamic.max_draws

    def add(self, rows: Sequence[Row], rollouts: Sequence[Rollout], *, group_size: int) -> None:
        """The rows of one draw, group after group."""
        for start in range(0, len(rows), group_size):
            part = slice(start, start + group_size)
            self.groups.append(
                SampledGroup(rows=rows[part], rollouts=rollouts[part], dropped=self._reason(rollouts[part]))
            )

    def _reason(self, rollouts: Sequence[Rollout]) -> str | None:
        if len(self.kept) >= self.wanted:
            return SURPLUS
        if self.dynamic is None:
            return None
        compared = [rollout.reward for rollout in rollouts if self.dynamic.over == "pooled" or not rollout.policy_aware]
        if compared and not is_zero_variance(compared):
            return None
        accuracies = [rollout.rewards["accuracy"] for rollout in rollouts]
        if min(accuracies) >= 1 - SAME_REWARD:
            return SOLVED
        return FAILED if max(accuracies) <= SAME_REWARD else EQUAL

    @property
    def kept(self) -> list[SampledGroup]:
        return [group for group in self.groups if group.dropped is None]

    @property
    def is_full(self) -> bool:
        return len(self.kept) >= self.wanted

    def statistics(self) -> dict[str, float]:
        """What sampling took, and what was dropped, by reason; nothing where nothing can be dropped."""
        sampled = {"sampled_rollouts": float(sum(len(group.rows) for group in self.groups))}
        if self.dynamic is None:
            return sampled
        reasons = Counter(group.dropped for group in self.groups)
        return sampled | {f"dropped_{reason}": float(reasons[reason]) for reason in (SOLVED, FAILED, EQUAL, SURPLUS)}

    def shortage(self, step: int) -> str:
        """What to tell a user when the draws did not fill the step."""
        reasons = Counter(group.dropped for group in self.groups if group.dropped is not None)
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        return (
            f"ended before step {step}: {self.most} draws gave {len(self.kept)} of the {self.wanted} groups of "
            f"differing rewards that a step needs (not usable: {told}). The model of the step before is kept"
        )
