"""Prompts answered against the clock, by the engine a recipe asks for: with nothing kept, or with the policy kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import BatchFeature, GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from trimpi.evaluation.timing import Answers, Clock, Run, Timing
from trimpi.prefix.decoding import PrefixMemory, decode
from trimpi.prefix.support import obstacle, plain_model
from trimpi.recipe import Engine
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.choice import SeededChoice, TokenChoice

NO_TOKEN = -1
"""Ends no answer, so that all have the same length."""


def timed_answers(
    model: PreTrainedModel, renderer: Renderer, *, engine: Engine, clock: Clock = time.perf_counter
) -> Answers:
    """Answers by the prefix engine where it is wanted and this model can use it, by `generate` otherwise."""
    reason = "engine: plain keeps no prefixes" if engine == "plain" else obstacle(model)
    if reason is None:
        return _PrefixAnswers(plain_model(model), renderer, clock)
    return _PlainAnswers(plain_model(model), renderer, clock, reason)


class _PrefixAnswers:
    """By the prefix engine, the same in all ways but for what it remembers."""

    engine: Engine = "prefix"
    no_cache = None

    def __init__(self, model: PreTrainedModel, renderer: Renderer, clock: Clock) -> None:
        self._model, self._renderer, self._clock = model, renderer, clock
        self._choice = TokenChoice(temperature=0.0, top_p=1.0, suppressed=renderer.visual_token_ids)

    def from_nothing(self, prompts: Sequence[Prompt]) -> Run:
        return self._run(prompts, lambda: PrefixMemory(self._model, sharing=False))

    def with_kept(self, prompts: Sequence[Prompt], kept: Sequence[Prompt]) -> Run:
        memory = PrefixMemory(self._model)
        memory.prefill(self._encoded(kept), range(len(kept)))
        return self._run(prompts, memory.copy)

    def _run(self, prompts: Sequence[Prompt], remember: Callable[[], PrefixMemory]) -> Run:
        inputs, rows = self._encoded(prompts), range(len(prompts))

        def run(new_tokens: int) -> Timing:
            memory = remember()
            stamps: list[float] = []

            def choose(logits: Tensor, step: int, _: Tensor) -> tuple[Tensor, Tensor]:
                if step == 0:
                    stamps.append(_now(self._clock, self._model.device))
                return self._choice(logits, None)

            start = _now(self._clock, self._model.device)
            decode(
                self._model,
                memory.prefill(inputs, rows),
                rows,
                choose,
                max_new_tokens=new_tokens,
                end=NO_TOKEN,
            )
            end = _now(self._clock, self._model.device)
            return Timing(
                first_token=stamps[0] - start, total=end - start, cached_tokens=memory.asked - memory.computed
            )

        return run

    def _encoded(self, prompts: Sequence[Prompt]) -> BatchFeature:
        return self._renderer.encode_prompts(prompts).to(self._model.device, dtype=self._model.dtype)


class _PlainAnswers:
    """By transformers' `generate`, which keeps nothing."""

    engine: Engine = "plain"

    def __init__(self, model: PreTrainedModel, renderer: Renderer, clock: Clock, no_cache: str) -> None:
        self._model, self._renderer, self._clock = model, renderer, clock
        self.no_cache: str | None = no_cache

    def from_nothing(self, prompts: Sequence[Prompt]) -> Run:
        inputs = self._renderer.encode_prompts(prompts, padding_side="left")
        inputs = inputs.to(self._model.device, dtype=self._model.dtype)
        suppressed = self._renderer.visual_token_ids | self._ends()

        def run(new_tokens: int) -> Timing:
            generation = GenerationConfig(
                max_new_tokens=new_tokens, do_sample=False, pad_token_id=self._renderer.pad_token_id
            )
            choice = TokenChoice(temperature=0.0, top_p=1.0, suppressed=suppressed)
            stamp = _Stamp(SeededChoice(choice, None), self._clock, self._model.device)
            generate: Any = self._model.generate
            start = _now(self._clock, self._model.device)
            generate(**inputs, generation_config=generation, logits_processor=LogitsProcessorList([stamp]))
            end = _now(self._clock, self._model.device)
            return Timing(first_token=stamp.seen[0] - start, total=end - start)

        return run

    def with_kept(self, prompts: Sequence[Prompt], kept: Sequence[Prompt]) -> Run:
        raise ValueError(f"nothing can be kept: {self.no_cache}")

    def _ends(self) -> set[int]:
        """Everything that `generate` would take for the end of an answer."""
        own = getattr(self._model.generation_config, "eos_token_id", None)
        ends = own if isinstance(own, list) else [own]
        return {int(end) for end in [*ends, self._renderer.end_of_turn_id] if end is not None}


class _Stamp(LogitsProcessor):
    """Reads the clock when the first token's logits are there."""

    def __init__(self, choice: SeededChoice, clock: Clock, device: torch.device) -> None:
        self._choice, self._clock, self._device = choice, clock, device
        self.seen: list[float] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        if not self.seen:
            self.seen.append(_now(self._clock, self._device))
        return self._choice(input_ids, scores)


def _now(clock: Clock, device: torch.device) -> float:
    """The time when the device has done all it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock()
