"""A sampler that says what it was told to: for tests. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trimpi.rendering.prompts import Prompt
from trimpi.sampling.sampler import Progress, SamplerByRows, SamplingSettings
from trimpi.types import Completion

Reply = str | Completion


class ScriptedSampler(SamplerByRows):
    """Answers from a function of the prompt and the sample number, or from a list taken in turn, over and over.

    A text becomes a completion of one token per character that is not truncated. `prompts` keeps what was asked.
    """

    def __init__(self, replies: Sequence[Reply] | Callable[[Prompt, int], Reply]) -> None:
        self._replies = replies
        self._given = 0
        self.prompts: list[Prompt] = []

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `RowSampler.sample_rows`."""
        self.prompts += prompts
        completions = []
        for prompt in prompts:
            completions.append(self._reply(prompt))
            if progress is not None:
                progress(len(completions), len(prompts))
        return completions

    def _reply(self, prompt: Prompt) -> Completion:
        number = self._given
        self._given += 1
        reply = self._replies(prompt, number) if callable(self._replies) else self._replies[number % len(self._replies)]
        if isinstance(reply, Completion):
            return reply
        return Completion(text=reply, token_ids=tuple(map(ord, reply)))
