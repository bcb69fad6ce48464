"""`trimpi sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trimpi.recipe import Sweep, SweepJob


def sweep(
    sweep_file: Annotated[
        Path, typer.Argument(metavar="SWEEP", help="A YAML sweep, such as recipes/ablation/rl-nano.yaml.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.PATH=VALUE", help="Changes to the sweep, such as seeds=[0] or set.engine=plain."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The sweep's folder; sweeps/NAME unless given.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="METHOD", help="This method's jobs; may be given again.")
    ] = None,
    job: Annotated[str | None, typer.Option("--job", metavar="NAME", help="This job and no other.")] = None,
    list_jobs: Annotated[bool, typer.Option("--list", help="Show the jobs and how far they are; run nothing.")] = False,
    launcher: Annotated[
        str | None, typer.Option(metavar="NAME", help="Hand the jobs to a cluster: slurm, or local for a trial.")
    ] = None,
    launcher_set: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of submitit, such as timeout_min=600; may be given again."),
    ] = None,
) -> None:
    """Carry out a grid of runs, one job at a time; what jobs have in common is done once.

    Started again, it goes on where it stopped. Several processes may work on the same folder.
    """
    from trimpi.recipe import load_sweep

    grid, jobs = load_sweep(sweep_file, overrides or ())
    jobs = _chosen(jobs, methods=only or (), name=job)
    folder = out or Path("sweeps") / grid.name
    if list_jobs:
        _print_jobs(jobs, folder)
        return
    if launcher is not None:
        _launch(grid, jobs, folder, [str(sweep_file.resolve()), *(overrides or ())], launcher, launcher_set or ())
        return

    from trimpi.cli.progress import make_reporter
    from trimpi.cli.services import production_services, quiet_libraries
    from trimpi.run.processes import join_processes
    from trimpi.sweep import execute_sweep

    quiet_libraries()
    processes = join_processes()
    services = production_services(processes, make_reporter(is_main=processes.is_main))
    execute_sweep(grid, jobs, folder, services=services)
    typer.echo(f"runs: {folder / 'runs'}")


def _launch(
    grid: Sweep,
    jobs: Sequence[SweepJob],
    folder: Path,
    arguments: Sequence[str],
    launcher: str,
    settings: Sequence[str],
) -> None:
    """Submit what is not finished; a trial on this machine is waited for."""
    from trimpi.errors import RunError
    from trimpi.recipe.overrides import apply_overrides
    from trimpi.sweep.execute import begin_sweep
    from trimpi.sweep.launch import launch_jobs

    sweep = begin_sweep(grid, jobs, folder)
    left = [job for job in jobs if sweep.state(job.name) != "finished"]
    if not left:
        typer.echo(f"all {len(jobs)} jobs are finished")
        return
    parameters = apply_overrides({}, settings)
    submitted = launch_jobs(sweep, left, arguments=arguments, launcher=launcher, parameters=parameters)
    typer.echo(f"submitted {len(submitted)} jobs: {', '.join(str(job.job_id) for job in submitted)}")
    if launcher == "local":
        failed = [job.name for job, task in zip(left, submitted, strict=True) if task.exception() is not None]
        if failed:
            raise RunError(
                f"{len(failed)} of {len(left)} jobs failed: {', '.join(failed)}; see its logs in {folder / 'launched'}"
            )
        typer.echo(f"runs: {folder / 'runs'}")


def _chosen(jobs: Sequence[SweepJob], *, methods: Sequence[str], name: str | None) -> list[SweepJob]:
    """Raises RecipeError for a method or a job that the sweep does not have."""
    from trimpi.errors import RecipeError
    from trimpi.recipe.strict import describe_unknown

    known = list(dict.fromkeys(job.method for job in jobs))
    for method in methods:
        if method not in known:
            raise RecipeError(describe_unknown(method, known).replace("key", "method", 1))
    names = [job.name for job in jobs]
    if name is not None and name not in names:
        raise RecipeError(describe_unknown(name, names).replace("key", "job", 1))
    return [job for job in jobs if (not methods or job.method in methods) and name in (None, job.name)]


def _print_jobs(jobs: Sequence[SweepJob], folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from trimpi.sweep.directory import SweepDirectory

    sweep = SweepDirectory(folder)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("job", overflow="fold")
    table.add_column("state")
    table.add_column("", overflow="fold")
    for job in jobs:
        state = sweep.state(job.name)
        table.add_row(job.name, state, escape(sweep.error(job.name) or "") if state == "failed" else "")
    Console().print(table)
