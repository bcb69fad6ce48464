"""`trimpi report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, finished or not.")]) -> None:
    """Write a run's report.html again, and print its results."""
    from rich.console import Console

    from trimpi.reporting.report import write_report
    from trimpi.reporting.tables import results_table

    page = write_report(run_dir)
    Console().print(results_table(run_dir))
    typer.echo(f"report: {page}")
