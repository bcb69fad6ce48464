"""Break-even of a whole run, as `break_even.json` holds it: what training cost, what requests save, when it has paid.

Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trimpi.evaluation.break_even import (
    SECONDS_PER_HOUR,
    ServingSeconds,
    break_even,
    in_words,
    over_hit_rates,
    over_updates,
    saved_by_seconds,
    saved_by_tokens,
)
from trimpi.evaluation.efficiency_result import EfficiencyResult, serving_seconds, within_noise
from trimpi.recipe import BreakEvenConfig

PER_TOKEN, ALONE, TOGETHER = "per_token", "own_machine", "own_machine_batch"
"""Who serves: a provider that charges tokens; a machine of one's own, a request at a time, or a batch of them."""

NOISE = " - but the seconds a request saves are within the measurement's noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What one stage cost: `hours` of all its processes together, None where an interrupted stage does not tell.

    Training counts whole; what is done beside it, as loading and saving, as long as the last attempt took for it.
    `flops` are estimated, None where a stage's manifest has none.
    """

    name: str
    hours: float | None
    flops: float | None


def training_seconds(manifest: Mapping[str, Any]) -> float | None:
    """Wall time of a complete stage's training, over all its attempts.

    Where those before the last did not log theirs, the last stands for their steps too; None if it trained none.
    """
    logged: float | None = manifest.get("training_seconds")
    if logged is not None:
        return logged
    steps, resumed_from = manifest["steps"], manifest.get("resumed_from", 0)
    return manifest["seconds"] * steps / (steps - resumed_from) if steps > resumed_from else None


def stage_cost(manifest: Mapping[str, Any]) -> StageCost:
    """From the manifest of a complete stage."""
    training = training_seconds(manifest)
    seconds = None if training is None else training + manifest.get("preparation_seconds", 0.0)
    return StageCost(
        name=manifest["name"],
        hours=None if seconds is None else seconds * manifest["processes"] / SECONDS_PER_HOUR,
        flops=manifest.get("cost", {}).get("estimated_flops", {}).get("total"),
    )


def break_even_report(
    assumed: BreakEvenConfig, efficiency: EfficiencyResult, stages: Sequence[StageCost]
) -> dict[str, Any]:
    """What `break_even.json` holds.

    `assumptions` as in the recipe; `measured` with the policy's tokens and the device; `stages` and `training_hours`,
    `training_cost`; `hours_unknown` names the stages whose time is not known and not in them. `ways` holds a result in
    numbers and words for every way to serve, with the points of two curves: `requests` by `cache_hit_rate`, and
    `requests_per_month_needed` by `updates_per_month`; `within_noise` says that the seconds saved, of requests alone,
    are no more than the measurement's noise. A way that was not measured is absent.
    """
    hours = sum(stage.hours for stage in stages if stage.hours is not None)
    training_cost = hours * assumed.gpu_hour_price
    ways: dict[str, Callable[[BreakEvenConfig], float]] = {
        PER_TOKEN: lambda assumed: saved_by_tokens(assumed, policy_tokens=efficiency.policy_tokens)
    }
    for name, batch in ((ALONE, False), (TOGETHER, True)):
        serving = serving_seconds(efficiency, batch=batch)
        if serving is not None:
            ways[name] = _by_seconds(serving)
    return {
        "assumptions": assumed.model_dump(mode="json"),
        "measured": {
            "policy_tokens": efficiency.policy_tokens,
            "device": efficiency.device,
            "batch": efficiency.batch,
            "no_cache": efficiency.no_cache,
        },
        "stages": [asdict(stage) for stage in stages],
        "training_hours": hours,
        "training_cost": training_cost,
        "hours_unknown": [stage.name for stage in stages if stage.hours is None],
        "ways": {
            name: _way(assumed, training_cost, saved, noise=name == ALONE and _is_noise(assumed, efficiency))
            for name, saved in ways.items()
        },
    }


def way_in_words(name: str, report: Mapping[str, Any]) -> str:
    """Who serves, of a way in the report."""
    return {
        PER_TOKEN: "paid by the token",
        ALONE: "own machine, a request at a time",
        TOGETHER: f"own machine, {report['measured']['batch']} together",
    }[name]


def assumptions_in_words(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the report rests on, as (name, text)."""
    assumed, measured = report["assumptions"], report["measured"]
    return [
        ("assumed as of", f"{assumed['as_of']} (evaluation.break_even in the recipe), in {assumed['currency']}"),
        (
            "a million tokens",
            f"{assumed['input_price']:g}, cached {assumed['cached_input_price']:g}, "
            f"written {assumed['output_price']:g}",
        ),
        (f"an hour of this machine ({measured['device']}) as a GPU's", f"{assumed['gpu_hour_price']:g}"),
        ("policy", f"{measured['policy_tokens']:,.0f} tokens, cached in {assumed['cache_hit_rate']:.0%} of requests"),
        (
            "tokens of an answer",
            f"{assumed['in_context_output_tokens']:g} in context, {assumed['internalized_output_tokens']:g} "
            "internalized",
        ),
        ("requests a month", f"{assumed['requests_per_month']:,.0f}"),
        ("updates of the policy a month", f"{assumed['updates_per_month']:g}"),
    ]


def _by_seconds(serving: ServingSeconds) -> Callable[[BreakEvenConfig], float]:
    return lambda assumed: saved_by_seconds(assumed, serving)


def _is_noise(assumed: BreakEvenConfig, efficiency: EfficiencyResult) -> bool:
    """Of the policy-aware way that most requests take: kept, or computed anew."""
    kept = efficiency.policy_cached is not None and assumed.cache_hit_rate > 0.5
    return within_noise(efficiency.intervals, "latency_saved_over_cached" if kept else "latency_saved")


def _way(
    assumed: BreakEvenConfig, training_cost: float, saved: Callable[[BreakEvenConfig], float], *, noise: bool
) -> dict[str, Any]:
    result = break_even(assumed, training_cost=training_cost, saved_per_request=saved(assumed))
    hit_rates = over_hit_rates(assumed, training_cost=training_cost, saved=saved)
    updates = over_updates(assumed, requests=result.requests)
    return {
        **asdict(result),
        "words": in_words(result, assumed) + (NOISE if noise else ""),
        "within_noise": noise,
        "over_cache_hit_rate": [asdict(point) for point in hit_rates],
        "over_updates_per_month": [asdict(point) for point in updates],
    }
