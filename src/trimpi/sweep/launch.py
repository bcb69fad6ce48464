"""A sweep's jobs handed to a cluster, one array task each, by submitit (the extra `cluster`). Torch-free."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trimpi.errors import RunError
from trimpi.recipe import SweepJob
from trimpi.sweep.directory import SweepDirectory

LAUNCHERS = ("slurm", "local")


def launch_jobs(
    folder: SweepDirectory,
    jobs: Sequence[SweepJob],
    *,
    arguments: Sequence[str],
    launcher: str,
    parameters: Mapping[str, Any],
) -> list[Any]:
    """Submit `trimpi sweep ARGUMENTS --out FOLDER --job NAME` for every job of a sweep that is begun; submitit's jobs.

    `parameters` are submitit's: timeout_min, gpus_per_node, slurm_partition, slurm_array_parallelism and so on. Its
    scripts and the jobs' output lie in `launched/` of the sweep's folder. Raises RunError without submitit, for another
    launcher, for a parameter that it does not know, and where the cluster takes no jobs.
    """
    if launcher not in LAUNCHERS:
        raise RunError(f"unknown launcher {launcher!r}: allowed are {', '.join(LAUNCHERS)}")
    try:
        import submitit
    except ImportError:
        raise RunError("launching jobs needs submitit: pip install 'trimpi[cluster]'") from None
    command = [sys.executable, "-m", "trimpi", "sweep", *arguments, "--out", str(folder.path.resolve())]
    functions = [submitit.helpers.CommandFunction([*command, "--job", job.name], cwd=Path.cwd()) for job in jobs]
    try:
        executor = submitit.AutoExecutor(folder=folder.path / "launched", cluster=launcher)
        executor.update_parameters(name="trimpi", **parameters)
        return list(executor.submit_array(functions))
    except (NameError, AssertionError, RuntimeError, OSError) as error:
        raise RunError(f"submitit ({launcher}) refuses: {' '.join(str(error).split())}") from None
