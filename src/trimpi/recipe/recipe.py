"""The run as data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trimpi.recipe.evaluation import EvaluationConfig
from trimpi.recipe.model import ModelConfig
from trimpi.recipe.stages import StageConfig
from trimpi.recipe.strict import StrictModel
from trimpi.recipe.task import TaskConfig

Engine = Literal["prefix", "plain"]


class Recipe(StrictModel):
    """Everything that decides a run's numbers. `instruction` replaces the default system turn; null keeps it.

    `engine` "prefix" computes what several sequences begin with once, in sampling and in training: a policy for all its
    requests, a request for all its completions, with their images. "plain" computes it again for each. The numbers are
    the same up to rounding.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(default=0, ge=0)
    instruction: str | None = Field(default=None, min_length=1)
    engine: Engine = "prefix"
    model: ModelConfig = Field(default_factory=ModelConfig)
    task: TaskConfig
    stages: list[StageConfig]
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
