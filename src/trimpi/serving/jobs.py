"""One request on its way through the model: what is asked, and what is told back as it happens. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Literal

from trimpi.rendering.prompts import Prompt
from trimpi.rendering.text_stream import TextStream
from trimpi.sampling.sampler import SamplingSettings
from trimpi.serving.refusals import Refusal

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The prompt can be asked, and has so many tokens."""

    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """More text of an answer."""

    answer: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An answer is whole: all its text, its tokens with the end of turn, and why it ended."""

    answer: int
    text: str
    tokens: int
    reason: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The request gets no answer, or no more of it."""

    refusal: Refusal


News = Accepted | Wrote | Finished | Failed


@dataclass(eq=False, kw_only=True)
class Job:
    """One prompt and an answer per seed. `tell` is called from the model's thread, in the order in which things happen.

    `stops` end an answer and are not part of it. With `any_length` the settings' max_new_tokens is a bound that nobody
    asked for. Whoever no longer waits sets `cancelled`.
    """

    prompt: Prompt
    seeds: Sequence[int]
    settings: SamplingSettings
    tell: Callable[[News], None]
    stops: Sequence[str] = ()
    any_length: bool = False
    cancelled: Event = field(default_factory=Event)

    def fail(self, refusal: Refusal) -> None:
        """No answer, or no more of it, to anybody who waits."""
        if not self.cancelled.is_set():
            self.cancelled.set()
            self.tell(Failed(refusal=refusal))


class Answer:
    """One answer of a job while it is written."""

    def __init__(self, job: Job, number: int, renderer: Renderer) -> None:
        self.job, self.number, self.seed = job, number, job.seeds[number]
        self._renderer = renderer
        self._stream = TextStream(renderer)
        self._tokens = 0
        self._text = self._told = ""
        self._held = max((len(stop) - 1 for stop in job.stops), default=0)

    def push(self, token: int) -> bool:
        """Take the next token; whether the answer is whole with it."""
        self._tokens += 1
        ends = token == self._renderer.end_of_turn_id
        self._text += self._stream.finish() if ends else self._stream.push(token)
        cut = self._first_stop()
        if cut is not None:
            return self._finish(self._text[:cut], "stop")
        if ends:
            return self._finish(self._text, "stop")
        if self._tokens == self.job.settings.max_new_tokens:
            self._text += self._stream.finish()
            cut = self._first_stop()
            return self._finish(self._text, "length") if cut is None else self._finish(self._text[:cut], "stop")
        # A text that could be the beginning of a stop is not told before it is known not to be one.
        self._tell(self._text[: max(len(self._text) - self._held, len(self._told))])
        return False

    def _first_stop(self) -> int | None:
        found = [at for at in map(self._text.find, self.job.stops) if at >= 0]
        return min(found, default=None)

    def _finish(self, text: str, reason: Finish) -> bool:
        self._tell(text)
        self.job.tell(Finished(answer=self.number, text=text, tokens=self._tokens, reason=reason))
        return True

    def _tell(self, text: str) -> None:
        if len(text) > len(self._told):
            self.job.tell(Wrote(answer=self.number, text=text[len(self._told) :]))
            self._told = text
