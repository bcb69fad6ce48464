"""Who samples the rollouts of a step, and the check that it can, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch

from trimpi.errors import ModelError
from trimpi.recipe import Engine, RlConfig, SamplerConfig, VllmSamplerConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.sampling.sampler import RowSampler
from trimpi.stages.rl.vllm import VllmRowSampler
from trimpi.stages.trl_seams import RolloutTrainer, sampling_model


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
