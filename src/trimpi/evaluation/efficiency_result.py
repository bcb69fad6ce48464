"""What prompts cost, as it lies on disk: `eval/NN/efficiency.json`. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from trimpi.errors import RunError
from trimpi.evaluation.break_even import RequestSeconds, ServingSeconds
from trimpi.evaluation.storage import read_json
from trimpi.evaluation.timing import Saving

Intervals = Mapping[str, tuple[float, float]]
"""95 % intervals of the shares saved of times, by their names."""
WAYS = ("policy_free", "policy_aware", "policy_cached")
SHARES = ("prefill_saved", "latency_saved", "prefill_saved_over_cached", "latency_saved_over_cached")
"""Shares saved of times."""
MATTERS = 0.05
"""The share saved below which the policy no longer matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCost:
    """The cost of one way to answer.

    Tokens are means and the maximum over the requests, `cached_tokens` those that need not be computed. Alone, at batch
    size 1: seconds until the first token's logits, for every token after it, and until the last of `new_tokens`.
    Together, in a batch: requests per second, with the seconds that each takes up of the batch's time; None where no
    batch was measured.
    """

    mean_tokens: float
    max_tokens: int
    cached_tokens: float
    prefill_seconds: float
    seconds_per_token: float
    latency_seconds: float
    requests_per_second: float | None
    batch_prefill_seconds: float | None
    batch_seconds_per_token: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPoint:
    """One request lengthened by `added` tokens: seconds by way, and the shares saved by leaving the policy out.

    `..._over_cached` are the shares saved of the cached way; None where there is none. `intervals` as in
    `EfficiencyResult`.
    """

    added: int
    tokens: Mapping[str, int]
    prefill_seconds: Mapping[str, float]
    latency_seconds: Mapping[str, float]
    tokens_saved: float
    prefill_saved: float
    latency_saved: float
    prefill_saved_over_cached: float | None
    latency_saved_over_cached: float | None
    intervals: Intervals = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyResult:
    """What the same requests cost policy-free, policy-aware, and policy-aware with the policy's prefix kept.

    `policy_cached` is None where no prefix is kept, and `no_cache` then says why. `..._saved` are shares of the
    policy-aware cost, `..._saved_over_cached` of the cached one; those of times are medians over pairs of runs of one
    round, with their 95 % `intervals` (`timing.Saving`), which older results lack. A request's seconds are medians over
    `repeats` rounds, those of its prefill over `prefill_repeats` (older results: over `repeats` too).
    `no_longer_matters` says for every such share from which added query length on it stays below 5 %: of tokens worked
    out, of the others the least of those measured; None: at none. `left_out` are lengths that were asked for and not
    measured, with the reason. `model_key` is a hash of what the model computes; "" where nobody knows.
    """

    model: str
    device: str
    dtype: str
    threads: int
    engine: str
    settings: Mapping[str, Any]
    examples: int
    repeats: int
    new_tokens: int
    batch: int
    policy_free: PromptCost
    policy_aware: PromptCost
    policy_cached: PromptCost | None
    no_cache: str | None
    tokens_saved: float
    prefill_saved: float
    latency_saved: float
    prefill_saved_over_cached: float | None
    latency_saved_over_cached: float | None
    query_lengths: Sequence[QueryPoint]
    no_longer_matters: Mapping[str, float | None]
    left_out: Sequence[str]
    prefill_repeats: int | None = None
    intervals: Intervals = field(default_factory=dict)
    model_key: str = ""

    @property
    def policy_tokens(self) -> float:
        """What the policy adds to a prompt."""
        return self.policy_aware.mean_tokens - self.policy_free.mean_tokens

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def shares_saved(costs: Mapping[str, PromptCost | None], savings: Mapping[str, Saving]) -> dict[str, Any]:
    """The shares that leaving the policy out saves, and their intervals, by their names in `EfficiencyResult`."""
    tokens = {way: cost.mean_tokens for way, cost in costs.items() if cost is not None}
    return _shares(tokens, savings)


def query_point(
    added: int,
    tokens: Mapping[str, int],
    prefill: Mapping[str, float],
    latency: Mapping[str, float],
    savings: Mapping[str, Saving],
) -> QueryPoint:
    """A point from what was measured each way."""
    return QueryPoint(
        added=added,
        tokens=tokens,
        prefill_seconds=prefill,
        latency_seconds=latency,
        **_shares(tokens, savings),
    )


def _shares(tokens: Mapping[str, float], savings: Mapping[str, Saving]) -> dict[str, Any]:
    return {
        "tokens_saved": 1 - tokens["policy_free"] / tokens["policy_aware"],
        **{name: savings[name].share if name in savings else None for name in SHARES},
        "intervals": {name: found.interval for name, found in savings.items()},
    }


def within_noise(intervals: Mapping[str, Sequence[float]], share: str) -> bool:
    """Whether the measurement does not tell a share saved from none; of older results, without intervals, it is taken
    as it is."""
    if share not in intervals:
        return False
    low, high = intervals[share]
    return low <= 0 <= high


def no_longer_matters(points: Sequence[QueryPoint]) -> dict[str, float | None]:
    """From which added query length on each share saved stays below `MATTERS`; see `EfficiencyResult`."""
    lengths: dict[str, float | None] = {share: _from(points, share) for share in SHARES}
    if points:
        free, aware = points[0].tokens["policy_free"], points[0].tokens["policy_aware"]
        lengths["tokens_saved"] = max(0.0, (aware - free) / MATTERS - aware + points[0].added)
    return lengths


def _from(points: Sequence[QueryPoint], share: str) -> int | None:
    length = None
    for point in reversed(points):
        value = getattr(point, share)
        if value is None or value >= MATTERS:
            break
        length = point.added
    return length


def serving_seconds(result: EfficiencyResult, *, batch: bool) -> ServingSeconds | None:
    """The measured seconds of a request alone, or in the batch; None where that was not measured."""
    costs = {way: getattr(result, way) for way in WAYS}
    seconds = {way: None if cost is None else _seconds(cost, batch=batch) for way, cost in costs.items()}
    free, aware = seconds["policy_free"], seconds["policy_aware"]
    if free is None or aware is None:
        return None
    return ServingSeconds(policy_free=free, policy_aware=aware, policy_cached=seconds["policy_cached"])


def _seconds(cost: PromptCost, *, batch: bool) -> RequestSeconds | None:
    if not batch:
        return RequestSeconds(prefill=cost.prefill_seconds, per_token=cost.seconds_per_token)
    if cost.batch_prefill_seconds is None or cost.batch_seconds_per_token is None:
        return None
    return RequestSeconds(prefill=cost.batch_prefill_seconds, per_token=cost.batch_seconds_per_token)


def load_efficiency(path: Path) -> EfficiencyResult:
    """Read efficiency.json. Raises RunError naming the file and the missing keys."""
    data = read_json(path)
    needed = {known.name for known in fields(EfficiencyResult) if known.default_factory is known.default is MISSING}
    missing = sorted(needed - set(data))
    if missing:
        raise RunError(f"{path} lacks {', '.join(missing)}: delete it and measure again")
    costs = {way: None if data[way] is None else PromptCost(**data[way]) for way in WAYS}
    points = [QueryPoint(**{**point, "intervals": _intervals(point)}) for point in data["query_lengths"]]
    return EfficiencyResult(**{**data, **costs, "query_lengths": points, "intervals": _intervals(data)})


def _intervals(data: Mapping[str, Any]) -> Intervals:
    return {share: (low, high) for share, (low, high) in data.get("intervals", {}).items()}
