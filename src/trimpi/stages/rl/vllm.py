"""Rollouts by the vLLM engine that TRL's GRPOTrainer runs in the training processes.

Needs a GPU and vLLM, so unlike everything else here it is tested against a stand-in for the engine only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from trimpi.rendering.images import open_image
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import Progress, SamplingSettings
from trimpi.types import Completion


class VllmRowSampler:
    """Policy-free and policy-aware rows in one request to the engine, each with its own prompt and images.

    TRL has synchronised the weights before it asks for rollouts, and has given the engine temperature, top_p and length
    at construction. The engine draws from its own random state: `seeds` are not used, so a resumed stage samples anew.
    """

    def __init__(self, engine: Any, renderer: Renderer) -> None:
        self._engine = engine
        self._renderer = renderer
        self._statistics: dict[str, float] = {}

    @property
    def statistics(self) -> Mapping[str, float]:
        """See `RowSampler`; none where vLLM does not say what its prefix cache held."""
        return self._statistics

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `RowSampler.sample_rows`."""
        ids = {prompt: self._renderer.prompt_ids(prompt) for prompt in dict.fromkeys(prompts)}
        with _answers(self._engine) as answers:
            _, token_ids, log_probs, _ = self._engine.generate(
                prompts=[ids[prompt] for prompt in prompts],
                images=[[open_image(path) for path in prompt.images] or None for prompt in prompts],
                num_generations=1,
            )
        self._statistics = _hit_rate(answers)
        if progress is not None:
            progress(len(prompts), len(prompts))
        return [self._completion(tokens, steps) for tokens, steps in zip(token_ids, log_probs, strict=True)]

    def _completion(self, tokens: Sequence[int], steps: Sequence[Sequence[float | None]]) -> Completion:
        """Each step is a list whose first entry is the chosen token's log-probability, None where vLLM lacks it."""
        return Completion(
            text=self._renderer.decode(tokens),
            token_ids=tuple(tokens),
            sampling_logprobs=tuple(float("nan") if step[0] is None else step[0] for step in steps),
            truncated=tokens[-1] != self._renderer.end_of_turn_id,
        )


@contextmanager
def _answers(engine: Any) -> Iterator[list[Any]]:
    """What vLLM itself answers while TRL asks it, since TRL hands on the tokens alone."""
    llm = getattr(engine, "llm", None)
    if llm is None:  # a server answers for other processes, too
        yield []
        return
    answers: list[Any] = []
    ask = llm.generate

    def generate(*args: Any, **kwargs: Any) -> Any:
        given = ask(*args, **kwargs)
        answers.extend(given)
        return given

    llm.generate = generate
    try:
        yield answers
    finally:
        llm.generate = ask


def _hit_rate(answers: Sequence[Any]) -> dict[str, float]:
    """Prompts of one policy begin alike, so vLLM can keep the policy in its prefix cache: the share that it did."""
    told = [answer for answer in answers if getattr(answer, "num_cached_tokens", None) is not None]
    asked = sum(len(answer.prompt_token_ids) for answer in told)
    return {"prefix_hit_rate": sum(answer.num_cached_tokens for answer in told) / asked} if asked else {}
