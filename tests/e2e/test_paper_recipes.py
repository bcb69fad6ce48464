"""The recipes for Qwen2.5-VL-7B, carried out on a random model of its architecture.

Changed is only what the machine forces: which model and precision, the sampler (vLLM needs a GPU), and how much.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_models
from e2e.clevr_folder import write_clevr_folder
from trimpi.cli.services import token_counter
from trimpi.cot.gold import gold_cots
from trimpi.cot.store import save_cots
from trimpi.errors import DataError
from trimpi.models import save_model
from trimpi.recipe import CotTrainingConfig, Recipe, StageConfig, load_recipe
from trimpi.run.check import check_recipe
from trimpi.stages import StageContext, StageResult, run_stage
from trimpi.stages.supervised.cots import COT_FILE
from trimpi.tasks.base import Task
from trimpi.tasks.registry import build_task

RECIPES = Path(__file__).parents[2] / "recipes"
POLICIES = 2
LESS = (
    f"task.policies={POLICIES}",
    "task.train_examples_per_policy=1",
    "task.test_examples_per_policy=1",
    "stages.vm_cpt.epochs=1",
    "stages.vm_cpt.forward_cot={samples: 1, max_new_tokens: 4}",
    "stages.cot_sft.epochs=1",
    "stages.rl.steps=1",
    "stages.rl.prompts_per_step=2",
    "stages.rl.max_new_tokens=4",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With room for a policy of six layers, a byte a token."""
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    model.config.get_text_config().max_position_embeddings = 32768
    folder = tmp_path_factory.mktemp("base")
    save_model(model, processor, folder)
    return folder


@pytest.fixture(scope="module")
def clevr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clevr_folder(tmp_path_factory.mktemp("clevr") / "CLEVR_v1.0", scenes=2 * POLICIES)


def small_recipe(variant: str, base: Path, clevr: Path) -> Recipe:
    machine = (f"model.path={base}", "model.dtype=float32", f"task.scenes.path={clevr}")
    path = RECIPES / f"clevr-{variant}-qwen2.5-vl-7b.yaml"
    return load_recipe(path, (*machine, "stages.rl.sampler={type: local}", *LESS))


def run(stage: StageConfig, recipe: Recipe, task: Task, *, start: Path, out: Path) -> StageResult:
    context = StageContext(task=task, model=recipe.model, model_path=start, output_dir=out, seed=recipe.seed)
    return run_stage(stage, context)


@pytest.mark.parametrize("variant", ["t", "m"])
def test_every_stage_takes_the_steps_that_check_announces(
    variant: str, base: Path, clevr: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(variant, base, clevr)
    task = build_task(recipe.task, seed=recipe.seed, cache_dir=tmp_path / "cache")
    announced = check_recipe(recipe, task, token_counter(recipe))
    assert any(policy.images for policy in announced.policies) == (variant == "m")

    start = base
    for stage, expected in zip(recipe.stages, announced.stages, strict=True):
        out = tmp_path / expected.name
        if isinstance(stage, CotTrainingConfig) and stage.cot == "forward":
            # As if already sampled: random weights give no right answer to keep.
            save_cots(gold_cots(task.examples("train")), out / COT_FILE)
        result = run(stage, recipe, task, start=start, out=out)
        assert result.steps == expected.steps == 1
        start = out
    assert (start / "config.json").is_file()


def test_forward_chains_of_thought_are_sampled_from_the_model_itself(base: Path, clevr: Path, tmp_path: Path) -> None:
    recipe = small_recipe("t", base, clevr)
    task = build_task(recipe.task, seed=recipe.seed, cache_dir=tmp_path / "cache")
    with pytest.raises(DataError, match="no forward chain of thought of 2 examples was right"):
        run(recipe.stages[0], recipe, task, start=base, out=tmp_path / "vm_cpt")
