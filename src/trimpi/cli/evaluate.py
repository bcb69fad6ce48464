"""`trimpi eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, a hub id, or nano.")],
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    suite: Annotated[list[str] | None, typer.Option(help="A suite, or several; the recipe's if left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where results go; evals/NAME/MODEL unless given.")] = None,
) -> None:
    """Evaluate one model on a recipe's task."""
    from trimpi.recipe import load_recipe

    chosen = [f"evaluation.suites=[{', '.join(suite)}]"] if suite else []
    recipe = load_recipe(recipe_file, [*(overrides or ()), *chosen])

    from rich.console import Console

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import evaluate_model, quiet_libraries, task_of
    from trimpi.cli.tables import efficiency_tables, suites_table
    from trimpi.evaluation.efficiency_result import load_efficiency
    from trimpi.evaluation.results import EFFICIENCY, EFFICIENCY_FILE, load_result
    from trimpi.models.loading import resolve_model_path
    from trimpi.run.services import evaluation_request

    quiet_libraries()
    model_path = Path(resolve_model_path(model))
    reporter = make_reporter()
    with reporter.track("preparing the data") as progress:
        task = task_of(recipe, progress)
        task.validate()
    folder = out or Path("evals") / recipe.name / Path(model).name
    request = evaluation_request(recipe, task, name=model, model_path=model_path, out_dir=folder, track=reporter.track)
    evaluate_model(request)
    suites = recipe.evaluation.suites
    results = [load_result(folder / f"{name}.json") for name in suites if name != EFFICIENCY]
    if results:
        Console().print(suites_table(model, results))
    if EFFICIENCY in suites:
        for table in efficiency_tables(model, load_efficiency(folder / EFFICIENCY_FILE)):
            Console().print(table)
    typer.echo(f"results: {folder}")
