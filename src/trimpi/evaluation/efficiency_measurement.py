"""Which prompts are answered for the measurement of efficiency, and what their times say. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING

from trimpi.errors import DataError
from trimpi.evaluation.efficiency_result import PromptCost, QueryPoint, query_point
from trimpi.evaluation.filler import lengthened
from trimpi.evaluation.timing import Answers, Run, Timing, take_turns
from trimpi.recipe import EfficiencyConfig
from trimpi.tasks.base import Task
from trimpi.types import Example

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer

Progress = Callable[[int, int], None]

FREE, AWARE, CACHED = "policy_free", "policy_aware", "policy_cached"
DECOYS = ("A", "B")
"""Two requests that have nothing in common: their prompts share the policy, with what stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured. `costs` holds all three ways, the cached one None where `no_cache` says why.

    `batch` is how many requests were answered together: as many as asked for, or as there are.
    """

    examples: int
    batch: int
    costs: Mapping[str, PromptCost | None]
    no_cache: str | None
    points: Sequence[QueryPoint]
    left_out: Sequence[str]


def measure_ways(
    task: Task,
    renderer: Renderer,
    answers: Answers,
    settings: EfficiencyConfig,
    *,
    context: int | None,
    progress: Progress | None = None,
) -> Measured:
    """Answer the first test requests each way. `context` is the longest prompt and answer the model takes, if known.

    Raises DataError when there are no test requests.
    """
    requests = list(islice(task.examples("test"), max(settings.examples, settings.batch)))
    if not requests:
        raise DataError("nothing to measure: the task has no test examples, and efficiency needs at least one")
    return _Measurement(task, renderer, answers, settings, requests, progress).carry_out(context)


class _Measurement:
    """The runs of one measurement, counted."""

    def __init__(
        self,
        task: Task,
        renderer: Renderer,
        answers: Answers,
        settings: EfficiencyConfig,
        requests: Sequence[Example],
        progress: Progress | None,
    ) -> None:
        self._task, self._renderer, self._answers, self._settings = task, renderer, answers, settings
        self._alone, self._together = requests[: settings.examples], requests[: settings.batch]
        self._progress = progress or (lambda done, total: None)
        self._ways = 2 if answers.no_cache else 3
        cases = len(self._alone) + len(settings.query_lengths) + (len(self._together) > 1)
        self._done, self._total = 0, cases * self._ways * (1 + settings.repeats)

    def carry_out(self, context: int | None) -> Measured:
        self._progress(0, self._total)
        alone = [self._time([request]) for request in self._alone]
        together = self._time(self._together) if len(self._together) > 1 else {}
        no_cache = self._answers.no_cache or self._nothing_kept(alone)
        points, left_out = [], []
        for added in self._settings.query_lengths:
            request = lengthened(self._alone[0], added, self._renderer)
            refusal = self._too_long(request, added, context)
            if refusal is None:
                points.append(self._point(added, request, cached=no_cache is None))
            else:
                left_out.append(refusal)
                self._tick(self._ways * (1 + self._settings.repeats))
        ways = (FREE, AWARE) if no_cache else (FREE, AWARE, CACHED)
        costs = {way: self._cost(way, [timings[way] for timings in alone], together.get(way)) for way in ways}
        return Measured(
            examples=len(self._alone),
            batch=len(self._together),
            costs={CACHED: None, **costs},
            no_cache=no_cache,
            points=points,
            left_out=left_out,
        )

    def _time(self, requests: Sequence[Example]) -> dict[str, Timing]:
        """The times of answering these requests together, each way."""
        aware = [self._prompt(request, AWARE) for request in requests]
        runs: dict[str, Run] = {
            FREE: self._answers.from_nothing([self._prompt(request, FREE) for request in requests]),
            AWARE: self._answers.from_nothing(aware),
        }
        if self._answers.no_cache is None:
            runs[CACHED] = self._answers.with_kept(aware, self._decoys(requests))
        return take_turns(runs, repeats=self._settings.repeats, tick=self._tick)

    def _decoys(self, requests: Sequence[Example]) -> list[Prompt]:
        """Two prompts with each of the requests' policies."""
        of_policy = {request.policy_name: request for request in reversed(requests)}
        return [
            self._prompt(replace(request, prompt=text, images=()), AWARE)
            for request in of_policy.values()
            for text in DECOYS
        ]

    def _prompt(self, request: Example, way: str) -> Prompt:
        return self._renderer.prompt(request, None if way == FREE else self._task.policy_of(request))

    def _tokens(self, request: Example, way: str) -> int:
        return len(self._renderer.prompt_ids(self._prompt(request, way)))

    def _point(self, added: int, request: Example, *, cached: bool) -> QueryPoint:
        timings = self._time([request])
        if not cached:
            timings.pop(CACHED, None)
        return query_point(
            added,
            {way: self._tokens(request, way) for way in timings},
            {way: timing.first_token for way, timing in timings.items()},
            {way: timing.total for way, timing in timings.items()},
        )

    def _too_long(self, request: Example, added: int, context: int | None) -> str | None:
        needed = self._tokens(request, AWARE) + self._settings.new_tokens
        if context is None or needed <= context:
            return None
        return f"+{added} tokens: prompt and answer take {needed:,} tokens and the model's context has {context:,}"

    def _nothing_kept(self, alone: Sequence[Mapping[str, Timing]]) -> str | None:
        if any(timings[CACHED].cached_tokens for timings in alone):
            return None
        return "the policy is too short: the prefix engine keeps no prefix of so few tokens"

    def _cost(self, way: str, alone: Sequence[Timing], together: Timing | None) -> PromptCost:
        tokens = [self._tokens(request, way) for request in self._alone]
        more = self._settings.new_tokens - 1
        batch = len(self._together)
        return PromptCost(
            mean_tokens=fmean(tokens),
            max_tokens=max(tokens),
            cached_tokens=fmean(timing.cached_tokens for timing in alone),
            prefill_seconds=fmean(timing.first_token for timing in alone),
            seconds_per_token=fmean((timing.total - timing.first_token) / more for timing in alone),
            latency_seconds=fmean(timing.total for timing in alone),
            requests_per_second=None if together is None else batch / together.total,
            batch_prefill_seconds=None if together is None else together.first_token / batch,
            batch_seconds_per_token=None
            if together is None
            else (together.total - together.first_token) / more / batch,
        )

    def _tick(self, runs: int = 1) -> None:
        self._done += runs
        self._progress(self._done, self._total)
