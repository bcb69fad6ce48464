"""When and on what a run is evaluated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trimpi.recipe.break_even import BreakEvenConfig
from trimpi.recipe.efficiency import EfficiencyConfig
from trimpi.recipe.strict import StrictModel

SuiteName = Literal["accuracy", "in_context", "efficiency"]


class EvaluationConfig(StrictModel):
    """`examples` caps the test examples of a suite (null: all of them); `base` evaluates the model before any stage.

    `efficiency` is measured after the last stage, and wherever it is among the suites; `break_even` sets it against
    what training cost.
    """

    suites: list[SuiteName] = Field(default=["accuracy", "in_context"], min_length=1)
    examples: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=1)
    max_new_tokens: int = Field(default=512, ge=1)
    after: Literal["every_stage", "last_stage"] = "every_stage"
    base: bool = True
    efficiency: EfficiencyConfig = Field(default_factory=EfficiencyConfig)
    break_even: BreakEvenConfig = Field(default_factory=BreakEvenConfig)
