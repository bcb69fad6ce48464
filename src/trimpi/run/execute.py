"""A recipe, carried out: data, stages in order, an evaluation after each, a report. Resumable at any point."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from trimpi.recipe import BASE, Recipe, StageConfig
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.run import manifest
from trimpi.run.break_even import write_break_even
from trimpi.run.data import write_data
from trimpi.run.directory import BASE_NAME, RunDirectory, evaluated_models, stage_name
from trimpi.run.inputs import validate_inputs
from trimpi.run.logs import merge_logs
from trimpi.run.services import RunServices, evaluation_request, is_evaluated
from trimpi.stages.context import StageContext
from trimpi.tasks.base import Task


def execute_run(recipe: Recipe, run: RunDirectory, *, services: RunServices) -> Path | None:
    """Carry out a recipe in `run`, or go on where an earlier attempt stopped; a finished part is never repeated.

    Several processes carry out stages together; everything else is the main process's, and the others wait. Returns the
    report's path in the main process. Raises RunError when `run` is of another recipe, and what stages and tasks raise.
    """
    main = services.processes.is_main
    held: AbstractContextManager[None] = run.locked() if main else nullcontext()
    with held:
        if main:
            run.refuse_other_recipes(recipe)
        base_model = services.resolve_model(recipe.model.path)
        task = _prepare(recipe, run, base_model, services)
        return _Execution(recipe=recipe, run=run, task=task, base_model=base_model, services=services).carry_out()


def _prepare(recipe: Recipe, run: RunDirectory, base_model: Path, services: RunServices) -> Task:
    """Build the task: the main process first, so that the others find its scenes in the cache."""
    if not services.processes.is_main:
        services.processes.barrier()
        return services.build_task(recipe, lambda done, total: None)
    with services.reporter.track("preparing the data") as progress:
        task = services.build_task(recipe, progress)
        validate_inputs(recipe, task, sampled=run.sampled_stages(), judged=_is_judged(recipe, run))
    # Only now: a recipe that turned out wrong can then be mended and started again in the same directory.
    run.claim(recipe)
    manifest.open_manifest(run, recipe, task, base_model=base_model, processes=services.processes.count)
    write_data(task, run.data)
    services.processes.barrier()
    return task


def _is_judged(recipe: Recipe, run: RunDirectory) -> bool:
    return all((run.evaluation(name) / "referral.json").is_file() for name in evaluated_models(recipe))


class _Execution:
    """One attempt at carrying out a run whose data are ready."""

    def __init__(
        self, *, recipe: Recipe, run: RunDirectory, task: Task, base_model: Path, services: RunServices
    ) -> None:
        self._recipe = recipe
        self._run = run
        self._task = task
        self._base_model = base_model
        self._services = services
        self._main = services.processes.is_main
        self._names = [stage_name(number, stage.type) for number, stage in enumerate(recipe.stages, start=1)]

    def carry_out(self) -> Path | None:
        if BASE_NAME in evaluated_models(self._recipe):
            self._evaluate(BASE_NAME, self._base_model, last=not self._names)
        parent, model_path = BASE_NAME, self._base_model
        for name, config in zip(self._names, self._recipe.stages, strict=True):
            trained = self._stage(name, config, parent=parent, model_path=model_path)
            parent, model_path = name, self._run.stage(name)
            if name in evaluated_models(self._recipe):
                self._evaluate(name, model_path, last=name == self._names[-1], trained=trained)
        return self._finish() if self._main else None

    def _stage(self, name: str, config: StageConfig, *, parent: str, model_path: Path) -> bool:
        """Whether there was something to do."""
        # Every process looks before the main one can write, or they would disagree on whether the stage is to be run.
        complete = manifest.stage_is_complete(self._run, name)
        self._services.processes.barrier()
        if complete:
            self._say(f"{name}: finished before, kept")
            return False
        manifest.refuse_other_processes(self._run, self._services.processes.count)
        with self._services.reporter.track(name) as progress:
            result = self._services.run_stage(
                config,
                StageContext(
                    task=self._task,
                    model=self._recipe.model,
                    model_path=model_path,
                    output_dir=self._run.stage(name),
                    seed=self._recipe.stage_seed(config),
                    earlier_models=self._models_before(name),
                    instruction=self._recipe.instruction or DEFAULT_INSTRUCTION,
                    engine=self._recipe.engine,
                    progress=progress,
                ),
            )
        if result.ended_early is not None:
            self._say(f"{name}: {result.ended_early}")
        self._services.processes.barrier()
        if self._main:
            count = self._services.processes.count
            seed = self._recipe.stage_seed(config)
            manifest.write_stage_manifest(
                self._run, name, config=config, parent=parent, seed=seed, processes=count, result=result
            )
            self._record()
        self._services.processes.barrier()
        return True

    def _models_before(self, name: str) -> dict[str, Path]:
        """The recipe's model, and what the stages before have left, by their type: of several of one type the last."""
        before = zip(self._names[: self._names.index(name)], self._recipe.stages, strict=False)
        return {BASE: self._base_model, **{config.type: self._run.stage(stage) for stage, config in before}}

    def _evaluate(self, name: str, model_path: Path, *, last: bool, trained: bool = False) -> None:
        """A model that was just `trained` may stand where another one was evaluated: what is there need not be its."""
        out_dir = self._run.evaluation(name)
        if self._main and (trained or not is_evaluated(out_dir, self._recipe.evaluation, efficiency=last)):
            request = evaluation_request(
                self._recipe,
                self._task,
                name=name,
                model_path=model_path,
                base_path=self._base_model,
                out_dir=out_dir,
                efficiency=last,
                track=lambda label: self._services.reporter.track(f"{name}: {label}"),
            )
            self._services.evaluate(request)
            self._record()
        self._services.processes.barrier()

    def _finish(self) -> Path:
        write_break_even(self._run, self._names, self._recipe.evaluation.break_even)
        self._record(finished=True)
        return self._services.write_report(self._run.path)

    def _record(self, *, finished: bool = False) -> None:
        merge_logs(self._run, [name for name in self._names if manifest.stage_is_complete(self._run, name)])
        manifest.record_progress(self._run, self._names, finished=finished)

    def _say(self, message: str) -> None:
        if self._main:
            self._services.reporter.say(message)
