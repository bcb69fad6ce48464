"""The policy in the prompt as a teacher of every token: the stage's input model, frozen and policy-aware.

Its prompts may differ from the model's in images, too: a policy brings its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from trimpi.errors import ModelError
from trimpi.prefix.training import labelled_states
from trimpi.recipe import ReweightingTeacher
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer

TOKENS_AT_ONCE = 512
"""Logits over the whole vocabulary are held for so many tokens at a time."""
LEAST_TAIL = 1e-6
"""Probability below which what is left of a distribution counts as nothing."""


class PolicyTeacher:
    """Scores completions under their policy-aware prompts. `share`: with the prefix engine."""

    def __init__(self, model: PreTrainedModel, renderer: Renderer, *, share: bool) -> None:
        refuse_scaled_logits(model)
        self._model = model.eval().requires_grad_(False)
        self._renderer = renderer
        self._share = share

    @torch.no_grad()
    def states(self, prompts: Sequence[Prompt], completions: Sequence[Sequence[int]]) -> Tensor:
        """The hidden states that predict the completions' tokens, row by row: (tokens, hidden)."""
        batch = self._renderer.encode_completions(prompts, completions)
        batch = batch.to(self._model.device, dtype=self._model.dtype)
        return labelled_states(self._model, dict(batch), share=self._share)

    def logits(self, states: Tensor) -> Tensor:
        """(tokens, hidden) -> (tokens, vocabulary), float32."""
        return head(self._model)(states).float()

    @torch.no_grad()
    def log_probs(self, prompts: Sequence[Prompt], completions: Sequence[Sequence[int]]) -> list[list[float]]:
        """The log-probability of every token of every completion."""
        states = self.states(prompts, completions)
        tokens = torch.tensor([token for completion in completions for token in completion], device=states.device)
        parts = [
            self.logits(part).log_softmax(dim=-1).gather(1, chosen[:, None])[:, 0]
            for part, chosen in zip(states.split(TOKENS_AT_ONCE), tokens.split(TOKENS_AT_ONCE), strict=True)
        ]
        flat = torch.cat(parts).tolist()
        scored, at = [], 0
        for completion in completions:
            scored.append(flat[at : at + len(completion)])
            at += len(completion)
        return scored


def head(model: PreTrainedModel) -> nn.Module:
    output: nn.Module = model.get_output_embeddings()
    return output


def refuse_scaled_logits(model: PreTrainedModel) -> None:
    """Raises ModelError for families that change logits after their head, which is not followed here."""
    config = model.config.get_text_config()
    for name in ("final_logit_softcapping", "logit_scale", "logits_scaling"):
        if getattr(config, name, None) not in (None, 1, 1.0):
            raise ModelError(f"a teacher cannot be used with this family: it has {name}; leave teacher out")


def reverse_kl(
    states: Tensor, model_logits: Callable[[Tensor], Tensor], teacher_states: Tensor, teacher: PolicyTeacher, k: int
) -> Tensor:
    """KL(model || teacher) at every token, (tokens,), differentiable in `states` and the model's head.

    Both distributions are taken at the model's `k` likeliest tokens and one bucket that holds all others (arXiv
    2602.12275). `model_logits` maps (tokens, hidden) to (tokens, vocabulary).
    """

    def of_part(own: Tensor, theirs: Tensor) -> Tensor:
        return bucketed_reverse_kl(model_logits(own).float(), teacher.logits(theirs), k)

    parts = [
        checkpoint(of_part, own, theirs, use_reentrant=False)
        for own, theirs in zip(states.split(TOKENS_AT_ONCE), teacher_states.split(TOKENS_AT_ONCE), strict=True)
    ]
    return torch.cat(parts)


def bucketed_reverse_kl(logits: Tensor, teacher_logits: Tensor, k: int) -> Tensor:
    """Sum over the k likeliest tokens, and the bucket of all others, of p (log p - log q): (tokens,)."""
    top = logits.log_softmax(dim=-1).topk(min(k, logits.shape[-1]), dim=-1)
    theirs = teacher_logits.log_softmax(dim=-1).gather(-1, top.indices)
    tail, their_tail = _rest(top.values), _rest(theirs)
    named = (top.values.exp() * (top.values - theirs)).sum(dim=-1)
    return named + tail * (tail.log() - their_tail.log())


def _rest(log_probs: Tensor) -> Tensor:
    return (1 - log_probs.exp().sum(dim=-1)).clamp(min=LEAST_TAIL)


def token_advantages(
    advantage: float, log_probs: Sequence[float], teacher: Sequence[float], config: ReweightingTeacher, *, mix: float
) -> list[float]:
    """An advantage for every token, by how the teacher's log-probabilities differ (arXiv 2604.03128).

    `mix` is `config.mix` as it is after annealing. No sign changes: weights are positive.
    """
    sign = 1.0 if advantage > 0 else -1.0
    bounds = (torch.tensor(config.low).log().item(), torch.tensor(config.high).log().item())
    weights = torch.tensor(
        [sign * (theirs - own) for own, theirs in zip(log_probs, teacher, strict=True)], dtype=torch.float64
    )
    clipped = weights.clamp(*bounds).exp()
    return [advantage * (1 - mix + mix * weight) for weight in clipped.tolist()]


def annealed(value: float, *, step: int, anneal_steps: int | None) -> float:
    """`value` at step 0, falling linearly to 0 at `anneal_steps`."""
    return value if anneal_steps is None else value * max(0.0, 1 - step / anneal_steps)
