"""When and on what a run is evaluated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trimpi.recipe.strict import StrictModel

SuiteName = Literal[
    "accuracy",
    "in_context",
    "override",
    "override_matrix",
    "recitation",
    "leakage",
    "few_shot",
    "retrieval",
    "referral",
    "branching",
]
"""The suites of `evaluation/suites.py`."""


class EvaluationConfig(StrictModel):
    """`examples` caps the test requests of a suite (null: all of them); `base` evaluates the model before any stage.

    A suite may ask a request several times (`override`, `override_matrix`), or other things altogether, which are not
    capped (`recitation`, `leakage`). `referral` and `branching` look at the answers of `accuracy`.
    """

    suites: list[SuiteName] = Field(default=["accuracy", "in_context"], min_length=1)
    examples: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=1)
    max_new_tokens: int = Field(default=512, ge=1)
    after: Literal["every_stage", "last_stage"] = "every_stage"
    base: bool = True
