"""`trimpi cot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile

if TYPE_CHECKING:
    from trimpi.cot.sampled import SampledCots
    from trimpi.recipe import CotTrainingConfig, Recipe


def cot(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    stage: Annotated[
        int | None, typer.Option(help="Which stage, from 1; the first that samples them if left out.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model to start from; the recipe's for its first stage.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A .jsonl file; cots/NAME-STAGE.jsonl unless given.")] = None,
) -> None:
    """Write a stage's chains of thought to a file, to look at and to use as `cot: FILE.jsonl`.

    Started again, it asks an endpoint only for what it has not answered.
    """
    from trimpi.recipe import load_recipe

    recipe = load_recipe(recipe_file, overrides or ())
    number, config = chosen_stage(recipe, stage)

    from trimpi.cli.sampling import input_model, sample_stage
    from trimpi.cot.store import CotFiles
    from trimpi.run.directory import stage_name

    name = stage_name(number, recipe.stages[number - 1].type)
    files = CotFiles(out or Path("cots") / f"{recipe.name}-{name}.jsonl")
    refuse_file(files.path)
    start = input_model(recipe, number, model)
    cots = sample_stage(recipe, config, files, model=start, label=name)
    typer.echo(describe(cots))
    typer.echo(f"{files.path}: {len(cots.records)} chains of thought, for cot: {files.path}")


def chosen_stage(recipe: Recipe, number: int | None) -> tuple[int, CotTrainingConfig]:
    """The stage to sample for, with its number from 1. Raises RecipeError when it samples no chains of thought."""
    from trimpi.errors import RecipeError
    from trimpi.recipe import CotTrainingConfig

    stages = dict(enumerate(recipe.stages, start=1))
    sampling = {
        at: stage
        for at, stage in stages.items()
        if isinstance(stage, CotTrainingConfig) and stage.cot_sampling is not None
    }
    chosen = next(iter(sampling), None) if number is None else number
    if chosen in sampling:
        return chosen, sampling[chosen]
    allowed = ", ".join(f"{at} ({stage.type})" for at, stage in sampling.items()) or "none"
    if number is None or number in stages:
        given = "no stage" if number is None else f"stage {number} ({stages[number].type})"
        raise RecipeError(
            f"{given} of {recipe.name} has its chains of thought sampled (stages that do: {allowed}): set cot: forward "
            "or cot: reverse in a stage that learns them, such as stages.cot_sft.cot=reverse"
        )
    raise RecipeError(f"--stage is {number}, but {recipe.name} has {len(stages)} stages; allowed are {allowed}")


def refuse_file(path: Path) -> None:
    """Raises DataError for a name that recipes would not take, or a file that is there and cannot be continued."""
    from trimpi.cot.store import CotFiles
    from trimpi.errors import DataError

    if path.suffix != ".jsonl":
        raise DataError(f"--out is {str(path)!r}; allowed is the name of a .jsonl file")
    if path.exists() and not CotFiles(path).answers.exists():
        raise DataError(f"{path} is there already: give another --out, or delete it to sample anew")


def describe(cots: SampledCots) -> str:
    """What became of all completions, in one line."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(cots.outcomes.items()))
    return f"{cots.examples} examples, {cots.dropped} without a chain of thought; completions: {outcomes}"
