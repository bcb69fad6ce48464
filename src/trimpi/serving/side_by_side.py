"""One request to several models: what each says, how many tokens it reads and writes, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from trimpi.models.loading import load_model, load_processor
from trimpi.policies import Policy
from trimpi.recipe import Engine
from trimpi.rendering.images import open_image
from trimpi.rendering.prompts import make_conversation
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import SamplingSettings, row_seed
from trimpi.serving.jobs import Answer, Finished, Job, News, Wrote
from trimpi.serving.source import ModelSource
from trimpi.serving.waves import wave_maker
from trimpi.types import ImagePart, Message, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a model has said so far; times are in seconds since it was asked, None before they are known."""

    text: str
    prompt_tokens: int
    written_tokens: int
    first_text_seconds: float | None
    seconds: float
    finished: bool


class Speaker:
    """One model, with a policy in its prompt or with none."""

    def __init__(self, source: ModelSource, *, label: str, policy: Policy | None, engine: Engine = "prefix") -> None:
        self.label, self.policy = label, policy
        self._renderer = Renderer(load_processor(source.path), instruction=source.instruction)
        model = load_model(source.path, dtype=source.model.dtype, attn=source.model.attention)
        self._waves = wave_maker(model, self._renderer, batch=1, engine=engine)
        self._lock = Lock()

    def say(self, text: str, image: Path | None, *, temperature: float, new_tokens: int, seed: int) -> Iterator[Saying]:
        """Its answer as it grows. One at a time: the page may be open twice.

        Raises DataError for an image that cannot be read or a text that cannot be asked.
        """
        parts: list[Part] = [] if image is None else [ImagePart(path=image)]
        if image is not None:
            open_image(image)
        turn = Message(role="user", parts=(*parts, text))
        writer = self._renderer.prompts
        prompt = make_conversation([turn], self.policy, instruction=writer.instruction, policy_turn=writer.policy_turn)
        news: list[News] = []
        settings = SamplingSettings(temperature=temperature, top_p=1.0, max_new_tokens=new_tokens)
        job = Job(prompt=prompt, seeds=[row_seed(seed, 0, 0)], settings=settings, tell=news.append)
        with self._lock:
            prompt_tokens = len(self._renderer.prompt_ids(prompt))
            start = time.perf_counter()
            wave = self._waves.begin([Answer(job, 0, self._renderer)])
            first: float | None = None
            written, steps = "", 0
            while wave.answers:
                wave.step()
                steps += 1
                now = time.perf_counter() - start
                for item in news:
                    if isinstance(item, Wrote):
                        written += item.text
                        first = now if first is None else first
                    elif isinstance(item, Finished):
                        written, steps = item.text, item.tokens
                news.clear()
                yield Saying(
                    text=written,
                    prompt_tokens=prompt_tokens,
                    written_tokens=steps,
                    first_text_seconds=first,
                    seconds=now,
                    finished=not wave.answers,
                )


def in_turn(
    speakers: Sequence[Speaker], text: str, image: Path | None, **settings: Any
) -> Iterator[list[Saying | None]]:
    """What all have said so far: one after the other, so that each has the machine, and its time, for itself."""
    said: list[Saying | None] = [None] * len(speakers)
    for number, speaker in enumerate(speakers):
        for saying in speaker.say(text, image, **settings):
            said[number] = saying
            yield list(said)
