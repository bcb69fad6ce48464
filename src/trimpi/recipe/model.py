"""Which model a run starts from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trimpi.recipe.strict import StrictModel


class ModelConfig(StrictModel):
    """`path` is "nano" (the base model in the package), a local model folder, or a hub id."""

    path: str = Field(default="nano", min_length=1)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
