"""The recipes for Qwen2.5-VL-7B hold the numbers of the paper (arXiv 2510.09474)."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimpi.recipe import CotSftConfig, GrpoConfig, Recipe, RlConfig, SceneDirectory, VmCptConfig, load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
GPUS = 8


@pytest.fixture(params=["t", "m"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return load_recipe(RECIPES / f"clevr-{request.param}-qwen2.5-vl-7b.yaml")


def stages(recipe: Recipe) -> tuple[VmCptConfig, CotSftConfig, RlConfig]:
    first, second, third = recipe.stages
    assert isinstance(first, VmCptConfig) and isinstance(second, CotSftConfig) and isinstance(third, RlConfig)
    return first, second, third


def test_data_are_ten_policies_of_six_layers_on_clevr(recipe: Recipe) -> None:
    task = recipe.task
    assert (task.layers, task.policies, task.train_examples_per_policy) == (6, 10, 2000)
    assert task.policies * task.test_examples_per_policy == 2000
    assert isinstance(task.scenes, SceneDirectory)


def test_vm_cpt_trains_all_weights(recipe: Recipe) -> None:
    stage, _, _ = stages(recipe)
    assert (stage.learning_rate, stage.epochs, stage.lora) == (1e-5, 5, None)
    assert stage.batch_size * stage.gradient_accumulation * GPUS == 16 * 8


def test_cot_sft_trains_adapters_of_rank_8(recipe: Recipe) -> None:
    _, stage, _ = stages(recipe)
    assert stage.lora is not None
    assert (stage.learning_rate, stage.epochs, stage.lora.rank) == (1e-4, 5, 8)
    assert stage.batch_size * stage.gradient_accumulation * GPUS == 16 * 4


def test_rl_is_policy_rollout_on_grpo_over_two_epochs(recipe: Recipe) -> None:
    _, _, stage = stages(recipe)
    assert (stage.learning_rate, stage.lora, stage.steps, stage.prompts_per_step) == (1e-6, None, 104, 384)
    assert (stage.group_size, stage.policy_aware_share) == (5, 0.5)
    examples = recipe.task.policies * recipe.task.train_examples_per_policy
    assert round(stage.steps * stage.prompts_per_step / examples) == 2
    assert stage.algorithm == GrpoConfig(epsilon_low=0.2, epsilon_high=0.3, beta=0.01)


def test_seven_billion_parameters_fit_on_gpus(recipe: Recipe) -> None:
    assert recipe.model.dtype == "bfloat16"
    assert all(stage.gradient_checkpointing for stage in recipe.stages)
    assert stages(recipe)[2].sampler.type == "vllm"
