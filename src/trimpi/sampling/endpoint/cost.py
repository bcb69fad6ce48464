"""What calls to an endpoint would take, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from trimpi.rendering.prompts import Prompt

SAMPLED_PROMPTS = 16
"""About so many prompts of a kind are counted; all others are taken for their mean."""

TokensOf = Callable[[Prompt], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """So many calls, and their tokens: of prompts about, as `TokensOf` counts them, of replies at their longest."""

    number: int
    prompt_tokens: int
    written_tokens: int


def estimate_calls(prompts: Sequence[Prompt], *, number: int, longest: int, tokens_of: TokensOf) -> Calls:
    """`number` calls with prompts like these, whose replies have `longest` tokens at most."""
    sampled = prompts[:: max(1, len(prompts) // SAMPLED_PROMPTS)]
    mean = fmean(map(tokens_of, sampled)) if sampled else 0.0
    return Calls(number=number, prompt_tokens=round(number * mean), written_tokens=number * longest)
