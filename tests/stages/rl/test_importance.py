from __future__ import annotations

import math

import pytest

from trimpi.stages.rl.importance import HalfWeights, half_weights


def test_equal_distributions_overlap_whole() -> None:
    weights = half_weights([[-1.0, -2.0], [-0.5]], [[-1.0, -2.0], [-0.5]])
    assert weights.statistics() == {"policy_aware_ess": 1.0, "policy_aware_overlap": 1.0}


def test_weights_by_hand() -> None:
    """Sequence weights 1/4 and 1: (5/4)^2 / (2 x 17/16). Token ratios 1/2, 1/2 and 2, 1/2: 2.5 of 4 kept."""
    half = math.log(0.5)
    weights = half_weights([[half, half], [0.0, half]], [[0.0, 0.0], [half, 0.0]])
    assert weights.statistics() == pytest.approx(
        {"policy_aware_ess": (25 / 16) / (2 * 17 / 16), "policy_aware_overlap": 2.5 / 4}
    )


def test_without_policy_aware_completions_there_is_nothing_to_say() -> None:
    assert HalfWeights().statistics() == {}
