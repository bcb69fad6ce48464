"""`trimpi compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

WIDTH_OF_FILES = 200


def compare(
    run_dirs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories, finished or not; or folders of sweeps.")
    ],
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as Markdown too.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained page too.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="What a sweep's methods are compared with; its first one unless given."),
    ] = None,
) -> None:
    """Put runs beside each other: base and last model, policy-free and in context; means over seeds.

    Of sweeps: every method at every point of the axes, means over seeds, costs, paired tests against one method.
    """
    from trimpi.errors import RunError
    from trimpi.reporting.sweep_runs import is_sweep

    sweeps = [path for path in run_dirs if is_sweep(path)]
    if sweeps and len(run_dirs) > len(sweeps):
        raise RunError(f"{sweeps[0]} is the folder of a sweep, which goes with other sweeps alone: give those, or runs")
    if sweeps:
        _compare_sweeps(sweeps, markdown, html, baseline)
        return
    if baseline is not None:
        raise RunError("--baseline names a method of a sweep: give a sweep's folder, or leave it out")

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


def _compare_sweeps(folders: Sequence[Path], markdown: Path | None, html: Path | None, baseline: str | None) -> None:
    from rich.console import Console

    from trimpi.reporting.compare import write_text
    from trimpi.reporting.sweep_comparison import compare_sweeps
    from trimpi.reporting.sweep_page import write_sweep_page
    from trimpi.reporting.sweep_tables import sweep_markdown, sweep_tables

    comparison = compare_sweeps(folders, baseline=baseline)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    for table in sweep_tables(comparison):
        console.print(table)
    if markdown is not None:
        write_text(markdown, sweep_markdown(comparison))
        typer.echo(f"table: {markdown}")
    if html is not None:
        write_sweep_page(comparison, html, name=", ".join(folder.resolve().name for folder in folders))
        typer.echo(f"page: {html}")
