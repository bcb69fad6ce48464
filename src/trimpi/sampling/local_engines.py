"""Which engine samples with a model in this process."""

from __future__ import annotations

from transformers import PreTrainedModel

from trimpi.prefix.support import can_share, obstacle, plain_model
from trimpi.recipe import Engine
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplerByRows
from trimpi.sampling.shared import SharedPrefixSampler


def local_sampler(model: PreTrainedModel, renderer: Renderer, *, batch_size: int, engine: Engine) -> SamplerByRows:
    """The prefix engine where it is wanted and this model can use it, transformers' `generate` otherwise.

    Adapters take part: they lie in the layers of the model under the wrapper, which is what is sampled.
    """
    sampler = SharedPrefixSampler if engine == "prefix" and can_share(obstacle(model)) else LocalSampler
    return sampler(plain_model(model), renderer, batch_size=batch_size)
