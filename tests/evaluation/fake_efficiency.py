"""A measurement of efficiency that nobody had to wait for."""

from __future__ import annotations

from typing import Any

from trimpi.evaluation.efficiency_result import EfficiencyResult, PromptCost, shares_saved
from trimpi.evaluation.timing import Saving

SAVINGS = {
    "prefill_saved": Saving(share=0.8, interval=(0.78, 0.82)),
    "latency_saved": Saving(share=0.3, interval=(0.2, 0.4)),
    "prefill_saved_over_cached": Saving(share=0.5, interval=(0.4, 0.6)),
    "latency_saved_over_cached": Saving(share=0.1, interval=(-0.1, 0.2)),
}


def make_cost(**changes: Any) -> PromptCost:
    cost: dict[str, Any] = {
        "mean_tokens": 100.0,
        "max_tokens": 110,
        "cached_tokens": 0.0,
        "prefill_seconds": 0.1,
        "seconds_per_token": 0.01,
        "latency_seconds": 0.73,
        "requests_per_second": 10.0,
        "batch_prefill_seconds": 0.02,
        "batch_seconds_per_token": 0.001,
    }
    return PromptCost(**{**cost, **changes})


def make_efficiency(**changes: Any) -> EfficiencyResult:
    """A policy of 900 tokens: 0.5 s of prefill, 0.2 s where it is kept, 0.1 s without it."""
    costs = {
        "policy_free": make_cost(),
        "policy_aware": make_cost(mean_tokens=1000.0, prefill_seconds=0.5, batch_prefill_seconds=0.1),
        "policy_cached": make_cost(
            mean_tokens=1000.0, prefill_seconds=0.2, batch_prefill_seconds=0.04, cached_tokens=890.0
        ),
    }
    result: dict[str, Any] = {
        "model": "nano",
        "device": "cpu",
        "dtype": "float32",
        "threads": 1,
        "engine": "prefix",
        "settings": {},
        "examples": 2,
        "repeats": 3,
        "new_tokens": 64,
        "batch": 16,
        **costs,
        "no_cache": None,
        **shares_saved(costs, SAVINGS),
        "prefill_repeats": 15,
        "query_lengths": [],
        "no_longer_matters": {},
        "left_out": [],
    }
    return EfficiencyResult(**{**result, **changes})
