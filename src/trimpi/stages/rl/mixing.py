"""How many rollouts of a group see the policy, step by step. Pure, torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trimpi.recipe import GapDrivenShare, PolicyAwareShare, ScheduledShare


def policy_aware_per_group(
    share: PolicyAwareShare, *, group_size: int, step: int, steps: int, gaps: Sequence[float | None]
) -> int:
    """Policy-aware rollouts of every group of step 0, 1, ... of `steps`.

    `gaps` are the reward gaps of all steps before; None where a step had rollouts of one half only.
    """
    return round(group_size * _share(share, step=step, steps=steps, gaps=gaps))


def _share(share: PolicyAwareShare, *, step: int, steps: int, gaps: Sequence[float | None]) -> float:
    if isinstance(share, ScheduledShare):
        time = step / max(steps - 1, 1)
        return share.maximum / (1 + math.exp(share.steepness * (time - share.midpoint)))
    if isinstance(share, GapDrivenShare):
        return max(share.minimum, share.maximum * _gain(share, gaps))
    return share


def _gain(share: GapDrivenShare, gaps: Sequence[float | None]) -> float:
    """From 0 to 1; 1 before anything is measured, 0 for good once a step had no policy-aware rollouts."""
    average: float | None = None
    for gap in gaps:
        if gap is None:
            return 0.0
        average = gap if average is None else share.decay * average + (1 - share.decay) * gap
    return 1.0 if average is None else min(max(average / share.full_at, 0.0), 1.0)
