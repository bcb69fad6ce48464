"""Where sampled chains of thought come from (paper, Training, CoT data)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trimpi.recipe.endpoint import EndpointConfig
from trimpi.recipe.model_names import INPUT
from trimpi.recipe.numbers import Count, Positive
from trimpi.recipe.strict import StrictModel


class ModelGeneratorConfig(StrictModel):
    """A model of the run writes chains of thought: the stage's input ("input"), the recipe's ("base"), or what an
    earlier stage left, named by its type.
    """

    type: Literal["model"] = "model"
    model: str = INPUT


GeneratorConfig = Annotated[ModelGeneratorConfig | EndpointConfig, Field(discriminator="type")]


class CotSamplingConfig(StrictModel):
    """`samples` chains of thought per example, of which the first good one is kept.

    `batch_size` is sequences at a time when the generator is the model itself.
    """

    generator: GeneratorConfig = Field(default_factory=ModelGeneratorConfig)
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_new_tokens: Count = 512
    batch_size: Count = 16


class ForwardCotConfig(CotSamplingConfig):
    """The generator answers with the policy in its prompt; a chain of thought is good if its answer is right.

    `keep` "all" learns wrong answers, too, as they were given: off-policy context distillation, which needs no gold.
    """

    samples: Count = 4
    keep: Literal["right", "all"] = "right"


class ReverseCotConfig(CotSamplingConfig):
    """The generator sees policy, request and gold answer, and writes the reasoning between them."""

    samples: Count = 1
