"""What a sampler is, and how the randomness of every single completion is fixed. Torch-free."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trimpi.rendering.prompts import Prompt
from trimpi.types import Completion

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer

Progress = Callable[[int, int], None]
"""Called with the number of completions done and the number there will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """`temperature` 0 is greedy; `top_p` 1 keeps every token; `max_new_tokens` counts the end-of-turn token."""

    temperature: float
    top_p: float
    max_new_tokens: int


class Sampler(Protocol):
    """Completes prompts a number of times each."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        samples: int,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        progress: Progress | None = None,
    ) -> list[list[Completion]]:
        """`samples` completions of each prompt, in the prompts' order; the same seed gives the same completions."""
        ...


class RowSampler(Protocol):
    """Completes one prompt per row, each row from its own seed: what rollouts need, where processes share the rows.

    `statistics` are of the latest rows, by name. A sampler that computes shared prefixes once says how well that went:
    `prefix_hit_rate` is the share of all rows' prompt tokens that it did not have to compute.
    """

    @property
    def statistics(self) -> Mapping[str, float]: ...

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """One completion per row, in the order of the rows."""
        ...


class SamplerByRows(ABC):
    """A `Sampler` out of a `RowSampler`: every completion of a prompt is a row with a seed of its own."""

    @property
    def statistics(self) -> Mapping[str, float]:
        """See `RowSampler`; none, where a sampler has nothing to say."""
        return {}

    @abstractmethod
    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `RowSampler.sample_rows`."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        samples: int,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        progress: Progress | None = None,
    ) -> list[list[Completion]]:
        """See `Sampler.sample`."""
        rows = [prompt for prompt in prompts for _ in range(samples)]
        seeds = [row_seed(seed, index, sample) for index in range(len(prompts)) for sample in range(samples)]
        settings = SamplingSettings(temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
        completions = self.sample_rows(rows, seeds, settings, progress)
        return [completions[start : start + samples] for start in range(0, len(completions), samples)]


def completion_of(tokens: Sequence[int], log_probs: Sequence[float], renderer: Renderer) -> Completion:
    """A completion from its tokens; one that does not end with the end of turn was cut off."""
    return Completion(
        text=renderer.decode(tokens),
        token_ids=tuple(tokens),
        sampling_logprobs=tuple(log_probs),
        truncated=tokens[-1] != renderer.end_of_turn_id,
    )


def row_seed(*parts: int) -> int:
    """A seed in [0, 2**63) for one completion, from what identifies it; neighbouring parts give unrelated seeds."""
    digest = hashlib.blake2b(",".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
