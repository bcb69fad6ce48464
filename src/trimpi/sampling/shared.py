"""Sampling with the model in this process: every policy and every prompt is computed once (the prefix engine)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from trimpi.prefix.decoding import PrefixMemory, decode
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.choice import TokenChoice, uniform_draws
from trimpi.sampling.sampler import Progress, SamplerByRows, SamplingSettings, completion_of
from trimpi.types import Completion


class SharedPrefixSampler(SamplerByRows):
    """Decodes up to `batch_size` completions together; policies, prompts and images are computed once.

    A completion depends on its prompt, its seed and the weights, not on the batch it is sampled in.
    Visual tokens are never sampled: they would stand for pixels that are not there.
    """

    def __init__(self, model: PreTrainedModel, renderer: Renderer, *, batch_size: int) -> None:
        self._model = model
        self._renderer = renderer
        self._batch_size = batch_size
        self._statistics: dict[str, float] = {}

    @property
    def statistics(self) -> Mapping[str, float]:
        """See `RowSampler`."""
        return self._statistics

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `RowSampler.sample_rows`."""
        completions: dict[int, Completion] = {}
        with _evaluating(self._model):
            memory = PrefixMemory(self._model)
            for rows in _batches(prompts, self._batch_size):
                completions.update(self._sample(memory, rows, prompts, seeds, settings))
                if progress is not None:
                    progress(len(completions), len(prompts))
        self._statistics = {"prefix_hit_rate": 1 - memory.computed / max(memory.asked, 1)}
        return [completions[row] for row in range(len(prompts))]

    def _sample(
        self,
        memory: PrefixMemory,
        rows: Sequence[int],
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
    ) -> dict[int, Completion]:
        device = self._model.device
        unique = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts[row] for row in rows))}
        inputs = self._renderer.encode_prompts(list(unique)).to(device, dtype=self._model.dtype)
        choice = TokenChoice(
            temperature=settings.temperature, top_p=settings.top_p, suppressed=self._renderer.visual_token_ids
        )
        draws = None
        if settings.temperature > 0:
            draws = uniform_draws([seeds[row] for row in rows], settings.max_new_tokens).to(device)

        def choose(logits: torch.Tensor, step: int, running: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return choice(logits, None if draws is None else draws[running, step])

        prompt_of_row = [unique[prompts[row]] for row in rows]
        written = decode(
            self._model,
            memory.prefill(inputs, prompt_of_row),
            prompt_of_row,
            choose,
            max_new_tokens=settings.max_new_tokens,
            end=self._renderer.end_of_turn_id,
        )
        return {row: completion_of(*tokens, self._renderer) for row, tokens in zip(rows, written, strict=True)}


def _batches(prompts: Sequence[Prompt], batch_size: int) -> Iterator[list[int]]:
    """All rows, `batch_size` at a time: those of a prompt, and prompts that begin alike, one after the other."""
    first = {prompt: number for number, prompt in reversed(list(enumerate(prompts)))}
    order = sorted(range(len(prompts)), key=lambda row: (_beginning(prompts[row]), first[prompts[row]], row))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _beginning(prompt: Prompt) -> str:
    """The texts before the last turn's last image: all of a policy in any family, and nothing of the request."""
    parts = [part for message in prompt.messages for part in message.parts]
    last = max((at for at, part in enumerate(parts) if not isinstance(part, str)), default=len(parts))
    return "\n".join(part for part in parts[:last] if isinstance(part, str))


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
