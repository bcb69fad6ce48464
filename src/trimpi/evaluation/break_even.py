"""When training has paid: what a request saves against what a training costs. Pure, torch-free.

One training costs C and a request without the policy saves s, so C / s requests pay for it. Every update of the policy
asks for another training, and only the requests until the next update pay for it: with u updates and r requests a month
it pays if r / u is at least C / s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from trimpi.recipe import BreakEvenConfig

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600
HIT_RATES = tuple(step / 20 for step in range(21))
UPDATES = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 8.0, 12.0, 30.0)
"""Where the curves are drawn."""
LEAST_SAVED = 1e-15
"""Of a training's cost: a request that saves less saves nothing."""
ROUNDING = 1e-12
"""Of a quotient: 0.3 / 0.1 asks for three requests, whatever the last bit says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """When a training has paid. `requests` pay for one training, and for every later one after an update.

    `months` is how long they take; None where it never pays, and `never` then says why. Above `most_updates_per_month`
    it does not pay at this request rate. Costs are in the currency of the assumptions.
    """

    training_cost: float
    saved_per_request: float
    requests: int | None
    months: float | None
    most_updates_per_month: float | None
    never: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeconds:
    """How long a request keeps a machine busy: until its first token, and for every token after it."""

    prefill: float
    per_token: float

    def of(self, tokens: float) -> float:
        """Seconds of a request that is answered with so many tokens."""
        return self.prefill + self.per_token * max(tokens - 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSeconds:
    """Measured seconds of a request in each way; `policy_cached` None where no prefix is kept."""

    policy_free: RequestSeconds
    policy_aware: RequestSeconds
    policy_cached: RequestSeconds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRatePoint:
    """The requests that pay for a training at one cache hit rate; None: none do."""

    cache_hit_rate: float
    requests: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesPoint:
    """The request rate from which training pays at one rate of updates, None: at none; whether the assumed one does."""

    updates_per_month: float
    requests_per_month_needed: float | None
    pays: bool


def saved_by_tokens(assumed: BreakEvenConfig, *, policy_tokens: float) -> float:
    """What a request saves where tokens are paid for: the policy's input tokens, and the difference in output."""
    hit = assumed.cache_hit_rate
    input_price = (1 - hit) * assumed.input_price + hit * assumed.cached_input_price
    output_tokens = assumed.in_context_output_tokens - assumed.internalized_output_tokens
    return (policy_tokens * input_price + output_tokens * assumed.output_price) / MILLION


def saved_by_seconds(assumed: BreakEvenConfig, serving: ServingSeconds) -> float:
    """What a request saves on a machine of one's own, by its measured seconds; where nothing is kept, nothing hits."""
    hit = 0.0 if serving.policy_cached is None else assumed.cache_hit_rate
    kept = serving.policy_cached or serving.policy_aware
    tokens = assumed.in_context_output_tokens
    in_context = (1 - hit) * serving.policy_aware.of(tokens) + hit * kept.of(tokens)
    saved = in_context - serving.policy_free.of(assumed.internalized_output_tokens)
    return saved * assumed.gpu_hour_price / SECONDS_PER_HOUR


def break_even(assumed: BreakEvenConfig, *, training_cost: float, saved_per_request: float) -> BreakEven:
    """When trainings of this cost have paid, at the assumed rates of requests and updates."""
    rate, updates = assumed.requests_per_month, assumed.updates_per_month
    if saved_per_request <= LEAST_SAVED * training_cost:
        return BreakEven(
            training_cost=training_cost,
            saved_per_request=saved_per_request,
            requests=None,
            months=None,
            most_updates_per_month=None,
            never=_saves_nothing(assumed, saved_per_request),
        )
    requests = max(1, ceil(training_cost / saved_per_request * (1 - ROUNDING)))
    in_time = updates * requests <= rate
    return BreakEven(
        training_cost=training_cost,
        saved_per_request=saved_per_request,
        requests=requests,
        months=requests / rate if in_time else None,
        most_updates_per_month=rate / requests,
        never=None if in_time else _too_late(assumed, requests),
    )


def over_hit_rates(
    assumed: BreakEvenConfig, *, training_cost: float, saved: Callable[[BreakEvenConfig], float]
) -> list[HitRatePoint]:
    """The requests that pay for a training by how often the policy is found in a cache.

    `saved` is what a request saves under assumptions: they differ in their cache_hit_rate.
    """
    points = []
    for hit_rate in HIT_RATES:
        changed = assumed.model_copy(update={"cache_hit_rate": hit_rate})
        result = break_even(changed, training_cost=training_cost, saved_per_request=saved(changed))
        points.append(HitRatePoint(cache_hit_rate=hit_rate, requests=result.requests))
    return points


def over_updates(assumed: BreakEvenConfig, *, requests: int | None) -> list[UpdatesPoint]:
    """The request rate it takes by how often the policy changes, when so many `requests` pay for a training."""
    return [
        UpdatesPoint(
            updates_per_month=updates,
            requests_per_month_needed=None if requests is None else updates * requests,
            pays=requests is not None and updates * requests <= assumed.requests_per_month,
        )
        for updates in UPDATES
    ]


def in_words(result: BreakEven, assumed: BreakEvenConfig) -> str:
    """The result in one line."""
    if result.never is not None:
        return f"never: {result.never}"
    rate = f"{assumed.requests_per_month:,.0f} a month"
    return (
        f"pays after {result.requests:,} requests, {_months(result.months)} at {rate}; "
        f"never if more than {_rate(result.most_updates_per_month)} updates a month"
    )


def _saves_nothing(assumed: BreakEvenConfig, saved: float) -> str:
    if saved >= 0:
        return "a request costs the same without the policy"
    return f"a request costs {-saved:.2g} {assumed.currency} more without the policy"


def _too_late(assumed: BreakEvenConfig, requests: int) -> str:
    between = assumed.requests_per_month / assumed.updates_per_month
    return (
        f"the policy changes before training has paid, which takes {requests:,} requests: at "
        f"{assumed.updates_per_month:g} updates a month only {between:,.0f} come between two"
    )


def _months(months: float | None) -> str:
    if months is None or months >= 0.1:
        return f"{months:,.1f} months"
    return "less than a tenth of a month"


def _rate(updates: float | None) -> str:
    return f"{updates:.2g}" if updates is not None and updates < 10 else f"{updates:,.0f}"
