"""Ways of answering that are timed in turns, so that a slow spell of the machine hits all of them alike. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol

from trimpi.recipe import Engine

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds until the first token's logits and until the last token; prompt tokens that were not computed."""

    first_token: float
    total: float
    cached_tokens: int = 0


Run = Callable[[], Timing]
"""Answers its prompts together, once. Encoding of text and pixels is done before, the vision tower is not."""


class Answers(Protocol):
    """Ways of answering prompts with a fixed number of tokens each, greedily.

    `no_cache` says why nothing can be kept; None if it can.
    """

    @property
    def engine(self) -> Engine: ...

    @property
    def no_cache(self) -> str | None: ...

    def from_nothing(self, prompts: Sequence[Prompt]) -> Run:
        """Every prompt is computed whole."""
        ...

    def with_kept(self, prompts: Sequence[Prompt], kept: Sequence[Prompt]) -> Run:
        """What the prompts of `kept` share with each other is there already, at every run; of the rest nothing is."""
        ...


def take_turns(runs: Mapping[str, Run], *, repeats: int, tick: Callable[[], None]) -> dict[str, Timing]:
    """The medians of `repeats` rounds of them all, after one unmeasured run each. `tick` is called after every run."""
    measured: dict[str, list[Timing]] = {name: [] for name in runs}
    for round_number in range(1 + repeats):
        for name, run in runs.items():
            timing = run()
            if round_number > 0:
                measured[name].append(timing)
            tick()
    return {name: _median(timings) for name, timings in measured.items()}


def _median(timings: Sequence[Timing]) -> Timing:
    return Timing(
        first_token=median(timing.first_token for timing in timings),
        total=median(timing.total for timing in timings),
        cached_tokens=timings[0].cached_tokens,
    )
