"""Choosing the next token from uniform draws made beforehand, so that no row depends on the batch it is sampled in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from transformers import LogitsProcessor


def uniform_draws(seeds: Sequence[int], count: int) -> torch.Tensor:
    """One row of `count` draws in [0, 1) per seed: (rows, count), float64, on the CPU."""
    return torch.stack(
        [torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def choose(log_probs: torch.Tensor, draws: torch.Tensor, *, top_p: float = 1.0) -> torch.Tensor:
    """Invert the cumulative distribution at `draws`.

    log_probs: (rows, vocabulary), need not be normalised; draws: (rows,) in [0, 1). Returns token ids (rows,). With
    `top_p` below 1 only the smallest set of most likely tokens whose probability reaches it can be chosen.
    """
    probs = log_probs.double().softmax(-1)
    if top_p < 1:
        probs = _nucleus(probs, top_p)
    cumulative = probs.cumsum(-1)
    total = cumulative[:, -1:]
    # right=True finds the first token whose cumulative probability exceeds the target: never one of probability zero.
    target = torch.minimum(draws[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulative, target, right=True).squeeze(-1)


def _nucleus(probs: torch.Tensor, top_p: float) -> torch.Tensor:
    ordered, order = probs.sort(dim=-1, descending=True)
    dropped = ordered.cumsum(-1) - ordered >= top_p
    return torch.zeros_like(probs).scatter(-1, order, ordered.masked_fill(dropped, 0.0))


class TokenChoice:
    """The next tokens under sampling settings; `suppressed` token ids are never chosen."""

    def __init__(self, *, temperature: float, top_p: float, suppressed: Iterable[int]) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._suppressed = torch.tensor(sorted(suppressed), dtype=torch.long)

    def __call__(self, logits: torch.Tensor, draws: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """logits (rows, vocabulary), draws (rows,) or None if greedy -> token ids and log-probabilities, (rows,) each.

        Log-probabilities are under temperature alone (1 when greedy), before nucleus and suppression, as trainers score
        them.
        """
        log_probs = (logits.float() / (self._temperature or 1.0)).log_softmax(-1)
        allowed = log_probs.index_fill(-1, self._suppressed.to(logits.device), -torch.inf)
        chosen = allowed.argmax(-1) if draws is None else choose(allowed, draws, top_p=self._top_p)
        return chosen, log_probs.gather(-1, chosen[:, None]).squeeze(-1)


class SeededChoice(LogitsProcessor):
    """Makes `generate` take the tokens that the rows' seeds choose, and keeps their log-probabilities.

    It leaves one token possible per row, so whatever `generate` draws afterwards changes nothing. `log_probs` collects
    one (rows,) tensor per step. `draws` (rows, steps), or None when greedy.
    """

    def __init__(self, choice: TokenChoice, draws: torch.Tensor | None) -> None:
        self._choice = choice
        self._draws = draws
        self.log_probs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        draws = None if self._draws is None else self._draws[:, len(self.log_probs)]
        chosen, log_probs = self._choice(scores, draws)
        self.log_probs.append(log_probs)
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen[:, None], 0.0)
