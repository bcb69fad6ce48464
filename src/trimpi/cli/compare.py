"""`trimpi compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories, finished or not.")],
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as Markdown too.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained page too.")] = None,
) -> None:
    """Put runs beside each other: base and last model, policy-free and in context; means over seeds."""
    from rich.console import Console

    from trimpi.reporting.compare import compare_runs, comparison_table, write_comparison
    from trimpi.reporting.comparison_page import write_comparison_page

    comparison = compare_runs(run_dirs)
    Console().print(comparison_table(comparison))
    if markdown is not None:
        write_comparison(comparison, markdown)
        typer.echo(f"table: {markdown}")
    if html is not None:
        write_comparison_page(comparison, html)
        typer.echo(f"page: {html}")
