"""One whole RL step: rollouts, rewards, log-probabilities of the reference, loss, update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rows import Row, rows_of_case
from benchmarks.subject import DEEPEST, Subject, TaskUnderLength, endless, policy_tokens, requests
from benchmarks.timing import Contestant, Ticker, take_turns
from benchmarks.training import one_update, rl_settings, rl_trainer, stage_context
from benchmarks.trl_stock import StockSampler, StockTrainer, stock_trainer
from trimpi.recipe import Engine, RlConfig
from trimpi.stages.rl.dataset import rollout_dataset
from trimpi.stages.rl.rollouts import PolicyRollouts, logged_reward
from trimpi.stages.rl.scoring import score_rollout
from trimpi.stages.rl.stage import stage_plan
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example

TITLE = "One RL step"
PREFIX, PLAIN = "PolicyRollout, engine prefix", "PolicyRollout, engine plain"
STOCK, ON_TRL = "TRL's GRPO, policy-free", "PolicyRollout on TRL's generation"
PATIENCE = 10.0
"""Seconds. A trainer's first step checks more than the others do, so it is thrown away where it is not long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """`samples` completions, half of them with a policy of about `tokens` tokens, of each of `prompts` requests."""

    prompts: int = 16
    samples: int = 8
    new_tokens: int = 64
    tokens: tuple[int, ...] = (300, 1500)
    rows_at_once: int = 64
    repeats: int = 2


FULL = Sizes()
QUICK = Sizes(prompts=4, samples=4, new_tokens=16, tokens=(300,), rows_at_once=16, repeats=1)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Ours with both engines, TRL's own GRPO of as many completions, and PolicyRollout generated TRL's way."""
    tick = Ticker(progress, 4 * len(sizes.tokens) * (1 + sizes.repeats))
    rows: list[Row] = []
    for wanted in sizes.tokens:
        task = TaskUnderLength(subject.task_of(DEEPEST, 1), subject.renderer(), wanted)
        examples = requests(task, sizes.prompts)
        tokens = policy_tokens(subject.renderer(), examples, task.policy_of(examples[0]))
        with TemporaryDirectory() as folder:
            runs = take_turns(
                contestants(subject, sizes, task, Path(folder)), repeats=sizes.repeats, tick=tick, patience=PATIENCE
            )
        rows += rows_of_case(f"{tokens} policy tokens", runs, reference=PREFIX)
    return rows


def contestants(subject: Subject, sizes: Sizes, task: Task, folder: Path) -> dict[str, Contestant]:
    """Every contestant with a model and an optimizer of its own."""
    config = rl_settings(prompts=sizes.prompts, samples=sizes.samples, new_tokens=sizes.new_tokens)
    engines: dict[str, Engine] = {PREFIX: "prefix", PLAIN: "plain"}
    ours = {
        name: one_update(rl_trainer(config, stage_context(subject, task, folder / engine, engine=engine)))
        for name, engine in engines.items()
    }
    makers = {STOCK: _stock, ON_TRL: _policy_rollout_on_trl}
    return ours | {
        name: one_update(make(subject, sizes, config, task, folder / make.__name__)) for name, make in makers.items()
    }


def _stock(subject: Subject, sizes: Sizes, config: RlConfig, task: Task, folder: Path) -> StockTrainer:
    renderer = subject.renderer()
    suppressed = endless(renderer)
    examples = requests(task, sizes.prompts)
    dataset = rollout_dataset([renderer.prompt(example) for example in examples])
    return stock_trainer(
        subject.load(),
        renderer,
        dataset.add_column("request", list(range(len(examples)))),
        config,
        stage_context(subject, task, folder, engine="plain"),
        suppressed=suppressed,
        rows_at_once=sizes.rows_at_once,
        rewards=[_reward(name, config, task, examples) for name in ("format", "accuracy")],
        weights=[config.rewards.format, config.rewards.accuracy],
    )


def _policy_rollout_on_trl(subject: Subject, sizes: Sizes, config: RlConfig, task: Task, folder: Path) -> StockTrainer:
    renderer = subject.renderer()
    suppressed = endless(renderer)
    examples = requests(task, sizes.prompts)
    plan = stage_plan(config, len(examples), seed=0)

    @contextmanager
    def sampler(trainer: Any) -> Iterator[StockSampler]:
        yield StockSampler(trainer, renderer)

    context = stage_context(subject, task, folder, engine="plain")
    rollouts = PolicyRollouts(
        config,
        plan,
        task,
        examples,
        renderer,
        sampler=sampler,
        log_file=folder / "rollouts.jsonl",
    )

    def roll_out(chats: list[list[dict[str, Any]]], trainer: Any) -> dict[str, list[Any]]:
        rollouts.collect(trainer, len(chats))
        return rollouts.columns(chats, trainer)

    return stock_trainer(
        subject.load(),
        renderer,
        rollout_dataset([renderer.prompt(examples[number]) for number in plan.order]),
        config,
        context,
        suppressed=suppressed,
        rows_at_once=sizes.rows_at_once,
        rewards=[logged_reward],
        rollouts=roll_out,
    )


def _reward(name: str, config: RlConfig, task: Task, examples: list[Example]) -> Callable[..., list[float]]:
    """A reward of ours as TRL calls it."""

    def reward(completions: list[list[dict[str, Any]]], request: list[int], **columns: Any) -> list[float]:
        rollouts = [
            score_rollout(
                task,
                examples[number],
                Completion(text=_text(turns[0]["content"]), token_ids=()),
                policy_aware=False,
                config=config,
            )
            for turns, number in zip(completions, request, strict=True)
        ]
        return [rollout.rewards[name] for rollout in rollouts]

    reward.__name__ = name
    return reward


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
