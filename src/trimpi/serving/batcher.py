"""The model's own thread: takes jobs as they come, writes their answers together, and never dies of one of them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event, Thread

import torch

from trimpi.errors import TrimpiError
from trimpi.rendering.images import forget_images
from trimpi.rendering.renderer import Renderer
from trimpi.serving.jobs import Accepted, Answer, Job
from trimpi.serving.limits import Limits
from trimpi.serving.refusals import Refusal, bad_request, busy, failed, stopping
from trimpi.serving.waves import Wave, WaveMaker

MOST_WAVES = 4
"""Waves take turns, a step each. With few of them those who wait meanwhile share the next one, and so its cost."""

log = logging.getLogger("trimpi.serving")


class Batcher:
    """Everything that touches the model or its tokenizer happens in one thread: neither may be used from two."""

    def __init__(self, waves: WaveMaker, renderer: Renderer, limits: Limits) -> None:
        self._maker, self._renderer, self._limits = waves, renderer, limits
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: deque[Answer] = deque()
        self._waves: list[Wave] = []
        self._closing = Event()
        self._thread = Thread(target=self._run, name="trimpi-model", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closing.is_set()

    @property
    def state(self) -> Mapping[str, int]:
        """How many answers are `running`, how many are `waiting`, in how many `waves`."""
        running = sum(len(wave.answers) for wave in list(self._waves))
        return {"running": running, "waiting": len(self._waiting) + self._inbox.qsize(), "waves": len(self._waves)}

    def submit(self, job: Job) -> None:
        """Raises Refusal when too many wait already, or the server is stopping."""
        if not self.alive:
            raise stopping()
        if self.state["waiting"] + len(job.seeds) > self._limits.waiting:
            raise busy(f"{self.state['waiting']} answers wait already: try again in a moment")
        self._inbox.put(job)

    def close(self, seconds: float) -> None:
        """Take nothing more; return when what was taken is answered, or after so many seconds."""
        self._closing.set()
        self._inbox.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._idle()):
            self._take()
            self._admit()
            for wave in list(self._waves):
                if not self._guarded(wave.step, wave.answers) or not wave.answers:
                    self._waves.remove(wave)

    def _idle(self) -> bool:
        return not self._waves and not self._waiting and self._inbox.empty()

    def _take(self) -> None:
        """All that has come; waits for something when there is nothing to do."""
        try:
            job = self._inbox.get(block=not self._waves and not self._waiting)
            while True:
                if job is not None and not job.cancelled.is_set():
                    self._accept(job)
                    forget_images()
                job = self._inbox.get_nowait()
        except Empty:
            return

    def _accept(self, job: Job) -> None:
        """A prompt that cannot be asked is refused here, before it could spoil the wave of others."""
        try:
            tokens = len(self._renderer.prompt_ids(job.prompt))
            self._refuse_long(tokens, job)
            self._fit(tokens, job)
        except Refusal as refusal:
            job.fail(refusal)
        except (TrimpiError, ValueError) as error:
            job.fail(bad_request((str(error).strip() or type(error).__name__).splitlines()[0], param="messages"))
        except Exception:
            log.exception("a prompt could not be read")
            job.fail(failed())
        else:
            job.tell(Accepted(prompt_tokens=tokens))
            self._waiting.extend(Answer(job, number, self._renderer) for number in range(len(job.seeds)))

    def _fit(self, tokens: int, job: Job) -> None:
        """An answer whose length nobody named gets what the prompt leaves of the model's longest sequence."""
        if job.any_length and self._maker.longest is not None:
            left = self._maker.longest - tokens
            job.settings = replace(job.settings, max_new_tokens=min(job.settings.max_new_tokens, left))

    def _refuse_long(self, tokens: int, job: Job) -> None:
        most, wanted = self._maker.longest, 1 if job.any_length else job.settings.max_new_tokens
        if self._limits.prompt_tokens is not None and tokens > self._limits.prompt_tokens:
            raise bad_request(
                f"the prompt has {tokens:,} tokens; this server takes {self._limits.prompt_tokens:,}",
                code="context_length_exceeded",
                param="messages",
            )
        if most is not None and tokens + wanted > most:
            raise bad_request(
                f"the prompt has {tokens:,} tokens and its answer may have {wanted:,}; the model holds {most:,} in all",
                code="context_length_exceeded",
                param="messages",
            )

    def _admit(self) -> None:
        """Those who wait begin together, as many as there is place for."""
        free = self._limits.batch - self.state["running"]
        answers: list[Answer] = []
        while self._waiting and len(answers) < free and len(self._waves) < MOST_WAVES:
            answer = self._waiting.popleft()
            if not answer.job.cancelled.is_set():
                answers.append(answer)
        if answers:
            self._begin(answers)
            forget_images()

    def _begin(self, answers: Sequence[Answer]) -> None:
        """Together; each alone if that fails, since one whose images went away with its client must not fail others."""
        if len(answers) == 1:
            self._guarded(lambda: self._waves.append(self._maker.begin(answers)), answers)
            return
        try:
            self._waves.append(self._maker.begin(answers))
        except Exception:
            log.warning("%d answers could not begin together and begin one by one", len(answers), exc_info=True)
            for answer in answers:
                self._begin([answer])

    def _guarded(self, work: Callable[[], None], answers: Sequence[Answer]) -> bool:
        """Whether it went well; whatever goes wrong is told to those whose answers it was, and the next are served."""
        try:
            work()
        except Exception as error:
            log.exception("answers failed")
            for answer in answers:
                answer.job.fail(failed())
            if isinstance(error, torch.OutOfMemoryError):
                torch.cuda.empty_cache()
            return False
        return True
