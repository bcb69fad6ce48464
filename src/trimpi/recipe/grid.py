"""From a sweep to its jobs: one recipe for every method, point of the axes and seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trimpi.errors import RecipeError
from trimpi.recipe.loading import parse_recipe, read_recipe_data
from trimpi.recipe.messages import explain
from trimpi.recipe.overrides import apply_changes, apply_overrides
from trimpi.recipe.recipe import Recipe
from trimpi.recipe.strict import describe_unknown
from trimpi.recipe.sweep import Sweep

USE = "use"
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepJob:
    """One run of a sweep. `point` says where on the axes it stands, in words; `recipe` carries the job's name."""

    number: int
    name: str
    method: str
    point: Mapping[str, str]
    seed: int
    recipe: Recipe


def load_sweep(path: Path, overrides: Iterable[str] = ()) -> tuple[Sweep, list[SweepJob]]:
    """Read a sweep's file with `key.path=value` overrides of its keys, and its jobs in the order they are done in.

    All methods of a point and seed come before the next point, and all points before the next seed, so that a sweep
    that is cut short still compares its methods. Raises RecipeError, in one line, for anything wrong with any job.
    """
    data = apply_overrides(read_recipe_data(path), overrides)
    try:
        sweep = Sweep.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"sweep {path}: {explain(error, data)}") from None
    return sweep, _jobs(sweep, path)


def _jobs(sweep: Sweep, path: Path) -> list[SweepJob]:
    base = apply_changes(read_recipe_data(path.parent / sweep.base), sweep.set)
    named = _named_stages(sweep, base, source=str(path))
    methods = {
        method: [_stage(entry, named, source=f"sweep {path}: methods.{method}.{number}") for number, entry in items]
        for method, items in ((method, enumerate(entries)) for method, entries in sweep.methods.items())
    }
    jobs: list[SweepJob] = []
    points = list(_points(sweep))
    for seed, point, (method, stages) in product(sweep.seeds, points, methods.items()):
        labels = {axis: label for axis, label, _ in point}
        name = _job_name(method, labels, seed)
        recipe = {**base, "name": name, "seed": seed, "stages": stages}
        for _, _, changes in point:
            recipe = apply_changes(recipe, changes)
        jobs.append(
            SweepJob(
                number=len(jobs),
                name=name,
                method=method,
                point=labels,
                seed=seed,
                recipe=parse_recipe(recipe, source=f"of job {name} in {path}"),
            )
        )
    _refuse_equal_names(jobs, path)
    return jobs


def _named_stages(sweep: Sweep, base: Mapping[str, Any], *, source: str) -> dict[str, dict[str, Any]]:
    """The base recipe's stages by type, where it has one of a type, and the sweep's by name, which may use both."""
    stages = base.get("stages")
    of_base = [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    types = [stage.get("type") for stage in of_base]
    named = {str(stage["type"]): stage for stage in of_base if types.count(stage.get("type")) == 1 and "type" in stage}
    for name, entry in sweep.stages.items():
        named[name] = _stage(entry, named, source=f"sweep {source}: stages.{name}")
    return named


def _stage(entry: Any, named: Mapping[str, dict[str, Any]], *, source: str) -> dict[str, Any]:
    """A whole stage from what stands for it."""
    if isinstance(entry, str):
        entry = {USE: entry}
    if USE not in entry:
        if "type" not in entry:
            raise RecipeError(f"{source}: a stage needs its `type`, or `use` with the name of another and what differs")
        return apply_changes({}, entry)
    name = entry[USE]
    if name not in named:
        raise RecipeError(f"{source}: {describe_unknown(str(name), list(named)).replace('key', 'stage', 1)}")
    return apply_changes(named[name], {key: value for key, value in entry.items() if key != USE})


def _points(sweep: Sweep) -> Iterator[list[tuple[str, str, Mapping[str, Any]]]]:
    """Every point of the axes: for each axis its short name, the point's label, and what it changes."""
    shorts = [axis.rpartition(".")[2] for axis in sweep.axes]
    axes = []
    for axis, short in zip(sweep.axes, shorts, strict=True):
        values = sweep.axes[axis]
        label = short if shorts.count(short) == 1 else axis
        if isinstance(values, dict):
            axes.append([(label, point, changes) for point, changes in values.items()])
        else:
            axes.append([(label, _in_words(value), {axis: value}) for value in values])
    return (list(point) for point in product(*axes))


def _in_words(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _job_name(method: str, point: Mapping[str, str], seed: int) -> str:
    parts = [method, *(f"{axis}-{label}" for axis, label in point.items()), f"seed-{seed}"]
    return ".".join(NOT_IN_NAMES.sub("-", part) for part in parts)


def _refuse_equal_names(jobs: Sequence[SweepJob], path: Path) -> None:
    names = [job.name for job in jobs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RecipeError(f"sweep {path}: two jobs would be called {twice}: give methods and points names that differ")
