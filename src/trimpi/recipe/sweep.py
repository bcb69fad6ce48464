"""A grid of recipes as data: methods, axes and seeds over one base recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from trimpi.recipe.recipe import NAME_PATTERN
from trimpi.recipe.strict import StrictModel

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Changes = dict[str, Any]
"""Keys of a recipe, dotted or nested, and their values."""
StageEntry = Changes
"""Either a whole stage (`type: ...`), or `use: NAME` of a stage and what to change in it, by dotted keys."""
Axis = list[Any] | dict[str, Changes]
OWN_KEYS = {"name": "jobs have names of their own", "seed": "use `seeds`", "stages": "use `methods`"}
"""Keys of a recipe that a sweep sets by itself, and what to do instead."""


class Sweep(StrictModel):
    """Every method with every value of every axis and every seed, each an ordinary run of its own.

    `base` is the recipe they all change, by a path relative to the sweep's file; `set` changes it for all of them.
    `stages` are named for methods to use, beside those of the base recipe, which go by their `type`. A method is the
    list of its stages: a name, `{use: NAME, dotted.key: value}`, or a whole stage with its `type`; no stages is the
    base model. An axis is a dotted key of the recipe with a list of values, or a name of its own with named points,
    each of which sets several keys.
    """

    name: Name
    base: Path = Field(strict=False)
    set: Changes = Field(default_factory=dict)
    stages: dict[Name, StageEntry] = Field(default_factory=dict)
    methods: dict[Name, list[str | StageEntry]] = Field(min_length=1)
    axes: dict[str, Axis] = Field(default_factory=dict)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[0], min_length=1)

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("allowed is each seed once")
        return seeds

    @field_validator("set")
    @classmethod
    def _settable(cls, changes: Changes) -> Changes:
        for key in changes:
            if key in OWN_KEYS and key != "stages":
                raise ValueError(f"{key!r} is not for a sweep to set: {OWN_KEYS[key]}")
        return changes

    @field_validator("axes", mode="before")
    @classmethod
    def _lists_or_points(cls, axes: Any) -> Any:
        if not isinstance(axes, dict):
            raise ValueError("allowed is a mapping of axes")
        for key, axis in axes.items():
            if key in OWN_KEYS:
                raise ValueError(f"{key!r} is not for an axis: {OWN_KEYS[key]}")
            values = isinstance(axis, list) and axis and not any(isinstance(value, list | dict) for value in axis)
            points = isinstance(axis, dict) and axis and all(isinstance(point, dict) for point in axis.values())
            if not values and not points:
                raise ValueError(
                    f"{key!r} is no axis: allowed is a list of plain values, or named points such as "
                    "{small: {task.layers: 3}, large: {task.layers: 4}}"
                )
        return axes
