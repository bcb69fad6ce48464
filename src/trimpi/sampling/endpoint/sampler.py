"""An endpoint as a sampler of prompts."""

from __future__ import annotations

from collections.abc import Sequence

from trimpi.rendering.prompts import Prompt
from trimpi.sampling.endpoint.answers import Answer
from trimpi.sampling.endpoint.endpoint import Endpoint, Usage
from trimpi.sampling.endpoint.requests import ChatRequest
from trimpi.sampling.sampler import Progress
from trimpi.types import Completion

CUT_OFF = ("length", "max_tokens", "content_filter")
"""Reasons to finish that leave a text incomplete."""


class EndpointSampler:
    """A `Sampler`. What makes its completions the same again is the endpoint's store; no seed is sent.

    Completions have no token ids, which endpoints do not tell.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def usage(self) -> Usage:
        """See `Endpoint.usage`."""
        return self._endpoint.usage

    def unanswered(
        self, prompts: Sequence[Prompt], *, samples: int, temperature: float, top_p: float, max_new_tokens: int
    ) -> int:
        """How many requests `sample` would send, and somebody pay for."""
        return self._endpoint.unanswered(_requests(prompts, samples, temperature, top_p, max_new_tokens))

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
        """See `Sampler.sample` and `Endpoint.complete`."""
        requests = _requests(prompts, samples, temperature, top_p, max_new_tokens)
        answers = iter(self._endpoint.complete(requests, progress=progress))
        return [[_completion(next(answers)) for _ in range(samples)] for _ in prompts]


def _requests(
    prompts: Sequence[Prompt], samples: int, temperature: float, top_p: float, max_tokens: int
) -> list[ChatRequest]:
    return [
        ChatRequest(
            messages=prompt.messages, temperature=temperature, top_p=top_p, max_tokens=max_tokens, sample=sample
        )
        for prompt in prompts
        for sample in range(samples)
    ]


def _completion(answer: Answer) -> Completion:
    return Completion(text=answer.text, token_ids=(), truncated=answer.finish_reason in CUT_OFF)
