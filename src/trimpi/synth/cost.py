"""What a round costs at most, before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimpi.recipe import SynthConfig
from trimpi.rendering.prompts import Prompt
from trimpi.sampling.endpoint.cost import TokensOf, estimate_calls


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
    asked = estimate_calls(writing, number=len(writing) - paid, longest=config.max_new_tokens, tokens_of=tokens_of)
    checks = estimate_calls(
        checking, number=requests * config.samples, longest=config.answer_tokens, tokens_of=tokens_of
    )
    return Cost(
        calls=len(writing),
        paid=paid,
        checks=checks.number,
        prompt_tokens=asked.prompt_tokens + checks.prompt_tokens,
        written_tokens=asked.written_tokens + checks.written_tokens,
    )


def price_of(prompt_tokens: int, written_tokens: int, config: SynthConfig) -> float | None:
    """In the recipe's currency; None where the recipe has no prices."""
    if config.input_price is None or config.output_price is None:
        return None
    return (prompt_tokens * config.input_price + written_tokens * config.output_price) / 1e6
