"""How much is measured of what prompts cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from trimpi.recipe.strict import StrictModel


class EfficiencyConfig(StrictModel):
    """Prompts of `examples` test requests, each answered with `new_tokens` tokens in `repeats` measured rounds.

    `query_lengths` are the tokens of neutral text by which the first request is lengthened, to find where the policy no
    longer matters; none of them measures no lengths. `batch` requests are answered together for the throughput; 1
    measures none.
    """

    examples: int = Field(default=2, ge=1)
    repeats: int = Field(default=3, ge=1)
    new_tokens: int = Field(default=64, ge=2)
    query_lengths: list[Annotated[int, Field(ge=0)]] = Field(default=[0, 128, 512, 2048])
    batch: int = Field(default=16, ge=1)

    @field_validator("query_lengths")
    @classmethod
    def _ascending(cls, lengths: list[int]) -> list[int]:
        if lengths != sorted(set(lengths)):
            raise ValueError("allowed are lengths in ascending order, each once")
        return lengths
