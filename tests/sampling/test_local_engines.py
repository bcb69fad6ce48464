from __future__ import annotations

import logging
from pathlib import Path

import pytest

import tiny_models
from tiny_task import ColorTask
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.local_engines import local_sampler
from trimpi.sampling.shared import SharedPrefixSampler


def test_the_recipe_chooses_the_engine() -> None:
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    assert isinstance(local_sampler(model, renderer, batch_size=2, engine="prefix"), SharedPrefixSampler)
    assert isinstance(local_sampler(model, renderer, batch_size=2, engine="plain"), LocalSampler)


def test_a_model_that_cannot_share_is_sampled_plainly_and_one_line_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    model.config.get_text_config()._attn_implementation = "eager"
    with caplog.at_level(logging.WARNING, logger="trimpi"):
        sampler = local_sampler(model, Renderer(processor), batch_size=2, engine="prefix")
    assert isinstance(sampler, LocalSampler)
    (record,) = caplog.records
    assert "eager" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_adapters_are_sampled_with(tmp_path: Path) -> None:
    """An adapter that is not zero changes the log-probabilities, the same way under both engines."""
    from peft import LoraConfig, get_peft_model

    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer, task = Renderer(processor), ColorTask(tmp_path)
    prompts = [renderer.prompt(example) for example in task.examples("train")[:2]]
    settings = {"samples": 2, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 4, "seed": 0}
    before = local_sampler(model, renderer, batch_size=4, engine="prefix").sample(prompts, **settings)  # type: ignore[arg-type]
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    shared, plain = (
        local_sampler(adapted, renderer, batch_size=4, engine=engine).sample(prompts, **settings)  # type: ignore[arg-type]
        for engine in ("prefix", "plain")
    )
    assert [[row.token_ids for row in rows] for rows in shared] == [[row.token_ids for row in rows] for rows in plain]
    assert shared[0][0].sampling_logprobs != before[0][0].sampling_logprobs
