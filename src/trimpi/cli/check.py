"""`trimpi check`."""

from __future__ import annotations

import typer

from trimpi.cli.arguments import Overrides, RecipeFile

MOST_FINDINGS = 50


def check(recipe_file: RecipeFile, overrides: Overrides = None) -> None:
    """Check a recipe, its policies, data and gold answers, and say what it would cost. Loads no weights."""
    from trimpi.recipe import load_recipe

    recipe = load_recipe(recipe_file, overrides or ())

    from rich.console import Console

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import quiet_libraries, task_of, token_counter
    from trimpi.cli.tables import check_tables
    from trimpi.errors import DataError
    from trimpi.run.check import check_recipe

    with make_reporter().track("preparing the data") as progress:
        task = task_of(recipe, progress)
    quiet_libraries()
    faults = task.gold_faults()
    for fault in faults:
        typer.echo(f"{fault.place}: {fault.message}", err=True)
    if faults:
        raise DataError(f"{len(faults)} examples are wrong as they stand: mend the rows above, or the reward")
    result = check_recipe(recipe, task, token_counter(recipe))
    for table in check_tables(result, recipe.evaluation.break_even):
        Console().print(table)
    for finding in result.findings[:MOST_FINDINGS]:
        typer.echo(f"look at {finding.place}: {finding.message}")
    if len(result.findings) > MOST_FINDINGS:
        typer.echo(f"... and {len(result.findings) - MOST_FINDINGS} more to look at")
    typer.echo(f"{recipe_file}: ready to run")
