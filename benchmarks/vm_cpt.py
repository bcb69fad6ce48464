"""A training step of VM-CPT: a batch under one policy computes the policy once, or once per example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig

from benchmarks.rows import Row, rows_of_case
from benchmarks.subject import Subject, policy_tokens, requests
from benchmarks.timing import Contestant, Ticker, take_turns
from benchmarks.training import LEARNING_RATE, one_update, stage_context
from trimpi.recipe import Engine, VmCptConfig
from trimpi.rendering.renderer import TrainingExample
from trimpi.rewards.response import write_response
from trimpi.stages.arguments import common_arguments
from trimpi.stages.supervised.collator import RowCollator
from trimpi.stages.supervised.rows import LOSS_ON
from trimpi.stages.trl_seams import SupervisedTrainer
from trimpi.tasks.base import Task
from trimpi.types import Example

TITLE = "A training step of VM-CPT"
PREFIX, PLAIN = "policy once (engine prefix)", "policy per example (engine plain)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Batches of `batch_size` examples under policies of `layers` layers."""

    batch_size: int = 16
    layers: int = 6
    repeats: int = 3


FULL = Sizes()
QUICK = Sizes(batch_size=4, layers=3, repeats=1)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """All examples of a batch under one policy, and half of them under another; the figure to read is examples/s."""
    tick = Ticker(progress, 4 * (1 + sizes.repeats))
    task = subject.task_of(sizes.layers, 2)
    one = requests(task, sizes.batch_size)
    two = list(task.examples("train"))[: sizes.batch_size]
    tokens = policy_tokens(subject.renderer(), one, task.policy_of(one[0]))
    rows: list[Row] = []
    for name, examples in (("one policy", one), ("two policies", two)):
        with TemporaryDirectory() as folder:
            runs = take_turns(contestants(subject, task, examples, Path(folder)), repeats=sizes.repeats, tick=tick)
        case = f"{len(examples)} examples under {name} of {tokens} tokens"
        facts = {
            contestant: {"examples/s": len(examples) / sorted(taken)[len(taken) // 2]}
            for contestant, taken in runs.items()
        }
        rows += rows_of_case(case, runs, reference=PREFIX, facts=facts)
    return rows


def contestants(subject: Subject, task: Task, examples: Sequence[Example], folder: Path) -> dict[str, Contestant]:
    """The stage's trainer with either engine, each with a model of its own."""
    engines: dict[str, Engine] = {PREFIX: "prefix", PLAIN: "plain"}
    return {
        name: one_update(_trainer(subject, task, examples, folder / engine, engine)) for name, engine in engines.items()
    }


def _trainer(
    subject: Subject, task: Task, examples: Sequence[Example], folder: Path, engine: Engine
) -> SupervisedTrainer:
    context = stage_context(subject, task, folder, engine=engine)
    config = VmCptConfig(learning_rate=LEARNING_RATE, batch_size=len(examples), epochs=1)
    renderer = subject.renderer()
    rows = [
        TrainingExample(
            prompt=renderer.prompt(example, task.policy_of(example)),
            response=write_response(example.cot, example.answer),
        )
        for example in examples
    ]
    trainer = SupervisedTrainer(
        model=subject.load(),
        args=SFTConfig(
            **common_arguments(config, context, batch_size=len(rows)),
            max_steps=1,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        data_collator=RowCollator(rows, renderer, loss_on=LOSS_ON[config.type], max_length=None),
        train_dataset=Dataset.from_dict({"row": list(range(len(rows)))}),
        processing_class=renderer.processor,
        engine=engine,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
