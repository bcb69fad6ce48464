from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tiny_models
from stages.stage_runs import rl_config, run
from tiny_task import ColorTask
from trimpi.errors import ModelError
from trimpi.recipe import VllmSamplerConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import SamplingSettings
from trimpi.stages.rl.vllm import VllmRowSampler


class Engine:
    """Stands for trl's VLLMGeneration: answers every prompt with 'a' and the end of turn."""

    def __init__(self, end_of_turn: int) -> None:
        self._end_of_turn = end_of_turn
        self.asked: dict[str, Any] = {}

    def generate(self, **asked: Any) -> tuple[Any, ...]:
        self.asked = asked
        rows = len(asked["prompts"])
        return asked["prompts"], [[ord("a"), self._end_of_turn]] * rows, [[[-0.5], [None]]] * rows, None


def test_both_halves_reach_the_engine_with_their_own_prompt_and_images(tmp_path: Path) -> None:
    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))
    task = ColorTask(tmp_path)
    example = task.examples("train")[0]
    prompts = [renderer.prompt(example), renderer.prompt(example, task.policy_of(example))]
    engine = Engine(renderer.end_of_turn_id)
    settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=4)
    first, second = VllmRowSampler(engine, renderer).sample_rows(prompts, [1, 2], settings)
    assert engine.asked["prompts"] == [renderer.prompt_ids(prompt) for prompt in prompts]
    assert [len(images) for images in engine.asked["images"]] == [1, 1]
    assert first.text == "a" and not first.truncated
    assert second.sampling_logprobs is not None and second.sampling_logprobs[1] != second.sampling_logprobs[1], "NaN"


def test_the_hit_rate_of_the_prefix_cache_is_read_from_what_vllm_answers(tmp_path: Path) -> None:
    """Two prompts of 10 tokens, of the second of which 8 were held: 8 of 20."""

    class Llm:
        def generate(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(prompt_token_ids=[0] * 10, num_cached_tokens=cached) for cached in (0, 8)]

    class CachingEngine(Engine):
        llm = Llm()

        def generate(self, **asked: Any) -> tuple[Any, ...]:
            self.llm.generate()
            return super().generate(**asked)

    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))
    prompts = [renderer.prompt(example) for example in ColorTask(tmp_path).examples("train")[:2]]
    engine = CachingEngine(renderer.end_of_turn_id)
    sampler = VllmRowSampler(engine, renderer)
    assert sampler.statistics == {}
    sampler.sample_rows(prompts, [1, 2], SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=4))
    assert sampler.statistics == {"prefix_hit_rate": 0.4}
    assert len(engine.llm.generate()) == 2, "vLLM itself is as it was"


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed")
def test_vllm_that_is_not_installed_is_one_clear_error_before_weights_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trimpi.stages.rl.stage.load_model", lambda *_, **__: pytest.fail("weights were loaded"))
    with pytest.raises(ModelError, match="vllm is not installed: pip install"):
        run(rl_config(sampler=VllmSamplerConfig()), tmp_path, "rl")
