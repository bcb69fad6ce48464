"""The run as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from trimpi.recipe.evaluation import EvaluationConfig
from trimpi.recipe.model import ModelConfig
from trimpi.recipe.model_names import BASE, BEST, CURRENT, INPUT
from trimpi.recipe.stages import RlConfig, StageConfig, TrainingConfig
from trimpi.recipe.strict import StrictModel, describe_unknown
from trimpi.recipe.synth import SynthConfig
from trimpi.recipe.task import TaskConfig

Engine = Literal["prefix", "plain"]
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
STAGE_CONFIGS = get_args(get_args(StageConfig)[0])
STAGE_TYPES: tuple[str, ...] = tuple(str(config.model_fields["type"].default) for config in STAGE_CONFIGS)
DATA = "data"


class Recipe(StrictModel):
    """Everything that decides a run's numbers. `instruction` replaces the default system turn; null keeps it.

    `engine` "prefix" computes what several sequences begin with once, in sampling and in training: a policy for all its
    requests, a request for all its completions, with their images. "plain" computes it again for each. The numbers are
    the same up to rounding.

    `seed` decides the data (with the questions of evaluations) and every stage. `seeds` gives some of them another, by
    `data` or the type of a stage: runs over several `seed` with `seeds: {data: 0, cot_sft: 0}` differ in RL alone.
    `synth` is for `trimpi synth` alone: no run depends on it, and none records it.
    """

    name: str = Field(pattern=NAME_PATTERN)
    seed: int = Field(default=0, ge=0)
    seeds: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    instruction: str | None = Field(default=None, min_length=1)
    engine: Engine = "prefix"
    model: ModelConfig = Field(default_factory=ModelConfig)
    task: TaskConfig
    stages: list[StageConfig]
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    synth: SynthConfig = Field(default_factory=SynthConfig, exclude=True)

    @property
    def data_seed(self) -> int:
        """What the data and the questions of evaluations are made with."""
        return self.seeds.get(DATA, self.seed)

    def stage_seed(self, stage: TrainingConfig) -> int:
        return self.seeds.get(stage.type, self.seed)

    @field_validator("seeds")
    @classmethod
    def _known_parts(cls, seeds: Mapping[str, int]) -> Mapping[str, int]:
        allowed = [DATA, *STAGE_TYPES]
        unknown = [describe_unknown(part, allowed) for part in seeds if part not in allowed]
        if unknown:
            raise ValueError("; ".join(unknown))
        return seeds

    @field_validator("stages")
    @classmethod
    def _models_that_are_there(cls, stages: list[TrainingConfig]) -> list[TrainingConfig]:
        for number, stage in enumerate(stages):
            is_rl = isinstance(stage, RlConfig)
            key = "policy_aware_model" if is_rl else "generator.model"
            earlier = dict.fromkeys(earlier.type for earlier in stages[:number])
            allowed = [*((CURRENT, BEST) if is_rl else ()), INPUT, BASE, *earlier]
            if stage.reads not in allowed:
                raise ValueError(
                    f"{key} of stage {number + 1} is {stage.reads!r}; allowed are {', '.join(allowed)} (a stage before "
                    "it by its type)"
                )
        return stages
