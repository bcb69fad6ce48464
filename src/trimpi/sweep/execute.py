"""A sweep, carried out: its jobs one at a time, each an ordinary run. Resumable; several processes may work on one."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from trimpi.errors import RunError
from trimpi.recipe import Sweep, SweepJob, parse_recipe, recipe_data, recipe_differences
from trimpi.recipe.yaml_text import parse_yaml, write_yaml
from trimpi.run import RunServices, execute_run
from trimpi.sweep.directory import SweepDirectory, is_finished
from trimpi.sweep.locks import Busy, is_held, locked, wait_for_any
from trimpi.sweep.sharing import sharing_services

MINUTE, HOUR = 60, 3600


def execute_sweep(
    sweep: Sweep,
    jobs: Sequence[SweepJob],
    out: Path,
    *,
    services: RunServices,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Carry out `jobs` of a sweep in the folder `out`, in their order, those that are finished left alone.

    A job that fails is written down and the others go on. One that needs what another process is at is put off, and
    waited for when there is nothing else to do. Raises RunError before anything runs when `out` is something else's or
    a job's recipe has changed since it was begun, and at the end when jobs have failed.
    """
    if services.processes.count > 1:
        raise RunError("a sweep is one process: start several `trimpi sweep` on the same --out, or one per GPU")
    folder = begin_sweep(sweep, jobs, out)
    _Execution(folder, jobs, services, clock).carry_out()
    failed = [job.name for job in jobs if folder.state(job.name) == "failed"]
    if failed:
        problems = "; ".join(f"{name}: {folder.error(name)}" for name in failed)
        raise RunError(
            f"{len(failed)} of {len(jobs)} jobs failed, and the same command tries them again ({folder.jobs}/NAME.json "
            f"has the details): {problems}"
        )


def begin_sweep(sweep: Sweep, jobs: Sequence[SweepJob], out: Path) -> SweepDirectory:
    """Make `out` the sweep's folder, with a place for every job. Raises RunError as `execute_sweep` does at first."""
    folder = SweepDirectory(out)
    folder.claim(sweep.name, write_yaml(sweep.model_dump(mode="json")))
    _refuse_changed_jobs(folder, jobs)
    for job in jobs:
        if not folder.job(job.name).is_file():
            folder.record(job)
    return folder


class _Execution:
    """One process's way through the jobs."""

    def __init__(
        self, folder: SweepDirectory, jobs: Sequence[SweepJob], services: RunServices, clock: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._jobs = jobs
        self._services = services
        self._clock = clock
        self._durations: list[float] = []

    def carry_out(self) -> None:
        waiting = [job for job in self._jobs if not is_finished(self._folder.run(job.name))]
        kept = len(self._jobs) - len(waiting)
        self._say(f"{len(self._jobs)} jobs" + (f", {kept} finished before and kept" if kept else ""))
        held_up: dict[str, Path] = {}
        while waiting:
            ready = next((job for job in waiting if job.name not in held_up or not is_held(held_up[job.name])), None)
            if ready is None:
                self._say(f"waiting for another process, which is at what {len(waiting)} jobs need")
                wait_for_any([held_up[job.name] for job in waiting])
                continue
            try:
                self._do(ready, left=len(waiting))
            except Busy as busy:
                held_up[ready.name] = busy.path
                waiting.append(waiting.pop(waiting.index(ready)))
            else:
                waiting.remove(ready)

    def _do(self, job: SweepJob, *, left: int) -> None:
        """Raises Busy when another process is at this job or at what it needs."""
        run = self._folder.run(job.name)
        with locked(self._folder.lock(job.name)):
            if is_finished(run):
                return
            self._say(f"[{len(self._jobs) - left + 1}/{len(self._jobs)}] {job.name}{self._time_left(left)}")
            begun = self._clock()
            services = sharing_services(self._services, job.recipe, job=job.name, store=self._folder.shared)
            try:
                execute_run(job.recipe, run, services=services)
            except Busy:
                raise
            except Exception as error:
                self._folder.record(job, error=_in_one_line(error), details=traceback.format_exc())
                self._say(f"{job.name} failed: {_in_one_line(error)}")
                return
            self._folder.record(job)
            self._durations.append(self._clock() - begun)
            self._say(f"{job.name}: finished in {_duration(self._durations[-1])}")

    def _time_left(self, left: int) -> str:
        """From the jobs done so far, of which the first made what later ones share: rather too much than too little."""
        if not self._durations:
            return ""
        return f", about {_duration(left * sum(self._durations) / len(self._durations))} left"

    def _say(self, message: str) -> None:
        self._services.reporter.say(message)


def _refuse_changed_jobs(folder: SweepDirectory, jobs: Sequence[SweepJob]) -> None:
    """Compared as read now: a key that recipes have got since then, at its default, is no change."""
    for job in jobs:
        file = folder.run(job.name).recipe
        if not file.is_file():
            continue
        recorded = parse_recipe(parse_yaml(file.read_text(encoding="utf-8"), source=str(file)), source=str(file))
        differences = recipe_differences(recipe_data(job.recipe), recipe_data(recorded))
        if differences:
            raise RunError(
                f"job {job.name} was begun with another recipe; {'; '.join(differences)}. Give another --out, another "
                f"name to its method or point, or delete {folder.run(job.name).path}"
            )


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, RunError) and text else f"{type(error).__name__}: {text}" if text else repr(error)


def _duration(seconds: float) -> str:
    minutes = round(seconds / MINUTE)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if seconds < HOUR else f"{minutes // MINUTE} h {minutes % MINUTE:02d} min"
