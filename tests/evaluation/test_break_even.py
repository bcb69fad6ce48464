from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimpi.evaluation.break_even import (
    BreakEven,
    RequestSeconds,
    ServingSeconds,
    break_even,
    in_words,
    over_hit_rates,
    over_updates,
    saved_by_seconds,
    saved_by_tokens,
)
from trimpi.recipe import BreakEvenConfig

SERVING = ServingSeconds(
    policy_free=RequestSeconds(prefill=0.1, per_token=0.01),
    policy_aware=RequestSeconds(prefill=0.5, per_token=0.02),
    policy_cached=RequestSeconds(prefill=0.2, per_token=0.02),
)


def assume(**changes: Any) -> BreakEvenConfig:
    """Round numbers: 1 for a million input tokens, nothing else is paid, no policy changes."""
    round_numbers = {
        "input_price": 1.0,
        "cached_input_price": 0.0,
        "output_price": 0.0,
        "gpu_hour_price": 3600.0,
        "cache_hit_rate": 0.0,
        "in_context_output_tokens": 1,
        "internalized_output_tokens": 1,
        "requests_per_month": 1000.0,
        "updates_per_month": 0.0,
    }
    return BreakEvenConfig(**{**round_numbers, **changes})


def test_a_policy_of_a_thousand_tokens_at_one_a_million_saves_a_thousandth() -> None:
    assert saved_by_tokens(assume(), policy_tokens=1000) == pytest.approx(0.001)


def test_cached_tokens_save_what_they_cost() -> None:
    assumed = assume(cached_input_price=0.25, cache_hit_rate=0.8)
    # 1000 x (0.2 x 1 + 0.8 x 0.25) / 1e6
    assert saved_by_tokens(assumed, policy_tokens=1000) == pytest.approx(0.0004)


def test_longer_answers_without_the_policy_take_from_the_savings() -> None:
    assumed = assume(output_price=10.0, in_context_output_tokens=100, internalized_output_tokens=150)
    # 1000 x 1 / 1e6 - 50 x 10 / 1e6
    assert saved_by_tokens(assumed, policy_tokens=1000) == pytest.approx(0.0005)


@pytest.mark.parametrize(("hit_rate", "saved"), [(0.0, 0.4), (0.5, 0.25), (1.0, 0.1)])
def test_a_machine_of_ones_own_saves_seconds(hit_rate: float, saved: float) -> None:
    """A second costs 1; one token an answer is the prefill's own."""
    assert saved_by_seconds(assume(cache_hit_rate=hit_rate), SERVING) == pytest.approx(saved)


def test_seconds_count_every_token_after_the_first() -> None:
    assumed = assume(in_context_output_tokens=11, internalized_output_tokens=21)
    # 0.5 + 10 x 0.02 - (0.1 + 20 x 0.01)
    assert saved_by_seconds(assumed, SERVING) == pytest.approx(0.4)


def test_where_nothing_is_kept_nothing_hits() -> None:
    serving = ServingSeconds(policy_free=SERVING.policy_free, policy_aware=SERVING.policy_aware, policy_cached=None)
    assert saved_by_seconds(assume(cache_hit_rate=1.0), serving) == pytest.approx(0.4)


def test_a_training_is_paid_by_whole_requests() -> None:
    assert asdict(break_even(assume(), training_cost=0.3, saved_per_request=0.1)) == {
        "training_cost": 0.3,
        "saved_per_request": 0.1,
        "requests": 3,
        "months": 0.003,
        "most_updates_per_month": pytest.approx(1000 / 3),
        "never": None,
    }
    assert break_even(assume(), training_cost=0.31, saved_per_request=0.1).requests == 4


def test_it_pays_while_the_requests_between_two_updates_are_enough() -> None:
    """500 requests pay; at 1,000 a month that leaves two updates."""
    just = break_even(assume(updates_per_month=2.0), training_cost=50.0, saved_per_request=0.1)
    assert (just.requests, just.months, just.most_updates_per_month, just.never) == (500, 0.5, 2.0, None)
    late = break_even(assume(updates_per_month=2.5), training_cost=50.0, saved_per_request=0.1)
    assert (late.requests, late.months) == (500, None)
    assert late.never == (
        "the policy changes before training has paid, which takes 500 requests: at 2.5 updates a month only 400 come "
        "between two"
    )


def test_a_request_that_saves_nothing_never_pays() -> None:
    nothing = break_even(assume(), training_cost=1.0, saved_per_request=0.0)
    assert (nothing.requests, nothing.months, nothing.most_updates_per_month) == (None, None, None)
    assert nothing.never == "a request costs the same without the policy"
    dearer = break_even(assume(), training_cost=1.0, saved_per_request=-0.0005)
    assert dearer.never == "a request costs 0.0005 USD more without the policy"


def test_words_say_when_it_pays_and_until_which_rate_of_updates() -> None:
    assumed = assume(requests_per_month=100_000.0, updates_per_month=1.0)
    result = break_even(assumed, training_cost=41.2, saved_per_request=0.001)
    assert in_words(result, assumed) == (
        "pays after 41,200 requests, 0.4 months at 100,000 a month; never if more than 2.4 updates a month"
    )
    assert in_words(break_even(assumed, training_cost=1.0, saved_per_request=0.0), assumed).startswith("never: ")


def test_the_curve_over_hit_rates_ends_where_nothing_is_saved() -> None:
    def saved(assumed: BreakEvenConfig) -> float:
        return saved_by_tokens(assumed, policy_tokens=1000)

    points = over_hit_rates(assume(), training_cost=1.0, saved=saved)
    requests = {point.cache_hit_rate: point.requests for point in points}
    # Cached tokens cost nothing: 1 / (0.001 x (1 - hit rate)) requests
    assert (requests[0.0], requests[0.5], requests[0.75], requests[1.0]) == (1000, 2000, 4000, None)


def test_the_curve_over_updates_asks_for_as_many_requests_before_each() -> None:
    points = {point.updates_per_month: point for point in over_updates(assume(), requests=500)}
    assert (points[0.0].requests_per_month_needed, points[2.0].requests_per_month_needed) == (0, 1000)
    assert (points[2.0].pays, points[3.0].pays) == (True, False)
    assert not any(point.pays for point in over_updates(assume(), requests=None))


NUMBERS = st.floats(min_value=0.01, max_value=1000)
SHARES = st.floats(min_value=0, max_value=1)
ASSUMPTIONS = st.builds(
    lambda low, more, **others: assume(cached_input_price=low, input_price=low + more, **others),
    NUMBERS,
    NUMBERS,
    output_price=NUMBERS,
    gpu_hour_price=NUMBERS,
    cache_hit_rate=SHARES,
    in_context_output_tokens=NUMBERS,
    internalized_output_tokens=NUMBERS,
    requests_per_month=NUMBERS,
    updates_per_month=NUMBERS,
)
EARLIER = {
    "input_price": 1,
    "cached_input_price": 1,
    "in_context_output_tokens": 1,
    "requests_per_month": 1,
    "cache_hit_rate": -1,
    "internalized_output_tokens": -1,
    "updates_per_month": -1,
}
"""Which way each assumption moves the end: 1, more of it pays earlier; -1, later."""
LATEST = float("inf")


def months(assumed: BreakEvenConfig, *, policy_tokens: float = 1000.0, training_cost: float = 1.0) -> float:
    saved = saved_by_tokens(assumed, policy_tokens=policy_tokens)
    result: BreakEven = break_even(assumed, training_cost=training_cost, saved_per_request=saved)
    return LATEST if result.months is None else result.months


@pytest.mark.parametrize("name", EARLIER)
@given(assumed=ASSUMPTIONS, factor=st.floats(min_value=1, max_value=10))
def test_every_assumption_moves_the_end_one_way(name: str, assumed: BreakEvenConfig, factor: float) -> None:
    value = getattr(assumed, name)
    more = value + (1 - value) * (1 - 1 / factor) if name == "cache_hit_rate" else value * factor
    changed = assumed.model_copy(update={name: more})
    first, second = months(assumed), months(changed)
    assert first == pytest.approx(second, rel=1e-9) or (first > second) == (EARLIER[name] == 1)


@given(assumed=ASSUMPTIONS, factor=st.floats(min_value=1, max_value=10))
def test_a_longer_policy_pays_earlier_and_a_dearer_training_later(assumed: BreakEvenConfig, factor: float) -> None:
    assert months(assumed, policy_tokens=1000 * factor) <= months(assumed)
    assert months(assumed, training_cost=factor) >= months(assumed)


@given(assumed=ASSUMPTIONS, factor=st.floats(min_value=1, max_value=10))
def test_on_a_machine_of_ones_own_its_price_cancels_out(assumed: BreakEvenConfig, factor: float) -> None:
    """Training and serving are paid by the hour, so that hours are all that counts."""
    dearer = assumed.model_copy(update={"gpu_hour_price": assumed.gpu_hour_price * factor})
    one, other = (
        break_even(given, training_cost=2 * given.gpu_hour_price, saved_per_request=saved_by_seconds(given, SERVING))
        for given in (assumed, dearer)
    )
    assert (one.requests or 0) == pytest.approx(other.requests or 0, abs=1, rel=1e-9)
