"""Requests synthesised from a policy: who writes and checks them, how many, what that may cost."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trimpi.recipe.cots import GeneratorConfig, ModelGeneratorConfig
from trimpi.recipe.numbers import Count, Positive
from trimpi.recipe.strict import StrictModel

Price = Annotated[float, Field(ge=0)]


class SynthConfig(StrictModel):
    """Every section is to have `requests_per_section` requests, the training rows that exercise it among them; `skip`
    names sections, by id or heading, that decide nothing.

    `generator` writes `requests_per_call` requests with their answers at a time, and then answers each `samples` times
    with the policy in its prompt; a request is kept when the share `agreement` of them gives the answer it was written
    with. `images` are what requests are about, by turns: those of the training rows, those in `image_folder` of the
    task's folder, or none. `max_new_tokens` and `answer_tokens` bound what is written at a time, for requests and for
    an answer. `input_price` and `output_price`, in `currency` for a million tokens, are what the estimate is made
    with; null shows none. `batch_size` is sequences at a time when the generator is the model itself.
    """

    generator: GeneratorConfig = Field(default_factory=ModelGeneratorConfig)
    requests_per_section: Count = 20
    requests_per_call: Count = 5
    skip: list[str] = Field(default_factory=list)
    samples: Annotated[int, Field(ge=2)] = 5
    agreement: Annotated[float, Field(gt=0.5, le=1)] = 0.8
    images: Literal["rows", "folder", "none"] = "rows"
    image_folder: str = Field(default="images", min_length=1)
    temperature: Positive = 1.0
    max_new_tokens: Count = 1024
    answer_tokens: Count = 512
    batch_size: Count = 16
    input_price: Price | None = None
    output_price: Price | None = None
    currency: str = Field(default="USD", min_length=1)

    @model_validator(mode="after")
    def _both_prices(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price go together: give both, or neither")
        return self
