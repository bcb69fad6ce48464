from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from trimpi.errors import RecipeError
from trimpi.recipe import (
    ClevrTaskConfig,
    CotSftConfig,
    LoraConfig,
    Recipe,
    RenderedScenes,
    RlConfig,
    SceneDirectory,
    VmCptConfig,
    load_recipe,
    parse_recipe,
    recipe_data,
    recipe_yaml,
)

FILES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
RECIPES = [file for file in FILES if "\nmethods:" not in file.read_text(encoding="utf-8")]
"""Without the sweeps: tests/recipe/test_ablations.py."""
SMALL = """
name: small
task:
  type: clevr
  train_examples_per_policy: 4
  test_examples_per_policy: 2
stages:
  - type: vm_cpt
    learning_rate: 1e-3
  - type: rl
    steps: 2
    prompts_per_step: 2
"""


def write(folder: Path, text: str = SMALL) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return file


def refusal(folder: Path, *overrides: str, text: str = SMALL) -> str:
    with pytest.raises(RecipeError) as error:
        load_recipe(write(folder, text), overrides)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_shipped_recipe_loads(file: Path) -> None:
    recipe = load_recipe(file)
    assert recipe.name == file.stem
    assert [stage.type for stage in recipe.stages] == ["vm_cpt", "cot_sft", "rl"]


def test_recipes_are_shipped() -> None:
    assert [file.stem for file in RECIPES] == [
        "clevr-m-qwen2.5-vl-7b",
        "clevr-t-qwen2.5-vl-7b",
        "evidence-nano",
        "gta-nano",
        "gta-qwen2.5-vl-7b",
        "quickstart",
    ]


@pytest.mark.parametrize("variant", ["t", "m"])
def test_large_recipes_have_the_papers_hyperparameters(variant: str) -> None:
    file = next(file for file in RECIPES if file.stem == f"clevr-{variant}-qwen2.5-vl-7b")
    recipe = load_recipe(file)
    vm_cpt, cot_sft, rl = recipe.stages
    assert isinstance(vm_cpt, VmCptConfig) and isinstance(cot_sft, CotSftConfig) and isinstance(rl, RlConfig)
    assert (recipe.task.layers, recipe.task.policies, recipe.task.train_examples_per_policy) == (6, 10, 2000)
    assert (vm_cpt.learning_rate, vm_cpt.epochs, vm_cpt.batch_size, vm_cpt.lora) == (1e-5, 5, 16, None)
    assert (cot_sft.learning_rate, cot_sft.epochs, cot_sft.lora) == (1e-4, 5, LoraConfig(rank=8))
    assert (rl.learning_rate, rl.steps, rl.prompts_per_step, rl.lora) == (1e-6, 104, 384, None)
    assert (rl.algorithm.epsilon_low, rl.algorithm.epsilon_high, rl.algorithm.beta) == (0.2, 0.3, 0.01)
    assert rl.sampler.type == "vllm"
    assert recipe.model.dtype == "bfloat16" and all(stage.gradient_checkpointing for stage in recipe.stages)


def test_resolved_recipe_loads_back_to_the_same_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path))
    assert load_recipe(write(tmp_path, recipe_yaml(recipe))) == recipe
    assert yaml.safe_load(recipe_yaml(recipe)) == recipe_data(recipe)


def test_scientific_notation_without_a_dot_is_a_number(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path)).stages[0].learning_rate == 1e-3


def test_overrides_reach_into_mappings_and_lists(tmp_path: Path) -> None:
    overrides = ["seed=3", "stages.0.epochs=2", "stages.rl.learning_rate=1e-4", "evaluation.suites=[accuracy]"]
    recipe = load_recipe(write(tmp_path), overrides)
    assert (recipe.seed, recipe.stages[1].learning_rate) == (3, 1e-4)
    assert isinstance(recipe.stages[0], VmCptConfig) and recipe.stages[0].epochs == 2
    assert recipe.evaluation.suites == ["accuracy"]


def test_override_can_replace_a_whole_mapping(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path), ["task.scenes={type: directory, path: clevr, split: null}"])
    assert recipe.task.scenes == SceneDirectory(path=Path("clevr"), split=None)


def test_the_same_total_of_rollouts_whatever_the_share() -> None:
    config = RlConfig(steps=1, prompts_per_step=1, group_size=4, policy_aware_share=0.0)
    assert (config.total_group_size, config.completions_per_step) == (8, 8)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("stages.rl.policy_aware_share={type: gap}", "'number', 'scheduled', 'gap_driven'"),
        ("stages.rl.policy_aware_share={type: gap_driven, full: 1.0}", "did you mean 'full_at'?"),
        ("stages.rl.policy_aware_share=1.5", "at most 1.0"),
        ("stages.rl.algorithm={type: ppo}", "'grpo', 'dapo'"),
        ("stages.rl.advantage.baseline=half", "'pooled', 'per_half', 'policy_free' or 'leave_one_out'"),
    ],
)
def test_a_wrong_choice_of_the_rl_axis_names_the_allowed(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_recipe(write(tmp_path), [override])
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seeed=1", "unknown key 'seeed': did you mean 'seed'?"),
        ("stages.0.learning_rat=1", "in stages.0: unknown key 'learning_rat': did you mean 'learning_rate'?"),
        ("task.zzz=1", "in task: unknown key 'zzz': allowed are type, variant, layers"),
        ("task.layers=9", "task.layers is 9; allowed is at most 6"),
        ("task.variant=X", "task.variant is 'X'; allowed is 'T' or 'M'"),
        ("task.policies=two", "task.policies is 'two'; allowed is a whole number"),
        ("task.policies=1.5", "task.policies is 1.5; allowed is a whole number"),
        ("stages.0.learning_rate=fast", "stages.0.learning_rate is 'fast'; allowed is a number"),
        ("stages.0.learning_rate=0", "stages.0.learning_rate is 0; allowed is above 0"),
        ("stages.0.learning_rate=.inf", "stages.0.learning_rate is inf; allowed is a finite number"),
        (
            "stages.0.cot=silver",
            "stages.0.cot is 'silver'; allowed are 'gold', 'forward', 'reverse', or the path of a .jsonl",
        ),
        ("stages.0.cot=revers", "did you mean 'reverse'? allowed are 'gold'"),
        ("stages.0.revers_cot={}", "unknown key 'revers_cot': did you mean 'reverse_cot'?"),
        (
            "stages.0.reverse_cot={generator: {}}",
            "stages.0.reverse_cot.generator must be a mapping with a `type`: model or endpoint",
        ),
        (
            "stages.0.reverse_cot={generator: {type: remote}}",
            "stages.0.reverse_cot.generator.type is 'remote'; allowed are 'model', 'endpoint'",
        ),
        ("stages.0.reverse_cot={generator: {type: endpoint}}", "stages.0.reverse_cot.generator.model is missing"),
        (
            "stages.0.forward_cot={generator: {type: endpoint, model: m, base_ur: x}}",
            "in stages.0.forward_cot.generator: unknown key 'base_ur': did you mean 'base_url'?",
        ),
        (
            "stages.0.reverse_cot={generator: {type: endpoint, model: m, base_url: api.example.com}}",
            "stages.0.reverse_cot.generator.base_url: allowed is http(s)://HOST/PATH",
        ),
        (
            "stages.0.reverse_cot={generator: {type: endpoint, model: m, omit: [seed]}}",
            "stages.0.reverse_cot.generator.omit.0 is 'seed'; allowed is 'temperature' or 'top_p'",
        ),
        ("stages.0.gradient_checkpointing=1", "stages.0.gradient_checkpointing is 1; allowed is true or false"),
        (
            "stages.0={type: vmcpt}",
            "stages.0.type is 'vmcpt'; allowed are 'vm_cpt', 'direct_sft', 'cot_sft', 'soft_prompt', 'rl'",
        ),
        ("stages.0={}", "stages.0 must be a mapping with a `type`: vm_cpt, direct_sft, cot_sft, soft_prompt or rl"),
        ("task.scenes={seed: 1}", "task.scenes must be a mapping with a `type`: rendered or directory"),
        ("stages.rl.sampler={}", "stages.1.sampler must be a mapping with a `type`: local or vllm"),
        ("stages.1={type: rl}", "stages.1.steps is missing"),
        ("stages.rl.batch_size=3", "in stages.1: unknown key 'batch_size'"),
        ("stages.rl.micro_batch_tokens=0", "stages.1.micro_batch_tokens is 0; allowed is at least 1"),
        ("engine=fast", "engine is 'fast'; allowed is 'prefix' or 'plain'"),
        ("stages.rl.policy_aware_share=0.33", "it must be a whole number"),
        ("task.scenes={type: rendered, min_objects: 5, max_objects: 4}", "min_objects (5) is above max_objects (4)"),
        ("name=a/b", "name is 'a/b'; allowed is letters, digits"),
        (
            "evaluation.suites=[accuracies]",
            "evaluation.suites.0 is 'accuracies'; allowed is 'accuracy'",
        ),
        ("evaluation.efficiency.new_tokens=1", "evaluation.efficiency.new_tokens is 1; allowed is at least 2"),
        (
            "evaluation.efficiency.query_lengths=[512, 128]",
            "evaluation.efficiency.query_lengths is [512, 128]; allowed are lengths in ascending order, each once",
        ),
        ("evaluation.break_even.price=1", "in evaluation.break_even: unknown key 'price'"),
        ("evaluation.break_even.cache_hit_rate=2", "evaluation.break_even.cache_hit_rate is 2; allowed is at most 1"),
        ("evaluation.break_even.as_of=today", "evaluation.break_even.as_of is 'today'; allowed is a month such as"),
        ("evaluation.break_even.input_price=0.01", "cached_input_price 0.05 is above input_price 0.01"),
        ("evaluation.suites=[]", "evaluation.suites is []; allowed is anything but empty"),
        ("stages=3", "stages is 3; allowed is a list"),
        ("task=3", "task is 3; allowed is a mapping"),
        ("seed", "override 'seed' is not key.path=value"),
        ("stages.7.epochs=1", "there is no item '7'; allowed are 0 (vm_cpt), 1 (rl)"),
        ("name.x=1", "there is nothing below 'small'"),
        ("seed=[1", "override 'seed=[1', line 1"),
    ],
)
def test_wrong_recipe_is_refused_in_one_line(tmp_path: Path, override: str, expected: str) -> None:
    assert expected in refusal(tmp_path, override)


def test_all_wrong_keys_are_named_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "task.layers=9", "seed=-1")
    assert "seed is -1; allowed is at least 0" in message and "task.layers is 9" in message


def test_two_stages_of_a_type_are_named_by_index(tmp_path: Path) -> None:
    message = refusal(tmp_path, "stages.0={type: rl, steps: 1, prompts_per_step: 1}", "stages.rl.steps=3")
    assert "2 items are of type 'rl'; allowed are 0 (rl), 1 (rl)" in message


def test_key_given_twice_is_refused(tmp_path: Path) -> None:
    assert "the key 'name' is given 2 times" in refusal(tmp_path, text=SMALL + "name: other\n")


def test_malformed_yaml_is_refused_with_its_place(tmp_path: Path) -> None:
    message = refusal(tmp_path, text="name: [small\ntask: 1")
    assert "recipe.yaml, line 2" in message and "not valid YAML" in message


@pytest.mark.parametrize(("text", "held"), [("", "nothing"), ("- a", "a list"), ("hello", "a str")])
def test_file_that_holds_no_mapping_is_refused(tmp_path: Path, text: str, held: str) -> None:
    assert f"holds {held}, not a mapping" in refusal(tmp_path, text=text)


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    assert "not valid YAML" in refusal(tmp_path, text="name: !!python/object/apply:os.system [ls]")


def test_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe at"):
        load_recipe(tmp_path / "gone.yaml")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RecipeError, match="cannot be read as UTF-8"):
        load_recipe(tmp_path / "recipe.yaml")


def test_recipes_cannot_be_changed_once_made() -> None:
    recipe = parse_recipe(yaml.safe_load(SMALL.replace("1e-3", "0.001")), source="test")
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 2  # type: ignore[misc]


def test_recipe_can_be_made_in_code() -> None:
    task = ClevrTaskConfig(train_examples_per_policy=1, test_examples_per_policy=1)
    assert task.scenes == RenderedScenes()
    assert Recipe(name="a", task=task, stages=[VmCptConfig()]).stages[0].type == "vm_cpt"


@pytest.mark.parametrize(
    "setting",
    [
        "api_key_env: sk-123",
        "base_url: 'https://sk-123@api.example.com/v1'",
        "base_url: 'https://api.example.com/v1?key=sk-123'",
    ],
)
def test_a_key_in_a_recipe_is_refused_and_not_repeated(tmp_path: Path, setting: str) -> None:
    message = refusal(tmp_path, f"stages.0.reverse_cot={{generator: {{type: endpoint, model: m, {setting}}}}}")
    assert "environment variable" in message and "sk-123" not in message


RL = {"type": "rl", "steps": 1, "prompts_per_step": 1}
FORWARD = {"type": "cot_sft", "cot": "forward"}


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        (
            [{"type": "vm_cpt"}, {**RL, "policy_aware_model": "vmcpt"}],
            r"policy_aware_model of stage 2 is 'vmcpt'; allowed are current, best, input, base, vm_cpt \(",
        ),
        (
            [{**FORWARD, "forward_cot": {"generator": {"type": "model", "model": "cot_sft"}}}],
            r"generator.model of stage 1 is 'cot_sft'; allowed are input, base \(",
        ),
    ],
)
def test_a_stage_reads_models_that_are_there(stages: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        parse_recipe({"name": "x", "task": {"type": "clevr", "layers": 1}, "stages": stages}, source="test")
