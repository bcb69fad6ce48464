"""What a policy costs in the prompt: tokens and prefill time with and without it, by the policy's layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows import Row
from benchmarks.subject import Subject
from trimpi.evaluation.efficiency import measure_efficiency
from trimpi.recipe import EfficiencyConfig

TITLE = "Prefill of one prompt"
FREE, AWARE = "policy-free", "with policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Policies of these `layers`, and how many `requests` are averaged over."""

    layers: tuple[int, ...] = (1, 2, 3, 4, 6)
    requests: int = 8
    repeats: int = 5


FULL = Sizes()
QUICK = Sizes(layers=(3, 6), requests=4, repeats=2)


def run(subject: Subject, sizes: Sizes, progress: Callable[[int, int], None]) -> list[Row]:
    """As `trimpi run` measures it for a report, without the prefix engine: by `generate`, over test requests."""
    model, renderer = subject.load(), subject.renderer()
    settings = EfficiencyConfig(examples=sizes.requests, repeats=sizes.repeats, new_tokens=2, query_lengths=[], batch=1)
    rows: list[Row] = []
    progress(0, len(sizes.layers))
    for done, layers in enumerate(sizes.layers, start=1):
        with TemporaryDirectory() as folder:
            result = measure_efficiency(
                subject.task_of(layers, 1),
                model,
                renderer,
                model_name=subject.model,
                out_dir=Path(folder),
                settings=settings,
                engine="plain",
            )
        free, aware = result.policy_free, result.policy_aware
        rows += [
            Row(
                case=f"{aware.mean_tokens - free.mean_tokens:.0f} policy tokens",
                contestant=name,
                seconds=cost.prefill_seconds,
                ratio=cost.prefill_seconds / free.prefill_seconds,
                runs=result.examples * (result.prefill_repeats or result.repeats),
                facts={"prompt tokens": cost.mean_tokens},
            )
            for name, cost in ((FREE, free), (AWARE, aware))
        ]
        progress(done, len(sizes.layers))
    return rows
