"""Where the time of each phase goes, from a profile: which kernels, and what lies between them.

The profiler slows small operations down, so shares are of the profiled run, and read as estimates.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.loss import loss_and_gradient, scored_batch
from benchmarks.rows import Row
from benchmarks.subject import Subject, endless, on_device_of, repeated, requests
from benchmarks.timing import Ticker, synchronise
from benchmarks.training import rl_settings, rl_trainer, stage_context
from trimpi.prefix.decoding import PrefixMemory
from trimpi.recipe import Engine
from trimpi.sampling.sampler import SamplingSettings, row_seed
from trimpi.sampling.shared import SharedPrefixSampler

TITLE = "Where the time goes (shares of a profiled run)"
WHOLE = "whole"
BETWEEN = "between operators (Python)"
KINDS = {
    "matrix products": ("mm", "bmm", "addmm", "baddbmm", "linear", "matmul", "convolution"),
    "fused attention": ("scaled_dot_product", "flash_attention"),
    "softmax of attention": ("softmax", "exp", "amax", "log", "masked_fill", "sub_"),
    "copies": ("copy", "cat", "index", "gather", "scatter", "repeat", "clone", "stack", "fill", "zero"),
}
"""Parts of operators' names, the first that fits; all else is elementwise work and bookkeeping."""
OTHER = "elementwise and other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """A step's rollouts and loss, and a prefill, under policies of `layers` layers; half a step of the others'."""

    prompts: int = 8
    samples: int = 8
    new_tokens: int = 32
    layers: int = 6


FULL = Sizes()
QUICK = Sizes(prompts=2, samples=4, new_tokens=16, layers=3)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """Prefill and rollouts with the policy, and the loss with either engine; one warm-up, then one profiled run."""
    tick = Ticker(progress, 4)
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        for name, make in (("prefill of the prompts", _prefill), ("rollouts", _rollouts)):
            rows += _profiled(name, make(subject, sizes), on_device_of(subject.load()))
            tick()
        engines: tuple[Engine, ...] = ("prefix", "plain")
        for engine in engines:
            work = _loss(subject, sizes, Path(folder) / engine, engine)
            rows += _profiled(f"loss, engine {engine}", work, on_device_of(subject.load()))
            tick()
    return rows


def kind_of(operator: str) -> str:
    """The kind of work an operator such as `aten::addmm` does."""
    name = operator.rpartition("::")[2]
    return next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), OTHER)


def _profiled(case: str, work: Callable[[], object], device: torch.device) -> list[Row]:
    work()
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    with profile(activities=activities, with_flops=True) as profiler:
        start = time.perf_counter()
        work()
        synchronise(device)
        whole = time.perf_counter() - start
    spent: dict[str, float] = defaultdict(float)
    averages = profiler.key_averages()
    for event in averages:
        if "::" in event.key:
            spent[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    calls = sum(event.count for event in averages if event.key.startswith("aten::"))
    flops = sum(event.flops for event in averages)
    spent[BETWEEN] = max(0.0, whole - sum(spent.values()))
    facts = {WHOLE: {"operators": float(calls), "GFLOP/s": flops / whole / 1e9}}
    return [
        Row(case=case, contestant=name, seconds=taken, ratio=taken / whole, runs=1, facts=facts.get(name, {}))
        for name, taken in {WHOLE: whole, **dict(sorted(spent.items(), key=lambda item: -item[1]))}.items()
    ]


def _prefill(subject: Subject, sizes: Sizes) -> Callable[[], object]:
    model, renderer = subject.load(), subject.renderer()
    task = subject.task_of(sizes.layers, 1)
    examples = requests(task, sizes.prompts)
    prompts = [renderer.prompt(example, task.policy_of(example)) for example in examples]
    inputs = renderer.encode_prompts(prompts).to(model.device, dtype=model.dtype)
    return lambda: PrefixMemory(model).prefill(inputs, range(len(inputs["input_ids"])))


def _rollouts(subject: Subject, sizes: Sizes) -> Callable[[], object]:
    renderer = subject.renderer()
    endless(renderer)
    task = subject.task_of(sizes.layers, 1)
    examples = requests(task, sizes.prompts)
    prompts = repeated([renderer.prompt(example, task.policy_of(example)) for example in examples], sizes.samples)
    sampler = SharedPrefixSampler(subject.load(), renderer, batch_size=len(prompts))
    settings = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=sizes.new_tokens)
    return partial(sampler.sample_rows, prompts, [row_seed(0, row) for row in range(len(prompts))], settings)


def _loss(subject: Subject, sizes: Sizes, folder: Path, engine: Engine) -> Callable[[], object]:
    config = rl_settings(prompts=sizes.prompts, samples=sizes.samples, new_tokens=sizes.new_tokens)
    trainer = rl_trainer(config, stage_context(subject, subject.task_of(sizes.layers, 1), folder, engine=engine))
    return partial(loss_and_gradient, trainer, scored_batch(trainer))
