"""Answers that are written together, a token each per step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trimpi.prefix.decoding import Decoding, PrefixMemory
from trimpi.prefix.support import can_share, obstacle, plain_model
from trimpi.recipe import Engine
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.choice import TokenChoice, uniform_draws
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplingSettings
from trimpi.serving.jobs import Answer


class Wave(Protocol):
    """Answers that began together. `answers` are those still written."""

    @property
    def answers(self) -> Sequence[Answer]: ...

    def step(self) -> None:
        """Write some more of every answer that is still wanted."""
        ...


class WaveMaker(Protocol):
    """Begins answers together. `longest` is how many tokens prompt and answer may have."""

    longest: int | None

    def begin(self, answers: Sequence[Answer]) -> Wave: ...


def wave_maker(
    model: PreTrainedModel, renderer: Renderer, *, batch: int, engine: Engine, kept: Sequence[Prompt] = ()
) -> WaveMaker:
    """By the prefix engine where it is wanted and the model can use it; what `kept` prompts share is computed once.

    Otherwise by transformers' `generate`, which writes answers whole.
    """
    plain = plain_model(model.train(False))
    if engine == "prefix" and can_share(obstacle(model)):
        return _PrefixWaves(plain, renderer, kept)
    return _PlainWaves(plain, renderer, batch)


class _PrefixWaves:
    def __init__(self, model: PreTrainedModel, renderer: Renderer, kept: Sequence[Prompt]) -> None:
        self._model, self._renderer = model, renderer
        self.longest = _longest(model)
        self._memory = PrefixMemory(model)
        if kept:
            inputs = renderer.encode_prompts(kept).to(model.device, dtype=model.dtype)
            self._memory.prefill(inputs, range(len(kept)))

    def begin(self, answers: Sequence[Answer]) -> Wave:
        return _PrefixWave(self._model, self._renderer, self._memory.copy(), answers)


class _PrefixWave:
    """Each answer by its own settings and seed, whoever else is in the wave."""

    def __init__(
        self, model: PreTrainedModel, renderer: Renderer, memory: PrefixMemory, answers: Sequence[Answer]
    ) -> None:
        self._running = dict(enumerate(answers))
        prompts = list(dict.fromkeys(answer.job.prompt for answer in answers))
        prompt_of_row = [prompts.index(answer.job.prompt) for answer in answers]
        room = max(answer.job.settings.max_new_tokens for answer in answers)
        inputs = renderer.encode_prompts(prompts).to(model.device, dtype=model.dtype)
        self._decoding = Decoding(model, memory.prefill(inputs, prompt_of_row), prompt_of_row, room=room)
        self._draws = uniform_draws([answer.seed for answer in answers], room).to(model.device)
        self._choices = _by_settings(answers, renderer, model.device)

    @property
    def answers(self) -> Sequence[Answer]:
        return list(self._running.values())

    def step(self) -> None:
        """See `Wave.step`: one token."""
        left = {row for row, answer in self._running.items() if answer.job.cancelled.is_set()}
        self._drop(left)
        if self._running:
            written = self._decoding.step(self._choose)
            self._drop({row for row, token, _ in written if self._running[row].push(token)})

    def _drop(self, rows: set[int]) -> None:
        self._decoding.drop(rows)
        for row in rows:
            del self._running[row]

    def _choose(self, logits: Tensor, step: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        if len(self._choices) == 1:
            ((choice, greedy, _),) = self._choices
            return choice(logits, None if greedy else self._draws[rows, step])
        tokens = torch.zeros(len(rows), dtype=torch.long, device=logits.device)
        log_probs = torch.zeros(len(rows), device=logits.device)
        for choice, greedy, members in self._choices:
            of_these = torch.isin(rows, members).nonzero()[:, 0]
            draws = None if greedy else self._draws[rows[of_these], step]
            tokens[of_these], log_probs[of_these] = choice(logits[of_these], draws)
        return tokens, log_probs


def _by_settings(
    answers: Sequence[Answer], renderer: Renderer, device: torch.device
) -> list[tuple[TokenChoice, bool, Tensor]]:
    """Per temperature and nucleus: how tokens are chosen, whether greedily, and for which rows."""
    rows: dict[tuple[float, float], list[int]] = {}
    for row, answer in enumerate(answers):
        settings = answer.job.settings
        rows.setdefault((settings.temperature, settings.top_p), []).append(row)
    return [
        (
            TokenChoice(temperature=temperature, top_p=top_p, suppressed=renderer.visual_token_ids),
            temperature == 0,
            torch.tensor(members, device=device),
        )
        for (temperature, top_p), members in rows.items()
    ]


class _PlainWaves:
    def __init__(self, model: PreTrainedModel, renderer: Renderer, batch: int) -> None:
        self._sampler = LocalSampler(model, renderer, batch_size=batch)
        self.longest = _longest(model)

    def begin(self, answers: Sequence[Answer]) -> Wave:
        return _PlainWave(self._sampler, answers)


class _PlainWave:
    """All answers in one step."""

    def __init__(self, sampler: LocalSampler, answers: Sequence[Answer]) -> None:
        self._sampler = sampler
        self.answers: Sequence[Answer] = answers

    def step(self) -> None:
        """See `Wave.step`."""
        by_settings: dict[SamplingSettings, list[Answer]] = {}
        for answer in self.answers:
            if not answer.job.cancelled.is_set():
                by_settings.setdefault(answer.job.settings, []).append(answer)
        for settings, answers in by_settings.items():
            prompts = [answer.job.prompt for answer in answers]
            completions = self._sampler.sample_rows(prompts, [answer.seed for answer in answers], settings)
            for answer, completion in zip(answers, completions, strict=True):
                # A stop ends an answer before its tokens do.
                any(answer.push(token) for token in completion.token_ids)
        self.answers = ()


def _longest(model: PreTrainedModel) -> int | None:
    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return None if longest is None else int(longest)
