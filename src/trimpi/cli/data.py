"""`trimpi data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile


def data(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; data/NAME unless given.")] = None,
) -> None:
    """Make a recipe's data and check it: policies as Markdown, examples as JSON lines."""
    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import task_of
    from trimpi.recipe import load_recipe
    from trimpi.run.data import write_data

    recipe = load_recipe(recipe_file, overrides or ())
    with make_reporter().track("preparing the data") as progress:
        task = task_of(recipe, progress)
        task.validate()
    folder = out or Path("data") / recipe.name
    write_data(task, folder)
    for line in task.left_out:
        typer.echo(f"left out: {line}")
    typer.echo(
        f"{folder}: {len(task.policies)} policies, {len(task.examples('train'))} training and "
        f"{len(task.examples('test'))} test examples"
    )
