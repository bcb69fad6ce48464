from __future__ import annotations

import pytest

from trimpi.stages.flops import Weights, Work, estimate_flops


def test_full_fine_tuning_costs_six_flops_a_weight_and_token() -> None:
    flops = estimate_flops(Weights(language=7, vision=0), Work(trained_tokens=10))
    assert flops.as_dict() == {"training": 420.0, "scoring": 0.0, "rollouts": 0.0, "vision": 0.0, "total": 420.0}


def test_gradient_checkpointing_repeats_the_forward_pass() -> None:
    assert estimate_flops(Weights(language=7, vision=0), Work(trained_tokens=10), checkpointing=True).training == 560


def test_adapters_leave_out_the_gradients_of_frozen_weights() -> None:
    weights = Weights(language=100, vision=0, adapters=3)
    # 10 tokens x (4 x 100 + 6 x 3)
    assert estimate_flops(weights, Work(trained_tokens=10)).training == 4180


def test_tokens_that_are_only_read_or_sampled_cost_two() -> None:
    work = Work(trained_tokens=0, scored_tokens=5, rollout_prompt_tokens=20, rollout_completion_tokens=1)
    flops = estimate_flops(Weights(language=100, vision=0, adapters=3), work)
    assert (flops.scoring, flops.rollouts) == (5 * 206, 21 * 206)


@pytest.mark.parametrize(("adapters", "per_trained_patch"), [(0, 6), (3, 2)])
def test_the_vision_tower_counts_patches_and_is_frozen_under_adapters(adapters: int, per_trained_patch: int) -> None:
    work = Work(
        trained_tokens=10,
        scored_tokens=10,
        rollout_prompt_tokens=8,
        rollout_completion_tokens=100,
        trained_patches_per_token=0.5,
        rollout_patches_per_token=2.0,
    )
    flops = estimate_flops(Weights(language=1, vision=1000, adapters=adapters), work)
    # 5 patches trained, 5 scored, 16 read in sampling
    assert flops.vision == 1000 * (per_trained_patch * 5 + 2 * 5 + 2 * 16)
