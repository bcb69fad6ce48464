"""From a recipe's task to the task itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trimpi.recipe import ClevrTaskConfig, CustomTaskConfig, GtaTaskConfig, TaskConfig
from trimpi.tasks.base import Task
from trimpi.tasks.custom.judge import Judge

Progress = Callable[[int, int], None]
"""Called with how much of the data is ready and how much there is."""


def build_task(
    config: TaskConfig,
    *,
    seed: int,
    cache_dir: Path,
    progress: Progress | None = None,
    judge: Judge | None = None,
) -> Task:
    """The task of a recipe, with its data read or made; rendered scenes are kept in `cache_dir`.

    `judge` asks a model about answers, for a reward that wants one.
    """
    match config:
        case ClevrTaskConfig():
            from trimpi.tasks.clevr.task import ClevrTask

            return ClevrTask(config, seed=seed, cache_dir=cache_dir, progress=progress)
        case GtaTaskConfig():
            from trimpi.tasks.gta.task import GtaTask

            return GtaTask(config, seed=seed, cache_dir=cache_dir, progress=progress)
        case CustomTaskConfig():
            from trimpi.tasks.custom.task import CustomTask

            return CustomTask(config, judge=judge)
