"""`trimpi eval`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from trimpi.cli.arguments import Overrides, RecipeFile

WIDTH_OF_FILES = 120
"""Columns of what is not printed on a terminal."""


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a model folder, a hub id, or nano.")],
    recipe_file: RecipeFile,
    overrides: Overrides = None,
    suite: Annotated[list[str] | None, typer.Option(help="A suite, or several; the recipe's if left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="A stage of a run, such as 03-rl; its last.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where results go; evals/NAME/MODEL unless given.")] = None,
) -> None:
    """Evaluate one model on a recipe's task: under the recipe's instruction, loaded as the recipe says."""
    from trimpi.recipe import load_recipe
    from trimpi.serving.source import find_model

    chosen = [f"evaluation.suites=[{', '.join(suite)}]"] if suite else []
    recipe = load_recipe(recipe_file, [*(overrides or ()), *chosen])
    model = find_model(model, stage=stage).path

    from rich.console import Console

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import evaluate_model, quiet_libraries, task_of
    from trimpi.cli.tables import benchmarks_table, divergence_table, efficiency_tables, suite_tables
    from trimpi.evaluation.efficiency_result import load_efficiency
    from trimpi.evaluation.results import DIVERGENCE_FILE, EFFICIENCY, EFFICIENCY_FILE, HARNESS_FILE, load_result
    from trimpi.evaluation.storage import read_json
    from trimpi.evaluation.wording import details_in_words
    from trimpi.models.loading import resolve_model_path
    from trimpi.run.inputs import validate_suites
    from trimpi.run.services import evaluation_request, results_of_others

    quiet_libraries()
    model_path = Path(resolve_model_path(model))
    reporter = make_reporter()
    with reporter.track("preparing the data") as progress:
        task = task_of(recipe, progress)
        task.validate()
        validate_suites(recipe, task)
    folder = out or _default_folder(recipe.name, model)
    folder.mkdir(parents=True, exist_ok=True)
    request = evaluation_request(
        recipe,
        task,
        name=model,
        model_path=model_path,
        base_path=Path(recipe.model.path),
        out_dir=folder,
        track=reporter.track,
    )
    if others := results_of_others(request):
        reporter.say(
            f"{folder}: {', '.join(others)} of other weights, or of a model loaded or asked otherwise; evaluating again"
        )
    evaluate_model(request)
    suites = recipe.evaluation.suites
    results = [load_result(folder / f"{name}.json") for name in suites if name != EFFICIENCY]
    tables = suite_tables(model, results) if results else []
    if "forgetting" in suites:
        tables.append(divergence_table(model, read_json(folder / DIVERGENCE_FILE)))
    if recipe.evaluation.harness is not None:
        tables.append(benchmarks_table(model, read_json(folder / HARNESS_FILE)))
    if EFFICIENCY in suites:
        tables += efficiency_tables(model, load_efficiency(folder / EFFICIENCY_FILE))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    for table in tables:
        console.print(table)
    for result in results:
        for line in details_in_words(result):
            console.print(f"{result.suite}: {line}", markup=False, highlight=False, soft_wrap=True)
    typer.echo(f"results: {folder}")


def _default_folder(recipe: str, model: str) -> Path:
    """Of every model its own: the path of its folder, from here where it is below, else from the root."""
    here = Path.cwd()
    path = Path(os.path.normpath(here / Path(model).expanduser()))
    return Path("evals") / recipe / path.relative_to(here if path.is_relative_to(here) else path.anchor)
