"""`trimpi run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile


def run(
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; runs/NAME unless given.")] = None,
) -> None:
    """Carry out a recipe: data, stages, evaluations, report. Started again, it goes on where it stopped."""
    from trimpi.recipe import load_recipe

    recipe = load_recipe(recipe_file, overrides or ())

    from rich.console import Console

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import production_services, quiet_libraries
    from trimpi.run import execute_run
    from trimpi.run.directory import RunDirectory
    from trimpi.run.processes import join_processes

    quiet_libraries()
    directory = RunDirectory(out or Path("runs") / recipe.name)
    processes = join_processes()
    services = production_services(processes, make_reporter(is_main=processes.is_main))
    page = execute_run(recipe, directory, services=services)
    if page is not None:
        from trimpi.cli.tables import break_even_table
        from trimpi.evaluation.storage import read_json
        from trimpi.reporting.tables import results_table

        Console().print(results_table(directory.path))
        if directory.break_even.is_file():
            Console().print(break_even_table(read_json(directory.break_even)))
        typer.echo(f"report: {page}")
