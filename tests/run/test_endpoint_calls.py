from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.custom.folders import write_folder
from trimpi.recipe import CustomTaskConfig, Recipe, parse_recipe
from trimpi.rendering.prompts import Prompt
from trimpi.run.endpoint_calls import endpoint_uses
from trimpi.sampling.endpoint.cost import Calls
from trimpi.tasks.custom.task import CustomTask

ENDPOINT = {"type": "endpoint", "model": "m"}


def uses(folder: Path, *, tokens: int = 100, reward: Any = "exact", **parts: Any) -> dict[str, Calls]:
    """Of a desk of four training and two test requests."""
    task = {"type": "custom", "path": str(write_folder(folder)), "reward": reward}
    recipe: Recipe = parse_recipe({"name": "a", "task": task, "stages": [], **parts}, source="test")
    assert isinstance(recipe.task, CustomTaskConfig)
    desk = CustomTask(recipe.task, judge=lambda messages, longest: "")
    return {use.part: use.calls for use in endpoint_uses(recipe, desk, lambda prompt: tokens)}


def test_a_recipe_without_endpoints_asks_none(tmp_path: Path) -> None:
    stages = [{"type": "cot_sft", "cot": "forward"}, {"type": "rl", "steps": 1, "prompts_per_step": 1}]
    assert uses(tmp_path, stages=stages) == {}


def test_chains_of_thought_are_asked_for_by_example_and_sample(tmp_path: Path) -> None:
    forward = {"samples": 3, "max_new_tokens": 7, "generator": ENDPOINT}
    reverse = {"max_new_tokens": 5, "generator": ENDPOINT}
    stages = [
        {"type": "vm_cpt", "cot": "reverse", "reverse_cot": reverse, "examples_per_policy": 2},
        {"type": "cot_sft", "cot": "forward", "forward_cot": forward},
    ]
    assert uses(tmp_path, stages=stages) == {
        "01-vm_cpt: cot reverse": Calls(number=2, prompt_tokens=200, written_tokens=10),
        "02-cot_sft: cot forward": Calls(number=12, prompt_tokens=1200, written_tokens=84),
    }


def test_the_reward_is_asked_wherever_answers_are_scored(tmp_path: Path) -> None:
    stages = [
        {"type": "cot_sft", "cot": "forward", "forward_cot": {"samples": 3}},
        {"type": "rl", "steps": 5, "prompts_per_step": 3, "group_size": 2, "gate_examples": 64},
    ]
    judge = {"type": "judge", "endpoint": ENDPOINT, "max_new_tokens": 10}
    assert uses(tmp_path, reward=judge, stages=stages) == {
        "01-cot_sft: reward judge": Calls(number=12, prompt_tokens=1200, written_tokens=120),
        # 4 examples answered for the gate, policy-free and by two policy-aware models, then 5 x 3 x 2 x 2 completions
        "02-rl: reward judge": Calls(number=72, prompt_tokens=7200, written_tokens=720),
        # 2 requests, with the policy and without it, by the base and after each stage
        "evaluation: reward judge": Calls(number=12, prompt_tokens=1200, written_tokens=120),
    }


def test_dynamic_sampling_may_draw_again(tmp_path: Path) -> None:
    algorithm = {"type": "dapo", "dynamic_sampling": {"max_draws": 4}}
    rl = {"type": "rl", "steps": 5, "prompts_per_step": 3, "group_size": 2, "gate_examples": 0, "algorithm": algorithm}
    found = uses(tmp_path, reward={"type": "judge", "endpoint": ENDPOINT}, stages=[rl])
    assert found["01-rl: reward judge"].number == 4 * 60


def test_the_judge_of_referral_is_asked_about_every_model(tmp_path: Path) -> None:
    judge = {"model": "m", "max_new_tokens": 10}
    asked = {"suites": ["referral"], "referral_judge": judge}
    stages = [{"type": "cot_sft"}, {"type": "cot_sft"}]
    found = uses(tmp_path, stages=stages, evaluation=asked)
    assert found == {"evaluation: referral judge": Calls(number=6, prompt_tokens=600, written_tokens=60)}
    fewer = {**asked, "referral_judge": {**judge, "responses": 1}, "after": "last_stage", "base": False}
    assert uses(tmp_path, stages=stages, evaluation=fewer)["evaluation: referral judge"].number == 1
    assert uses(tmp_path, stages=stages, evaluation={**asked, "suites": ["accuracy"]}) == {}


def test_what_is_counted_is_what_is_sent(tmp_path: Path) -> None:
    """With the policy and its picture, and the request's, where the judge sees it."""
    counted: list[Prompt] = []

    def count(prompt: Prompt) -> int:
        counted.append(prompt)
        return 1

    judge = {"type": "judge", "endpoint": ENDPOINT}
    task = CustomTaskConfig.model_validate({"path": write_folder(tmp_path), "reward": judge})
    stages = [{"type": "cot_sft", "cot": "reverse", "reverse_cot": {"generator": ENDPOINT}}]
    evaluation = {"suites": ["referral"], "referral_judge": {"model": "m"}}
    recipe = parse_recipe(
        {"name": "a", "task": task.model_dump(mode="json"), "stages": stages, "evaluation": evaluation}, source="test"
    )
    endpoint_uses(recipe, CustomTask(task, judge=lambda messages, longest: ""), count)
    assert {len(prompt.images) for prompt in counted} == {1, 2}
    assert all("Say right." in str(prompt.messages) for prompt in counted)
    assert all(message.role != "system" or not message.images for prompt in counted for message in prompt.messages)
