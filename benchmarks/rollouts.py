"""Completions of the prompts of one RL step: the prefix engine against transformers' and TRL's ways to generate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import PreTrainedModel

from benchmarks.rows import Row, rows_of_case
from benchmarks.subject import (
    DEEPEST,
    Subject,
    check_written,
    endless,
    on_device_of,
    policy_of_length,
    policy_tokens,
    repeated,
    requests,
)
from benchmarks.timing import Contestant, Ticker, take_turns, timed
from benchmarks.trl_stock import StockTrainer, stock_trainer
from trimpi.recipe import GrpoConfig, ModelConfig, RlConfig
from trimpi.rendering.prompts import Prompt
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplerByRows, SamplingSettings, row_seed
from trimpi.sampling.shared import SharedPrefixSampler
from trimpi.stages.context import StageContext
from trimpi.stages.rl.dataset import rollout_dataset
from trimpi.tasks.base import Task

TITLE = "Rollouts of one RL step"
Way = Callable[[], Sequence[Sequence[int]]]
PREFIX, PLAIN, GENERATE, TRL = "engine prefix", "engine plain", "generate(num_return_sequences)", "TRL's generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Policies of about `tokens` tokens, 0 for none; every prompt gets `samples` completions of `new_tokens` tokens."""

    prompts: int = 16
    samples: int = 8
    new_tokens: int = 64
    tokens: tuple[int, ...] = (0, 300, 1500)
    repeats: int = 3


FULL = Sizes()
QUICK = Sizes(prompts=4, samples=4, new_tokens=16, tokens=(0, 300), repeats=1)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Policy-free and policy-aware prompts, and PolicyRollout's mixture of both, at each policy length."""
    mixtures = len([tokens for tokens in sizes.tokens if tokens])
    tick = Ticker(progress, (4 * len(sizes.tokens) + 2 * mixtures) * (1 + sizes.repeats))
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        field = _Field(subject, sizes, Path(folder))
        for tokens in sizes.tokens:
            free, aware, name = field.prompts(tokens)
            runs = take_turns(field.contestants(aware), repeats=sizes.repeats, tick=tick)
            rows += rows_of_case(f"all {name}", runs, reference=PREFIX)
            if tokens:
                mixture = field.mixture(free, aware)
                runs = take_turns(mixture, repeats=sizes.repeats, tick=tick)
                rows += rows_of_case(f"half policy-free, half {name}", runs, reference=PREFIX)
    return rows


class _Field:
    """The contestants: our samplers on one model, transformers and TRL on another that our engine never touched."""

    def __init__(self, subject: Subject, sizes: Sizes, folder: Path) -> None:
        self._sizes, self._task_of = sizes, subject.task_of
        self._rows = sizes.prompts * sizes.samples
        self._renderer = subject.renderer()
        self._suppressed = endless(self._renderer)
        ours, self._stock_model = subject.load(), subject.load()
        self._device = on_device_of(ours)
        self._prefix = SharedPrefixSampler(ours, self._renderer, batch_size=self._rows)
        self._plain = LocalSampler(self._stock_model, self._renderer, batch_size=self._rows)
        self._trl = self._trainer(subject, folder)

    def prompts(self, tokens: int) -> tuple[list[Prompt], list[Prompt], str]:
        """Policy-free and policy-aware prompts of the same requests, and what the latter are."""
        task = self._task_of(DEEPEST, 1)
        examples = requests(task, self._sizes.prompts)
        free = [self._renderer.prompt(example) for example in examples]
        if not tokens:
            return free, free, "policy-free"
        policy = policy_of_length(self._renderer, task.policy_of(examples[0]), tokens)
        measured = policy_tokens(self._renderer, examples, policy)
        return free, [self._renderer.prompt(example, policy) for example in examples], f"with {measured} policy tokens"

    def contestants(self, prompts: Sequence[Prompt]) -> dict[str, Contestant]:
        rows = repeated(prompts, self._sizes.samples)
        ways: dict[str, Way] = {
            PREFIX: lambda: self._sampled(self._prefix, rows),
            PLAIN: lambda: self._sampled(self._plain, rows),
            GENERATE: lambda: self._generated(self._stock_model, prompts),
            TRL: lambda: self._trl.completions_of(rows),
        }
        return {name: self._checked(way) for name, way in ways.items()}

    def mixture(self, free: Sequence[Prompt], aware: Sequence[Prompt]) -> dict[str, Contestant]:
        half = self._sizes.samples // 2
        rows = [prompt for pair in zip(free, aware, strict=True) for prompt in [pair[0]] * half + [pair[1]] * half]
        return {
            PREFIX: self._checked(lambda: self._sampled(self._prefix, rows)),
            TRL: self._checked(lambda: self._trl.completions_of(rows)),
        }

    def _checked(self, way: Way) -> Contestant:
        def work() -> None:
            check_written(way(), rows=self._rows, tokens=self._sizes.new_tokens)

        return timed(work, self._device)

    def _sampled(self, sampler: SamplerByRows, rows: Sequence[Prompt]) -> list[Sequence[int]]:
        settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=self._sizes.new_tokens)
        seeds = [row_seed(0, row) for row in range(len(rows))]
        return [completion.token_ids for completion in sampler.sample_rows(rows, seeds, settings)]

    @torch.no_grad()
    def _generated(self, model: PreTrainedModel, prompts: Sequence[Prompt]) -> list[list[int]]:
        inputs = self._renderer.encode_prompts(prompts).to(model.device, dtype=model.dtype)
        written = model.generate(  # type: ignore[operator]
            **inputs,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            num_return_sequences=self._sizes.samples,
            max_new_tokens=self._sizes.new_tokens,
            suppress_tokens=self._suppressed,
            pad_token_id=self._renderer.pad_token_id,
        )
        return written[:, inputs["input_ids"].shape[1] :].tolist()

    def _trainer(self, subject: Subject, folder: Path) -> StockTrainer:
        task: Task = subject.task_of(1, 1)
        config = RlConfig(
            steps=1,
            prompts_per_step=self._sizes.prompts,
            group_size=self._sizes.samples // 2,
            max_new_tokens=self._sizes.new_tokens,
            algorithm=GrpoConfig(beta=0.0),
        )
        context = StageContext(
            task=task, model=ModelConfig(), model_path=Path(subject.model), output_dir=folder, seed=0
        )
        prompts = [self._renderer.prompt(example) for example in requests(task, self._sizes.prompts)]
        return stock_trainer(
            self._stock_model,
            self._renderer,
            rollout_dataset(prompts),
            config,
            context,
            suppressed=self._suppressed,
            rows_at_once=self._rows,
            rewards=[_no_reward],
        )


def _no_reward(completions: list[object], **columns: object) -> list[float]:
    """A trainer must have a reward; here it only generates."""
    return [0.0] * len(completions)
