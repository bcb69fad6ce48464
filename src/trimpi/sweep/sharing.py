"""The services of a run, with stages and evaluations that were done for another job taken over from it. Torch-free."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

from trimpi.evaluation.results import EFFICIENCY, EFFICIENCY_FILE
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.recipe import Recipe, StageConfig
from trimpi.run.services import EvaluationRequest, RunServices, is_evaluated
from trimpi.stages.context import StageContext, StageResult
from trimpi.sweep.keys import evaluation_key, stage_key
from trimpi.sweep.locks import locked


def sharing_services(services: RunServices, recipe: Recipe, *, job: str, store: Path) -> RunServices:
    """`services` for one job. Raises Busy where another process is at what the job needs next."""
    sharing = _Sharing(services, recipe, job=job, store=store)
    return replace(services, run_stage=sharing.run_stage, evaluate=sharing.evaluate)


class _Sharing:
    """Does everything in the store, under a lock, and links it into the job's run: a job that is killed leaves its
    checkpoints to whichever job goes on.
    """

    def __init__(self, services: RunServices, recipe: Recipe, *, job: str, store: Path) -> None:
        self._services = services
        self._recipe = recipe
        self._job = job
        self._store = store

    def run_stage(self, config: StageConfig, context: StageContext) -> StageResult:
        key = stage_key(self._recipe, config, context)
        shared, result_file = self._store / "stages" / key, self._store / "stages" / f"{key}.json"
        with locked(self._store / "stages" / f"{key}.lock"):
            if not result_file.is_file():
                shared.mkdir(parents=True, exist_ok=True)
                # While it is trained the run shows the store's folder, so that its log can be followed there.
                _show(shared, context.output_dir)
                result = self._services.run_stage(config, replace(context, output_dir=shared))
                content = {"job": self._job, "result": asdict(result)}
                write_atomically(result_file, json.dumps(content, indent=2) + "\n")
            recorded = read_json(result_file)
            link_folder(shared, context.output_dir)
        result = StageResult(**recorded["result"])
        if recorded["job"] == self._job:
            return result
        self._services.reporter.say(f"{context.output_dir.name}: the same as in {recorded['job']}, taken from there")
        return replace(result, shared_from=recorded["job"])

    def evaluate(self, request: EvaluationRequest) -> None:
        key = evaluation_key(self._recipe, request)
        shared = self._store / "evaluations" / key
        with locked(self._store / "evaluations" / f"{key}.lock"):
            if not is_evaluated(shared, request.settings, efficiency=request.efficiency):
                self._services.evaluate(replace(request, out_dir=shared))
            measured = request.efficiency or EFFICIENCY in request.settings.suites
            # Another job may have measured costs where this one's recipe does not ask for them.
            link_folder(shared, request.out_dir, leave_out=() if measured else (EFFICIENCY_FILE,))


def link_folder(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Make `target` a folder of the same files, as hard links where the file system has them."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=_link, ignore=lambda _, names: [*leave_out, *_hidden(names)])
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    partial.replace(target)


def _hidden(names: Collection[str]) -> list[str]:
    return [name for name in names if name.startswith(".")]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _show(source: Path, target: Path) -> None:
    """A link to a folder, in the place of one that an earlier attempt left."""
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()))
