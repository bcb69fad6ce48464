"""What a stage is given and what it gives back. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trimpi.recipe import Engine, ModelConfig
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION
from trimpi.tasks.base import Task

Progress = Callable[[int, int], None]
"""Called after every step with the steps done and the steps there will be."""


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """Where a stage starts and where it writes.

    `model_path` is the folder (or hub id) of the model to start from; `output_dir` becomes a model folder. A stage
    whose output_dir holds checkpoints of an interrupted attempt goes on from the last complete one.
    `earlier_models` are the recipe's model ("base") and what the stages before have left, by their type. `engine` is
    `Recipe.engine`.
    """

    task: Task
    model: ModelConfig
    model_path: Path
    output_dir: Path
    seed: int
    earlier_models: Mapping[str, Path] = field(default_factory=dict)
    instruction: str = DEFAULT_INSTRUCTION
    engine: Engine = "prefix"
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What a finished stage cost, and its last metrics line.

    `tokens` are those trained on, over all processes, padding left out. `seconds` is the training time of this attempt,
    from the step `resumed_from` of the checkpoint it resumed from, `training_seconds` that of all attempts, None where
    an earlier one did not log it, and `preparation_seconds` what this one took beside: loading, sampling chains of
    thought, saving. `peak_memory_bytes` is
    this process's: resident, or of its GPU if it has one. `ended_early` says why a stage stopped before its last step,
    if it did. `cost` counts weights and tokens by what they were for, with the FLOPs estimated from them
    (`stages/work.py`). `shared_from` names the job of a sweep that trained the stage, where it was another one: all
    these figures are then that job's.
    """

    steps: int
    seconds: float
    tokens: int
    peak_memory_bytes: int
    training_seconds: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    resumed_from: int = 0
    preparation_seconds: float = 0.0
    ended_early: str | None = None
    cost: Mapping[str, Any] = field(default_factory=dict)
    shared_from: str | None = None
