"""Forward and backward passes of the RL loss on one scored batch: groups packed, or row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rows import Row, rows_of_case
from benchmarks.subject import Subject
from benchmarks.timing import Ticker, take_turns, timed
from benchmarks.training import rl_settings, rl_trainer, stage_context, watched_encodings
from trimpi.recipe import Engine
from trimpi.stages.trl_seams import RolloutTrainer

TITLE = "The RL loss of one step"
PREFIX, PLAIN = "groups packed (engine prefix)", "row by row (engine plain)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """A step of `prompts` groups of `samples` completions, each of `new_tokens` tokens."""

    prompts: int = 16
    samples: int = 8
    new_tokens: int = 64
    layers: int = 3
    repeats: int = 3


FULL = Sizes()
QUICK = Sizes(prompts=4, new_tokens=32, repeats=1)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Both engines on the same batch, scored by the first; the policy is in no prompt the loss sees."""
    tick = Ticker(progress, 2 * (1 + sizes.repeats))
    config = rl_settings(prompts=sizes.prompts, samples=sizes.samples, new_tokens=sizes.new_tokens)
    task = subject.task_of(sizes.layers, 1)
    engines: dict[str, Engine] = {PREFIX: "prefix", PLAIN: "plain"}
    with TemporaryDirectory() as folder:
        trainers = {
            name: rl_trainer(config, stage_context(subject, task, Path(folder) / engine, engine=engine))
            for name, engine in engines.items()
        }
        batches = {name: scored_batch(trainer) for name, trainer in trainers.items()}
        batch = batches[PREFIX]
        facts = {name: {"image encodings": _encodings(trainer, batch)} for name, trainer in trainers.items()}
        runs = take_turns(
            {
                name: timed(partial(loss_and_gradient, trainer, batch), trainer.args.device)
                for name, trainer in trainers.items()
            },
            repeats=sizes.repeats,
            tick=tick,
        )
    rows, columns = batch["prompt_ids"].shape
    case = f"{rows} completions of {batch['completion_ids'].shape[1]} tokens under prompts of {columns}"
    return rows_of_case(case, runs, reference=PREFIX, facts=facts)


def scored_batch(trainer: RolloutTrainer) -> dict[str, Any]:
    """The batch of a whole step, which also leaves the trainer as its loss wants it."""
    trainer.train()
    batch: Any = trainer._buffered_inputs
    return batch[0]


def loss_and_gradient(trainer: RolloutTrainer, batch: dict[str, Any]) -> None:
    """What a training step does between the rollouts and the optimizer."""
    trainer.network.train()
    trainer.network.zero_grad()
    trainer.compute_loss(trainer.network, batch).backward()


def _encodings(trainer: RolloutTrainer, batch: dict[str, Any]) -> float:
    with watched_encodings(trainer.network) as seen:
        loss_and_gradient(trainer, batch)
    return float(seen.count)
