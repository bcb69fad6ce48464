"""Sampling with the model in this process, through transformers' `generate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel

from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.batches import Batch, plan_batches
from trimpi.sampling.choice import SeededChoice, TokenChoice, uniform_draws
from trimpi.sampling.prefix import prefill
from trimpi.sampling.sampler import Progress, SamplerByRows, SamplingSettings, completion_of
from trimpi.types import Completion


class LocalSampler(SamplerByRows):
    """Samples `batch_size` completions at a time.

    A completion depends on its prompt, its seed and the weights, not on the batch it is sampled in.
    Visual tokens are never sampled: they would stand for pixels that are not there.
    """

    def __init__(self, model: PreTrainedModel, renderer: Renderer, *, batch_size: int) -> None:
        self._model = model
        self._renderer = renderer
        self._batch_size = batch_size

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `RowSampler.sample_rows`."""
        completions: dict[int, Completion] = {}
        for batch in plan_batches(prompts, batch_size=self._batch_size):
            completions.update(self._sample_batch(batch, prompts, seeds, settings))
            if progress is not None:
                progress(len(completions), len(prompts))
        return [completions[row] for row in range(len(prompts))]

    def _sample_batch(
        self, batch: Batch, prompts: Sequence[Prompt], seeds: Sequence[int], settings: SamplingSettings
    ) -> dict[int, Completion]:
        rows = [row for same_prompt in batch for row in same_prompt]
        inputs = self._renderer.encode_prompts([prompts[same_prompt[0]] for same_prompt in batch], padding_side="left")
        choice = self._choice([seeds[row] for row in rows], settings)
        with self._generating(settings, copies=len(batch[0])) as model:
            inputs = inputs.to(model.device, dtype=model.dtype)
            sequences = model.generate(  # type: ignore[operator]
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                past_key_values=prefill(model, inputs, copies=len(batch[0]), room=settings.max_new_tokens),
                logits_processor=LogitsProcessorList([choice]),
            )
        tokens = sequences[:, inputs["input_ids"].shape[1] :].tolist()
        log_probs = torch.stack(choice.log_probs, dim=1).tolist()
        return {row: self._completion(*written) for row, *written in zip(rows, tokens, log_probs, strict=True)}

    def _completion(self, tokens: list[int], log_probs: list[float]) -> Completion:
        """`tokens` runs on with padding after the end of turn."""
        end = self._renderer.end_of_turn_id
        length = tokens.index(end) + 1 if end in tokens else len(tokens)
        return completion_of(tokens[:length], log_probs[:length], self._renderer)

    def _choice(self, seeds: Sequence[int], settings: SamplingSettings) -> SeededChoice:
        choice = TokenChoice(
            temperature=settings.temperature, top_p=settings.top_p, suppressed=self._renderer.visual_token_ids
        )
        draws = uniform_draws(seeds, settings.max_new_tokens) if settings.temperature > 0 else None
        return SeededChoice(choice, draws if draws is None else draws.to(self._model.device))

    @contextmanager
    def _generating(self, settings: SamplingSettings, *, copies: int) -> Iterator[PreTrainedModel]:
        """The model in evaluation mode with a generation config of our own; all is put back, the random state too.

        The config is replaced rather than passed: `generate` fills what it finds unset from the model's own, and a
        repetition penalty that a checkpoint brings along would then change the distribution.
        """
        model, training, config = self._model, self._model.training, self._model.generation_config
        model.generation_config = GenerationConfig(
            max_new_tokens=settings.max_new_tokens,
            num_return_sequences=copies,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            pad_token_id=self._renderer.pad_token_id,
            eos_token_id=self._renderer.end_of_turn_id,
        )
        model.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
                yield model
        finally:
            model.generation_config = config
            model.train(training)
