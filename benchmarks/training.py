"""Training steps as contestants: one update of a trainer, however it is built, timed from inside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback

from benchmarks.subject import Subject, endless
from benchmarks.timing import Contestant, synchronise
from trimpi.recipe import Engine, GrpoConfig, LocalSamplerConfig, ModelConfig, RlConfig
from trimpi.stages.context import StageContext
from trimpi.stages.rl.stage import build_trainer
from trimpi.stages.trl_seams import RolloutTrainer
from trimpi.tasks.base import Task

LEARNING_RATE = 1e-6
"""Small enough that a contestant's tenth step is as much work as its first."""


class StepClock(TrainerCallback):
    """The seconds of the latest update: data, forward and backward passes, and what the optimizer does."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start = 0.0
        self.seconds = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        synchronise(self._device)
        self._start = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        synchronise(self._device)
        self.seconds = time.perf_counter() - self._start


def one_update(trainer: Trainer) -> Contestant:
    """The one step of a trainer whose max_steps is 1, again and again."""
    clock = StepClock(trainer.args.device)
    trainer.add_callback(clock)

    def run() -> float:
        trainer.train()
        return clock.seconds

    return run


def rl_settings(*, prompts: int, samples: int, new_tokens: int) -> RlConfig:
    """One step of PolicyRollout with a reference model."""
    return RlConfig(
        learning_rate=LEARNING_RATE,
        steps=1,
        prompts_per_step=prompts,
        group_size=samples // 2,
        max_new_tokens=new_tokens,
        algorithm=GrpoConfig(beta=0.01),
        gate_examples=0,
        sampler=LocalSamplerConfig(batch_size=prompts * samples),
    )


def stage_context(subject: Subject, task: Task, folder: Path, *, engine: Engine) -> StageContext:
    """A stage that starts from the subject's model and writes into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return StageContext(
        task=task, model=ModelConfig(), model_path=Path(subject.model), output_dir=folder, seed=0, engine=engine
    )


def rl_trainer(config: RlConfig, context: StageContext) -> RolloutTrainer:
    """The rl stage's trainer, with completions that are all of full length."""
    trainer, _, renderer = build_trainer(config, context)
    endless(renderer)
    trainer.remove_callback(PrinterCallback)
    return trainer


class Encodings:
    """How many images went through a model's vision tower while it was watched."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, module: Any, args: Sequence[Any], inputs: dict[str, Any]) -> None:
        grid = inputs.get("grid_thw")
        self.count += len(inputs["pixel_values"] if grid is None else grid)


@contextmanager
def watched_encodings(model: PreTrainedModel) -> Iterator[Encodings]:
    """Counts the images that go through the vision tower."""
    seen = Encodings()
    tower: Any = getattr(model.base_model, "visual", None) or model.base_model.vision_model
    handle = tower.register_forward_pre_hook(seen.note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()
