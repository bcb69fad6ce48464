"""Who samples the rollouts of a step, each half, and the check that it can, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from trimpi.errors import ModelError
from trimpi.recipe import Engine, RlConfig, SamplerConfig, VllmSamplerConfig
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.sampling.sampler import RowSampler, SamplingSettings
from trimpi.stages.rl.vllm import VllmRowSampler
from trimpi.stages.trl_seams import RolloutTrainer, sampling_model
from trimpi.types import Completion


def check_sampler(config: SamplerConfig) -> None:
    """Raises ModelError when the sampler a recipe names cannot run here."""
    if not isinstance(config, VllmSamplerConfig):
        return
    if find_spec("vllm") is None:
        raise ModelError(
            "sampler.type is vllm, but vllm is not installed: pip install 'trimpi[vllm]', or sampler.type=local"
        )
    if not torch.cuda.is_available():
        raise ModelError("sampler.type is vllm, which needs a GPU, and there is none: use sampler.type=local")


def sampler_arguments(config: RlConfig) -> dict[str, Any]:
    """What TRL must know of the sampler.

    With vLLM, TRL corrects for the difference between vLLM's and the trainer's probabilities. The policy-aware rows
    carry NaN as their sampling log-probabilities, so they are left alone, as PolicyRollout wants (paper, Training, 3).
    """
    if not isinstance(config.sampler, VllmSamplerConfig):
        return {}
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": config.sampler.gpu_memory_utilization,
        "vllm_tensor_parallel_size": config.sampler.tensor_parallel_size,
        "vllm_importance_sampling_correction": True,
        "off_policy_mask_threshold": None,
    }


@contextmanager
def row_sampler(
    config: SamplerConfig, trainer: RolloutTrainer, renderer: Renderer, engine: Engine
) -> Iterator[RowSampler]:
    """The sampler over the trainer's current weights."""
    if isinstance(config, VllmSamplerConfig):
        yield VllmRowSampler(trainer.vllm_generation, renderer)
    else:
        with sampling_model(trainer) as model:
            yield local_sampler(model, renderer, batch_size=config.batch_size, engine=engine)


def sampling_settings(config: RlConfig) -> SamplingSettings:
    return SamplingSettings(temperature=config.temperature, top_p=config.top_p, max_new_tokens=config.max_new_tokens)


@dataclass(frozen=True, slots=True)
class HalvesSampler:
    """Samples policy-free and policy-aware prompts with a model each, or with one model together."""

    policy_free: RowSampler
    policy_aware: RowSampler

    @property
    def statistics(self) -> Mapping[str, float]:
        """Of the model that is trained."""
        return self.policy_free.statistics

    def sample_rows(
        self, prompts: Sequence[Prompt], policy_aware: Sequence[bool], seeds: Sequence[int], settings: SamplingSettings
    ) -> list[Completion]:
        """One completion per row, in the order of the rows; `policy_aware` says which prompts show the policy."""
        if self.policy_free is self.policy_aware:
            return self.policy_free.sample_rows(prompts, seeds, settings)
        completions: dict[int, Completion] = {}
        for sampler, half in ((self.policy_free, False), (self.policy_aware, True)):
            rows = [row for row, aware in enumerate(policy_aware) if aware == half]
            if rows:
                sampled = sampler.sample_rows([prompts[row] for row in rows], [seeds[row] for row in rows], settings)
                completions.update(zip(rows, sampled, strict=True))
        return [completions[row] for row in range(len(prompts))]
