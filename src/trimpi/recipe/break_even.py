"""What the question when training has paid is answered with: assumptions, none of them measured."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from trimpi.recipe.strict import StrictModel

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class BreakEvenConfig(StrictModel):
    """Prices in `currency`, assumed `as_of` a month; change both together. The defaults are round numbers of the order
    of what hosted open models of 7B parameters and rented GPUs of 80 GB cost, and no provider's offer.

    `input_price`, `cached_input_price` and `output_price` are for a million tokens. `cache_hit_rate` is the share of
    policy-aware requests that find the policy in the provider's prefix cache. Both models write their reasoning:
    `in_context_output_tokens` and `internalized_output_tokens` are what an answer takes with the policy in the prompt
    and in the weights. Every one of `updates_per_month` of the policy pays for a training.
    """

    as_of: str = "2026-11"
    currency: str = Field(default="USD", min_length=1)
    input_price: NotNegative = 0.20
    cached_input_price: NotNegative = 0.05
    output_price: NotNegative = 0.60
    gpu_hour_price: NotNegative = 2.00
    cache_hit_rate: Annotated[float, Field(ge=0, le=1)] = 0.5
    in_context_output_tokens: NotNegative = 200
    internalized_output_tokens: NotNegative = 200
    requests_per_month: Positive = 100_000
    updates_per_month: NotNegative = 1.0

    @field_validator("as_of")
    @classmethod
    def _a_month(cls, month: str) -> str:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            raise ValueError("allowed is a month such as 2026-11")
        return month

    @model_validator(mode="after")
    def _cached_is_not_dearer(self) -> Self:
        if self.cached_input_price > self.input_price:
            raise ValueError(
                f"cached_input_price {self.cached_input_price:g} is above input_price {self.input_price:g}: "
                "allowed is at most that"
            )
        return self
