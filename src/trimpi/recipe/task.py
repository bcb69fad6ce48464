"""What a run internalizes: a task by its type."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trimpi.recipe.rewards import ExactReward, RewardConfig, written_out
from trimpi.recipe.strict import StrictModel


class RenderedScenes(StrictModel):
    """CLEVR's ontology, rendered at a size the base model sees well; deterministic by seed, null for the data's."""

    type: Literal["rendered"] = "rendered"
    seed: int | None = Field(default=None, ge=0)
    min_objects: int = Field(default=3, ge=1, le=10)
    max_objects: int = Field(default=6, ge=1, le=10)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_objects > self.max_objects:
            raise ValueError(f"min_objects ({self.min_objects}) is above max_objects ({self.max_objects})")
        return self


class SceneDirectory(StrictModel):
    """Scenes on disk: a CLEVR_v1.0 folder, or the output folder of the public generator.

    `split` picks `CLEVR_<split>_scenes.json` of CLEVR_v1.0; null takes every scene in the folder.
    """

    type: Literal["directory"] = "directory"
    path: Path = Field(strict=False)
    split: str | None = Field(default="train", min_length=1)


SceneSource = Annotated[RenderedScenes | SceneDirectory, Field(discriminator="type")]


class ClevrTaskConfig(StrictModel):
    """ClevrPolicy (paper, ClevrPolicy): trees of `layers` layers; T is all text, M shows some values by image."""

    type: Literal["clevr"] = "clevr"
    variant: Literal["T", "M"] = "T"
    layers: int = Field(default=3, ge=1, le=6)
    policies: int = Field(default=2, ge=1)
    train_examples_per_policy: int = Field(ge=1)
    test_examples_per_policy: int = Field(ge=1)
    scenes: SceneSource = Field(default_factory=RenderedScenes)


class GeneratedItems(StrictModel):
    """Items made here, of GTA's shape, with pictures small enough for the base model; fixed by the run's seed."""

    type: Literal["generated"] = "generated"


class GtaDirectory(StrictModel):
    """A folder in GTA's layout: dataset.json with image/ beside it.

    `tools` "gta" are GTA's fourteen with their calling rules; "own" are those that the data set describes, which have
    no versions (Agent-X, MedCTA).
    """

    type: Literal["directory"] = "directory"
    path: Path = Field(strict=False)
    tools: Literal["gta", "own"] = "gta"


class GtaTaskConfig(StrictModel):
    """GTAPolicy (paper, GTAPolicy): the next tool call, in the version the user's profile demands.

    `similarity` compares texts in arguments: "bertscore" by an encoder (null: the one of the extra `bertscore`),
    "exact" by equality.
    """

    type: Literal["gta"] = "gta"
    data: Annotated[GeneratedItems | GtaDirectory, Field(discriminator="type")] = Field(default_factory=GeneratedItems)
    train_examples: int = Field(default=451, ge=1)
    test_examples: int = Field(default=106, ge=1)
    similarity: Literal["bertscore", "exact"] = "bertscore"
    encoder: Path | None = Field(default=None, strict=False)


class CustomTaskConfig(StrictModel):
    """A user's own policy: a folder with policy.md (or several in policies/), train.jsonl and test.jsonl.

    In a recipe file `path` is relative to the file. `reward` may be a bare name, such as exact, or module:function.
    `train`, `test` and a schema are files in the folder.
    """

    type: Literal["custom"] = "custom"
    path: Path = Field(strict=False)
    reward: Annotated[RewardConfig, BeforeValidator(written_out)] = Field(default_factory=ExactReward)
    train: str = Field(default="train.jsonl", min_length=1)
    test: str = Field(default="test.jsonl", min_length=1)


TaskConfig = Annotated[ClevrTaskConfig | GtaTaskConfig | CustomTaskConfig, Field(discriminator="type")]
