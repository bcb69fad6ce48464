from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tiny_models import tiny_model
from tiny_task import ColorTask
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.efficiency import measure_efficiency
from trimpi.evaluation.efficiency_result import EfficiencyResult
from trimpi.evaluation.results import load_records
from trimpi.evaluation.timed_answers import timed_answers
from trimpi.evaluation.timing import Timing
from trimpi.policies import Policy
from trimpi.recipe import EfficiencyConfig
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


MEASURED = EfficiencyConfig(examples=2, repeats=1, new_tokens=3, query_lengths=[0, 40], batch=2)


class LongPolicies(ColorTask):
    """Policies long enough to be kept."""

    @property
    def policies(self) -> Mapping[str, Policy]:
        text = "Name the color that you see, and nothing else. " * 4
        return {name: Policy(name=name, sections=(f"# {name}\n{text}",)) for name in super().policies}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "idefics3"])
def test_all_ways_of_answering_are_measured_on_a_real_model(tmp_path: Path, family: str) -> None:
    model, processor = tiny_model(family)
    task = LongPolicies(tmp_path)
    result = measure_efficiency(
        task, model, Renderer(processor), model_name="tiny", out_dir=tmp_path, settings=MEASURED
    )
    assert (result.device, result.dtype, result.engine, result.batch) == ("cpu", "float32", "prefix", 2)
    assert result.policy_cached is not None and result.policy_cached.cached_tokens >= 0.9 * result.policy_tokens
    assert result.policy_free.cached_tokens == result.policy_aware.cached_tokens == 0
    for cost in (result.policy_free, result.policy_aware, result.policy_cached):
        assert 0 < cost.prefill_seconds < cost.latency_seconds
        assert cost.requests_per_second is not None and cost.requests_per_second > 0
    first, second = result.query_lengths
    assert second.tokens["policy_free"] - first.tokens["policy_free"] == pytest.approx(40, abs=4)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
def test_without_the_engine_two_ways_are_measured(tmp_path: Path, family: str) -> None:
    model, processor = tiny_model(family)
    model.train()
    result = measure_efficiency(
        LongPolicies(tmp_path),
        model,
        Renderer(processor),
        model_name="tiny",
        out_dir=tmp_path,
        settings=MEASURED,
        engine="plain",
    )
    assert (result.engine, result.policy_cached) == ("plain", None)
    assert result.no_cache == "engine: plain keeps no prefixes"
    assert result.policy_aware.mean_tokens > result.policy_free.mean_tokens
    assert 0 < result.policy_free.prefill_seconds < result.policy_free.latency_seconds
    assert model.training, "it goes on training"


def test_a_measurement_is_read_back_until_something_else_is_asked_for(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    renderer, task = Renderer(processor), LongPolicies(tmp_path)
    settings = EfficiencyConfig(examples=1, repeats=1, new_tokens=2, query_lengths=[], batch=1)

    def measure(name: str = "tiny", **changes: Any) -> tuple[EfficiencyResult, int]:
        ticks: list[int] = []
        changed = settings.model_copy(update=changes)
        result = measure_efficiency(
            task,
            model,
            renderer,
            model_name=name,
            out_dir=tmp_path,
            settings=changed,
            progress=lambda done, total: ticks.append(done),
        )
        return result, len(ticks)

    first, runs = measure()
    assert runs and measure() == (first, 0)
    assert measure(new_tokens=3)[1] and measure("other", new_tokens=3)[1]


def test_the_clock_is_read_when_the_first_and_the_last_token_are_there(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    renderer, task = Renderer(processor), ColorTask(tmp_path)
    prompt = renderer.prompt(task.examples("test")[0])
    for engine in ("prefix", "plain"):
        clock = iter([10.0, 13.0, 20.0]).__next__
        answers = timed_answers(model, renderer, engine=engine, clock=clock)  # type: ignore[arg-type]
        assert answers.from_nothing([prompt])(4) == Timing(first_token=3.0, total=10.0)


def test_a_run_with_the_policy_kept_keeps_nothing_for_the_next(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    renderer, task = Renderer(processor), LongPolicies(tmp_path)
    example = task.examples("test")[0]
    policy = task.policy_of(example)
    decoys = [renderer.prompt(replace(example, prompt=text, images=()), policy) for text in "AB"]
    encoded: list[int] = []
    encode = model.model.visual.forward
    model.model.visual.forward = lambda *args, **kwargs: encoded.append(1) or encode(*args, **kwargs)  # type: ignore[func-returns-value]
    run = timed_answers(model, renderer, engine="prefix").with_kept([renderer.prompt(example, policy)], decoys)
    first, second = run(2), run(1)
    assert first.cached_tokens == second.cached_tokens > 64
    assert len(encoded) == 2, "the request's image is encoded each time"
