"""The benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import inference, length, limits, loss, prompt, rollouts, step, vm_cpt
from benchmarks.rows import Row

Run = Callable[..., list[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """`run(subject, sizes, progress)` measures; `full` and `quick` are its sizes.

    `reads` says what the ratios are times of; `in_figure` whether they are drawn.
    """

    title: str
    run: Run
    full: Any
    quick: Any
    reads: str
    in_figure: bool = True


BENCHMARKS: Mapping[str, Benchmark] = {
    name: Benchmark(
        title=module.TITLE,
        run=module.run,
        full=module.FULL,
        quick=module.QUICK,
        reads=reads,
        in_figure=module is not limits,
    )
    for name, module, reads in (
        ("prompt", prompt, prompt.FREE),
        ("inference", inference, inference.INTERNALIZED),
        ("rollouts", rollouts, rollouts.PREFIX),
        ("length", length, length.PREFIX),
        ("loss", loss, loss.PREFIX),
        ("step", step, step.PREFIX),
        ("vm_cpt", vm_cpt, vm_cpt.PREFIX),
        ("limits", limits, limits.WHOLE),
    )
}
"""The quick ones first."""
