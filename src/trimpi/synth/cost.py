"""What a round costs at most, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from trimpi.recipe import SynthConfig
from trimpi.rendering.prompts import Prompt

SAMPLED_PROMPTS = 16
"""About so many prompts of either kind are counted; all others are taken for their mean."""

TokensOf = Callable[[Prompt], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`calls` write requests, of which `paid` were answered before; `checks` answer them, at most. Tokens are those
    still to be asked for: prompts as the recipe's model counts them, texts at their longest.
    """

    calls: int
    paid: int
    checks: int
    prompt_tokens: int
    written_tokens: int


def estimate(
    writing: Sequence[Prompt],
    checking: Sequence[Prompt],
    config: SynthConfig,
    *,
    requests: int,
    paid: int,
    tokens_of: TokensOf,
) -> Cost:
    """`writing` are the round's calls, `checking` prompts like those that answer its `requests`."""
    checks = requests * config.samples
    asked = len(writing) - paid
    return Cost(
        calls=len(writing),
        paid=paid,
        checks=checks,
        prompt_tokens=round(asked * _mean(writing, tokens_of) + checks * _mean(checking, tokens_of)),
        written_tokens=asked * config.max_new_tokens + checks * config.answer_tokens,
    )


def price_of(prompt_tokens: int, written_tokens: int, config: SynthConfig) -> float | None:
    """In the recipe's currency; None where the recipe has no prices."""
    if config.input_price is None or config.output_price is None:
        return None
    return (prompt_tokens * config.input_price + written_tokens * config.output_price) / 1e6


def _mean(prompts: Sequence[Prompt], tokens_of: TokensOf) -> float:
    sampled = prompts[:: max(1, len(prompts) // SAMPLED_PROMPTS)]
    return fmean(map(tokens_of, sampled)) if sampled else 0.0
