"""How far policy-aware completions are from what the model writes without the policy. Pure, torch-free.

PolicyRollout trains on them without importance weights: exact weights would remove its gain. These numbers say how
large the difference is that it leaves uncorrected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfWeights:
    """Sums over policy-aware completions, which add up over processes.

    `weights` and `squares` are of the sequences' importance weights, pi(y | x) / pi(y | x, policy); `kept` sums
    min(1, ratio) over tokens.
    """

    sequences: float = 0.0
    weights: float = 0.0
    squares: float = 0.0
    tokens: float = 0.0
    kept: float = 0.0

    def statistics(self) -> dict[str, float]:
        """`policy_aware_ess`: effective sample size as a share of the completions. `policy_aware_overlap`: the mean
        over tokens of min(1, ratio), which is 1 where both prompts give the same distribution. None without tokens.
        """
        if not self.tokens:
            return {}
        ess = self.weights**2 / (self.sequences * self.squares) if self.squares else 0.0
        return {"policy_aware_ess": ess, "policy_aware_overlap": self.kept / self.tokens}


def half_weights(policy_free: Sequence[Sequence[float]], policy_aware: Sequence[Sequence[float]]) -> HalfWeights:
    """From the completions' token log-probabilities under both prompts."""
    weights, kept, tokens = [], 0.0, 0
    for free, aware in zip(policy_free, policy_aware, strict=True):
        ratios = [without - within for without, within in zip(free, aware, strict=True)]
        weights.append(math.exp(min(sum(ratios), 300.0)))
        kept += sum(math.exp(min(ratio, 0.0)) for ratio in ratios)
        tokens += len(ratios)
    return HalfWeights(
        sequences=float(len(weights)),
        weights=sum(weights),
        squares=sum(weight**2 for weight in weights),
        tokens=float(tokens),
        kept=kept,
    )
