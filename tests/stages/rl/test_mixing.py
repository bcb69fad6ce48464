from __future__ import annotations

import pytest

from trimpi.recipe import GapDrivenShare, PolicyAwareShare, ScheduledShare
from trimpi.stages.rl.mixing import policy_aware_per_group


def count(share: PolicyAwareShare, step: int = 0, gaps: list[float | None] | None = None, steps: int = 11) -> int:
    return policy_aware_per_group(share, group_size=10, step=step, steps=steps, gaps=gaps or [])


def test_a_number_is_that_share_at_every_step() -> None:
    assert [count(0.5, step) for step in (0, 10)] == [5, 5]


def test_a_scheduled_share_is_half_its_maximum_at_its_midpoint() -> None:
    """Maximum 0.8 of 10, steepness 10: 8 / (1 + e^-5) = 7.9, then 4, then 8 / (1 + e^5) = 0.05."""
    share = ScheduledShare(maximum=0.8)
    assert [count(share, step) for step in (0, 5, 10)] == [8, 4, 0]


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([], 5),  # nothing measured: the maximum
        ([0.4], 5),  # more than full_at
        ([0.1], 2),  # 0.5 x 0.1 / 0.2 of 10 is 2.5, rounded to even
        ([0.1, 0.18], 4),  # average 0.14: 3.5
        ([0.1, -0.3], 0),  # average -0.1
        ([0.4, None], 0),  # a step without policy-aware rollouts: nothing measures the gap any more
    ],
)
def test_a_gap_driven_share_follows_the_averaged_gap(gaps: list[float | None], expected: int) -> None:
    assert count(GapDrivenShare(), len(gaps), gaps) == expected


def test_a_minimum_goes_on_measuring_a_gap_that_may_come_back() -> None:
    share = GapDrivenShare(minimum=0.1)
    assert [count(share, len(gaps), gaps) for gaps in ([-0.3], [-0.3, 0.5], [-0.3, 0.5, 0.5])] == [1, 2, 5]
