from __future__ import annotations

from pathlib import Path

from run.fake_services import WordTask, base_model, make_recipe
from trimpi.stages.context import StageContext
from trimpi.sweep.keys import stage_key


def key(folder: Path, **stage: object) -> str:
    recipe = make_recipe(stages=[{"type": "cot_sft", **stage}])
    model = base_model(folder / "model")
    context = StageContext(task=WordTask(), model=recipe.model, model_path=model, output_dir=folder / "out", seed=0)
    return stage_key(recipe, recipe.stages[0], context)


def test_a_file_of_chains_of_thought_counts_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "cots.jsonl"
    file.write_text("one")
    before = key(tmp_path, cot=str(file))
    assert key(tmp_path, cot=str(file)) == before
    file.write_text("two")
    assert key(tmp_path, cot=str(file)) != before


def test_where_a_stage_writes_does_not_count(tmp_path: Path) -> None:
    assert key(tmp_path / "a") == key(tmp_path / "b")


def test_a_model_that_sees_the_policy_counts_by_its_content(tmp_path: Path) -> None:
    keys = []
    for weights in ("one", "two", "one"):
        recipe = make_recipe(
            stages=[{"type": "rl", "steps": 1, "prompts_per_step": 1, "group_size": 1, "policy_aware_model": "base"}]
        )
        frozen = base_model(tmp_path / f"frozen-{len(keys)}")
        (frozen / "weights.txt").write_text(weights)
        context = StageContext(
            task=WordTask(),
            model=recipe.model,
            model_path=base_model(tmp_path / "model"),
            output_dir=tmp_path / "out",
            seed=0,
            earlier_models={"base": frozen},
        )
        keys.append(stage_key(recipe, recipe.stages[0], context))
    assert keys[0] == keys[2] != keys[1]
