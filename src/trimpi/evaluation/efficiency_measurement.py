"""Which prompts are answered for the measurement of efficiency, and what their times say. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean, median
from typing import TYPE_CHECKING

from trimpi.errors import DataError
from trimpi.evaluation.efficiency_result import PromptCost, QueryPoint, query_point
from trimpi.evaluation.filler import lengthened
from trimpi.evaluation.timing import Answers, Run, Saving, Timing, saving, take_turns
from trimpi.recipe import EfficiencyConfig
from trimpi.tasks.base import Task
from trimpi.types import Example

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer

Progress = Callable[[int, int], None]

FREE, AWARE, CACHED = "policy_free", "policy_aware", "policy_cached"
PREFILLS = 5
"""A prefill is a small part of an answer and its time varies as much: it is measured so many times as often."""
DECOYS = ("A", "B")
"""Two requests that have nothing in common: their prompts share the policy, with what stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured. `costs` holds all three ways, the cached one None where `no_cache` says why.

    `savings` are those of the policy-free way, by their names in `EfficiencyResult`. `prefill_repeats` is the least
    number of rounds that a request's prefill was measured in. `batch` is how many requests were answered together: as
    many as asked for, or as there are.
    """

    examples: int
    batch: int
    prefill_repeats: int
    costs: Mapping[str, PromptCost | None]
    savings: Mapping[str, Saving]
    no_cache: str | None
    points: Sequence[QueryPoint]
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Requests answered together, by way and round: until the first token, and whole answers.

    Rounds are numbered alike in all ways, so runs of one number are a pair.
    """

    prefills: Mapping[str, Sequence[Timing]]
    answers: Mapping[str, Sequence[Timing]]

    @property
    def cached_tokens(self) -> Mapping[str, int]:
        return {way: timings[0].cached_tokens for way, timings in self.prefills.items()}

    @property
    def prefill(self) -> Mapping[str, float]:
        return {way: median(timing.first_token for timing in timings) for way, timings in self.prefills.items()}

    @property
    def latency(self) -> Mapping[str, float]:
        return {way: median(timing.total for timing in timings) for way, timings in self.answers.items()}

    @property
    def written(self) -> Mapping[str, float]:
        """Seconds from the first token to the last."""
        return {
            way: median(timing.total - timing.first_token for timing in timings)
            for way, timings in self.answers.items()
        }

    def without(self, way: str) -> Case:
        prefills, answers = dict(self.prefills), dict(self.answers)
        prefills.pop(way, None), answers.pop(way, None)
        return Case(prefills=prefills, answers=answers)


def savings_of(cases: Sequence[Case]) -> dict[str, Saving]:
    """What the policy-free way saves of the others, from the pairs of all the cases."""
    found = {}
    for way, suffix in ((AWARE, ""), (CACHED, "_over_cached")):
        if way not in cases[0].answers:
            continue
        prefills = [(case.prefills[FREE], case.prefills[way]) for case in cases]
        answers = [(case.answers[FREE], case.answers[way]) for case in cases]
        found[f"prefill_saved{suffix}"] = saving(
            [timing.first_token for free, _ in prefills for timing in free],
            [timing.first_token for _, paid in prefills for timing in paid],
        )
        found[f"latency_saved{suffix}"] = saving(
            [timing.total for free, _ in answers for timing in free],
            [timing.total for _, paid in answers for timing in paid],
        )
    return found


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
        cases = len(self._alone) + len(settings.query_lengths) + (len(self._together) > 1)
        self._done, self._total = 0, cases * self._rounds

    def carry_out(self, context: int | None) -> Measured:
        self._progress(0, self._total)
        alone = [self._time([request]) for request in self._alone]
        together = self._time(self._together) if len(self._together) > 1 else None
        no_cache = self._answers.no_cache or self._nothing_kept(alone)
        points, left_out = [], []
        for added in self._settings.query_lengths:
            request = lengthened(self._alone[0], added, self._renderer)
            refusal = self._too_long(request, added, context)
            if refusal is None:
                points.append(self._point(added, request, cached=no_cache is None))
            else:
                left_out.append(refusal)
                self._tick(self._rounds)
        if no_cache:
            alone = [case.without(CACHED) for case in alone]
        ways = (FREE, AWARE) if no_cache else (FREE, AWARE, CACHED)
        costs = {way: self._cost(way, alone, together) for way in ways}
        return Measured(
            examples=len(self._alone),
            batch=len(self._together),
            prefill_repeats=min(len(case.prefills[FREE]) for case in alone),
            savings=savings_of(alone),
            costs={CACHED: None, **costs},
            no_cache=no_cache,
            points=points,
            left_out=left_out,
        )

    @property
    def _rounds(self) -> int:
        """What a case counts in the progress: its answers' rounds, and all those of its prefills as one."""
        return 2 + self._settings.repeats

    def _time(self, requests: Sequence[Example]) -> Case:
        """The times of answering these requests together, each way."""
        aware = [self._prompt(request, AWARE) for request in requests]
        runs: dict[str, Run] = {
            FREE: self._answers.from_nothing([self._prompt(request, FREE) for request in requests]),
            AWARE: self._answers.from_nothing(aware),
        }
        if self._answers.no_cache is None:
            runs[CACHED] = self._answers.with_kept(aware, self._decoys(requests))
        repeats = self._settings.repeats
        prefills = take_turns(runs, 1, repeats=repeats, most=PREFILLS * repeats, tick=lambda: None)
        self._tick()
        answers = take_turns(runs, self._settings.new_tokens, repeats=repeats, tick=self._tick)
        return Case(prefills=prefills, answers=answers)

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
        case = self._time([request])
        if not cached:
            case = case.without(CACHED)
        tokens = {way: self._tokens(request, way) for way in case.answers}
        return query_point(added, tokens, case.prefill, case.latency, savings_of([case]))

    def _too_long(self, request: Example, added: int, context: int | None) -> str | None:
        needed = self._tokens(request, AWARE) + self._settings.new_tokens
        if context is None or needed <= context:
            return None
        return f"+{added} tokens: prompt and answer take {needed:,} tokens and the model's context has {context:,}"

    def _nothing_kept(self, alone: Sequence[Case]) -> str | None:
        if any(case.cached_tokens[CACHED] for case in alone):
            return None
        return "the policy is too short: the prefix engine keeps no prefix of so few tokens"

    def _cost(self, way: str, alone: Sequence[Case], together: Case | None) -> PromptCost:
        tokens = [self._tokens(request, way) for request in self._alone]
        more = self._settings.new_tokens - 1
        batch = len(self._together)
        return PromptCost(
            mean_tokens=fmean(tokens),
            max_tokens=max(tokens),
            cached_tokens=fmean(case.cached_tokens[way] for case in alone),
            prefill_seconds=fmean(case.prefill[way] for case in alone),
            seconds_per_token=fmean(case.written[way] / more for case in alone),
            latency_seconds=fmean(case.latency[way] for case in alone),
            requests_per_second=None if together is None else batch / together.latency[way],
            batch_prefill_seconds=None if together is None else together.prefill[way] / batch,
            batch_seconds_per_token=None if together is None else together.written[way] / more / batch,
        )

    def _tick(self, runs: int = 1) -> None:
        self._done += runs
        self._progress(self._done, self._total)
