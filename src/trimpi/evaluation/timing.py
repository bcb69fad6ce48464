"""Ways of answering that are timed in turns, so that a slow spell of the machine hits all of them alike, and compared
round by round. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol

from trimpi.interval import median_interval
from trimpi.recipe import Engine

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt

PATIENCE = 20.0
"""Seconds."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds until the first token's logits and until the last token; prompt tokens that were not computed."""

    first_token: float
    total: float
    cached_tokens: int = 0


Run = Callable[[int], Timing]
"""Answers its prompts together, once, with so many tokens each. Text and pixels are encoded before, the vision tower's
work is not done before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The share of a way's time that another way saves: the median over pairs of runs, each of one round.

    `interval` is the median's 95 % interval; of fewer than six pairs it spans them all.
    """

    share: float
    interval: tuple[float, float]


class Answers(Protocol):
    """Ways of answering prompts greedily, with as many tokens as are asked for.

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


def take_turns(
    runs: Mapping[str, Run], new_tokens: int, *, repeats: int, most: int | None = None, tick: Callable[[], None]
) -> dict[str, list[Timing]]:
    """Every run's timings round by round, after one unmeasured round; `tick` is called after every round.

    There are `repeats` rounds, or up to `most` of them as long as all together have taken less than PATIENCE. Every
    round goes through the runs in the reverse order of the one before, so that none is always the first.
    """
    measured: dict[str, list[Timing]] = {name: [] for name in runs}
    order, spent = list(runs), 0.0
    for number in range(1 + (most or repeats)):
        if number > repeats and spent >= PATIENCE:
            break
        for name in order:
            timing = runs[name](new_tokens)
            spent += timing.total
            if number > 0:
                measured[name].append(timing)
        order.reverse()
        tick()
    return measured


def saving(free: Sequence[float], paid: Sequence[float]) -> Saving:
    """What the first way saves of the second one's seconds, from runs that are pairs by their position."""
    shares = [1 - one / other for one, other in zip(free, paid, strict=True)]
    return Saving(share=median(shares), interval=median_interval(shares))
