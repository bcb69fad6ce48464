from pathlib import Path

import pytest

from tiny_models import tiny_model
from tiny_task import ColorTask
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.efficiency import measure_efficiency
from trimpi.evaluation.results import load_records
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler


@pytest.mark.parametrize("suite", ["accuracy", "in_context"])
def test_a_real_model_is_evaluated_on_the_prompts_that_the_renderer_makes(tmp_path: Path, suite: str) -> None:
    task = ColorTask(tmp_path)
    model, processor = tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    sampler = LocalSampler(model, renderer, batch_size=2)
    result = evaluate_suite(task, sampler, renderer, suite=suite, model="tiny", out_dir=tmp_path, max_new_tokens=4)
    example = task.examples("test")[0]
    prompt = renderer.prompt(example, task.policy_of(example) if suite == "in_context" else None)
    assert result.n == sum(result.outcomes.values()) == len(load_records(tmp_path / f"{suite}.jsonl")) == 2
    assert result.prompt_tokens["max"] == len(renderer.prompt_ids(prompt))


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "idefics3"])
@pytest.mark.parametrize("suite", ["override", "leakage", "few_shot", "retrieval"])
def test_prompts_with_shots_and_without_images_are_asked_of_every_family(
    tmp_path: Path, suite: str, family: str
) -> None:
    model, processor = tiny_model(family)
    renderer = Renderer(processor)
    result = evaluate_suite(
        ColorTask(tmp_path),
        LocalSampler(model, renderer, batch_size=8),
        renderer,
        suite=suite,
        model="tiny",
        out_dir=tmp_path,
        max_new_tokens=2,
        examples=1,
    )
    assert result.n == sum(result.outcomes.values()) == (32 if suite == "leakage" else 1)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
def test_the_prefill_of_a_real_model_is_measured(tmp_path: Path, family: str) -> None:
    model, processor = tiny_model(family)
    result = measure_efficiency(
        ColorTask(tmp_path), model, Renderer(processor), model_name="tiny", out_dir=tmp_path, repeats=1
    )
    assert result.policy_free.prefill_seconds > 0 and result.policy_aware.prefill_seconds > 0
    assert result.policy_aware.mean_tokens > result.policy_free.mean_tokens
    assert (result.device, result.dtype, result.examples) == ("cpu", "float32", 2)
