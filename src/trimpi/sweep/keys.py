"""What decides the outcome of a stage or an evaluation, as one hash: equal keys, equal outcomes. Torch-free."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from trimpi.digest import file_digest, model_content
from trimpi.recipe import CotTrainingConfig, Recipe, StageConfig
from trimpi.run.data import fingerprint
from trimpi.run.environment import describe_environment
from trimpi.run.services import EvaluationRequest
from trimpi.stages.context import StageContext
from trimpi.tasks.base import Task

NOT_OF_ANSWERS = frozenset(("after", "base", "break_even"))
"""Settings of evaluations that decide when one happens and how it is read, not what it gives."""


def stage_key(recipe: Recipe, config: StageConfig, context: StageContext) -> str:
    """The same for stages of the same settings, data, seed, engine, instruction and models, by their content."""
    return _key(
        kind="stage",
        config=config.model_dump(mode="json"),
        cots=_cots(config),
        reads=_model_read(config, context),
        seed=context.seed,
        instruction=context.instruction,
        engine=context.engine,
        **_of_run(recipe, context.task, context.model_path),
    )


def evaluation_key(recipe: Recipe, request: EvaluationRequest) -> str:
    """The same for evaluations of one model under one name with the same settings, data and seed."""
    settings = request.settings.model_dump(mode="json")
    return _key(
        kind="evaluation",
        name=request.name,
        settings={key: value for key, value in settings.items() if key not in NOT_OF_ANSWERS},
        seed=request.seed,
        instruction=request.instruction,
        engine=request.engine,
        base=model_content(request.base_path),
        **_of_run(recipe, request.task, request.model_path),
    )


def _of_run(recipe: Recipe, task: Task, model_path: Path) -> dict[str, Any]:
    """The task's settings count besides its data: they also decide how answers are scored."""
    environment = describe_environment()
    return {
        "model": model_content(model_path),
        "loading": recipe.model.model_dump(mode="json", exclude={"path"}),
        "task": recipe.task.model_dump(mode="json"),
        "data": fingerprint(task),
        "versions": {"trimpi": environment["trimpi"], **environment["packages"]},
    }


def _cots(config: StageConfig) -> str | None:
    """The content of a file of chains of thought, which the stage's settings name by its path alone."""
    if not isinstance(config, CotTrainingConfig) or not config.cot.endswith(".jsonl"):
        return None
    return file_digest(Path(config.cot))


def _model_read(config: StageConfig, context: StageContext) -> str | None:
    """The content of a model that a stage reads beside its input."""
    path = context.earlier_models.get(config.reads)
    return None if path is None else model_content(path)


def _key(**parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
