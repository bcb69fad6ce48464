"""`trimpi report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, finished or not.")],
    all_models: Annotated[
        bool, typer.Option("--all-models", help="Put the records of every stage's model in, not base and last alone.")
    ] = False,
) -> None:
    """Write a run's report.html again, and print its results."""
    from rich.console import Console

    from trimpi.reporting.report import write_report
    from trimpi.reporting.tables import results_table

    page = write_report(run_dir, all_models=all_models)
    Console().print(results_table(run_dir))
    typer.echo(f"report: {page}")
