"""What a run needs done: each a callable, so that a run can be followed through without a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trimpi.digest import model_content
from trimpi.evaluation.results import DIVERGENCE_FILE, EFFICIENCY_FILE, HARNESS_FILE
from trimpi.evaluation.storage import read_json
from trimpi.recipe import Engine, EvaluationConfig, ModelConfig, Recipe, StageConfig
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.run.processes import Processes
from trimpi.stages.context import StageContext, StageResult
from trimpi.tasks.base import Task

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


class Reporter(Protocol):
    """Tells the user how a run goes on."""

    def say(self, message: str) -> None:
        """One line."""

    def track(self, label: str) -> AbstractContextManager[Progress]:
        """Follow one piece of work, with the time it will still take."""
        ...


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """One model to evaluate into `out_dir`; `name` stands for it in the results, `base_path` is the recipe's model."""

    name: str
    model_path: Path
    base_path: Path
    out_dir: Path
    task: Task
    model: ModelConfig
    engine: Engine
    settings: EvaluationConfig
    instruction: str
    seed: int
    efficiency: bool
    track: Callable[[str], AbstractContextManager[Progress]]

    @property
    def model_key(self) -> str:
        """A hash of what the model's answers depend on besides its prompts: results of another key are not kept."""
        loading = self.model.model_dump(mode="json", exclude={"path"})
        decisive = [model_content(self.model_path), loading, self.engine, self.instruction]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:24]


def evaluation_request(
    recipe: Recipe,
    task: Task,
    *,
    name: str,
    model_path: Path,
    base_path: Path,
    out_dir: Path,
    track: Callable[[str], AbstractContextManager[Progress]],
    efficiency: bool = False,
) -> EvaluationRequest:
    """The evaluation of one model as a recipe sets it; with `efficiency`, the cost of its prompts is measured too."""
    return EvaluationRequest(
        name=name,
        model_path=model_path,
        base_path=base_path,
        out_dir=out_dir,
        task=task,
        model=recipe.model,
        engine=recipe.engine,
        settings=recipe.evaluation,
        instruction=recipe.instruction or DEFAULT_INSTRUCTION,
        seed=recipe.data_seed,
        efficiency=efficiency,
        track=track,
    )


def is_evaluated(out_dir: Path, settings: EvaluationConfig, *, efficiency: bool) -> bool:
    """Whether all that a recipe asks of one model is there: each file is written whole, after everything it sums up."""
    return all((out_dir / name).is_file() for name in _result_files(settings, efficiency=efficiency))


def results_of_others(request: EvaluationRequest) -> list[str]:
    """The files of a request that are there and of another model, or of one that was loaded or asked otherwise."""
    files = [request.out_dir / name for name in _result_files(request.settings, efficiency=request.efficiency)]
    keys = {file.name: str(read_json(file).get("model_key", "")) for file in files if file.is_file()}
    # The divergence is of two models: its key goes on with the base's.
    return [name for name, key in keys.items() if not key.startswith(request.model_key)]


def _result_files(settings: EvaluationConfig, *, efficiency: bool) -> list[str]:
    files = [f"{suite}.json" for suite in settings.suites]
    files += [DIVERGENCE_FILE] if "forgetting" in settings.suites else []
    files += [HARNESS_FILE] if settings.harness is not None else []
    files += [EFFICIENCY_FILE] if efficiency else []
    return files


@dataclass(frozen=True, kw_only=True)
class RunServices:
    """Everything a run calls. After a kill a call is made again: it finds what it had finished and goes on."""

    build_task: Callable[[Recipe, Progress], Task]
    resolve_model: Callable[[str], Path]
    run_stage: Callable[[StageConfig, StageContext], StageResult]
    evaluate: Callable[[EvaluationRequest], None]
    write_report: Callable[[Path], Path]
    processes: Processes
    reporter: Reporter
