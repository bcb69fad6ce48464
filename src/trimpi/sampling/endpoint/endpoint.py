"""Requests in, answers out: from the store where they are, else from the endpoint, several at a time."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any

from trimpi.errors import EndpointError
from trimpi.recipe import EndpointConfig
from trimpi.sampling.endpoint.access import endpoint_access
from trimpi.sampling.endpoint.answers import Answer, AnswerStore, open_answers
from trimpi.sampling.endpoint.client import ChatClient, Failure
from trimpi.sampling.endpoint.pacing import Clock, Pace, retry_delay
from trimpi.sampling.endpoint.requests import ChatRequest, request_body, request_key
from trimpi.sampling.endpoint.threads import DaemonThreads
from trimpi.sampling.sampler import Progress

log = logging.getLogger("trimpi")
WAITING = "interrupted: waiting for the calls under way (%d), which are paid for; Ctrl-C again drops them"
PATIENCE = 3
"""Requests that fail one after the other before nothing more is sent."""
LONGEST_WAIT = 600.0
"""Seconds that a server may ask us to wait; after more than that it is better to start again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What answers cost: their number, and the tokens that the endpoint counted where it did."""

    answers: int
    prompt_tokens: int
    completion_tokens: int


class Endpoint:
    """A model behind an endpoint, whose answers are kept in the file `answers` as soon as they come.

    `draw` gives numbers in [0, 1) that spread retries.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        answers: Path,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._answers_path = answers
        self._clock = clock or Clock()
        self._draw = draw
        self._used: dict[str, Answer] = {}

    @property
    def usage(self) -> Usage:
        """Of every answer that was given out so far, whether it was paid for now or before."""
        return usage_of(self._used.values())

    def unanswered(self, requests: Sequence[ChatRequest]) -> int:
        """How many different requests `complete` would send. Makes no file."""
        keys = {request_key(request, self._config) for request in requests}
        if not self._answers_path.exists():
            return len(keys)
        with open_answers(self._answers_path) as store:
            return sum(store.get(key) is None for key in keys)

    def complete(self, requests: Sequence[ChatRequest], *, progress: Progress | None = None) -> list[Answer]:
        """One answer per request, in order; requests that are the same, `sample` too, share one.

        Only what the store does not hold is sent. Interrupted, or stopped by an EndpointError (no access, a refusal, no
        answer after all retries), it lets requests under way finish, and keeps their answers; it says so when
        interrupted, and a second interrupt drops them.
        """
        return [_or_raise(answer) for answer in self._answers(requests, patience=1, progress=progress)]

    def attempt(
        self, requests: Sequence[ChatRequest], *, progress: Progress | None = None
    ) -> list[Answer | EndpointError]:
        """As `complete`, but a request that fails leaves its error in place of an answer, and the others go on.

        After three failures in a row nothing more is sent, and the last error stands for the rest, too.
        """
        return self._answers(requests, patience=PATIENCE, progress=progress)

    def _answers(
        self, requests: Sequence[ChatRequest], *, patience: int, progress: Progress | None
    ) -> list[Answer | EndpointError]:
        keys = [request_key(request, self._config) for request in requests]
        failed: dict[str, EndpointError] = {}
        with open_answers(self._answers_path) as store:
            missing = {key: request for key, request in zip(keys, requests, strict=True) if store.get(key) is None}
            if missing:
                failed = self._ask(missing, store, _counted(progress, keys, missing), patience=patience)
            elif progress is not None:
                progress(len(keys), len(keys))
            answers = {key: answer for key in keys if (answer := store.get(key)) is not None}
        self._used.update(answers)
        return [answers[key] if key in answers else failed[key] for key in keys]

    def _ask(
        self,
        missing: Mapping[str, ChatRequest],
        store: AnswerStore,
        done: Callable[[str], None],
        *,
        patience: int,
    ) -> dict[str, EndpointError]:
        """Send what is missing; the error of every request that has no answer in the store now."""
        try:
            asking = _Asking(self._config, store, self._clock, self._draw, patience=patience)
        except EndpointError as error:
            return dict.fromkeys(missing, error)
        try:
            threads = DaemonThreads(lambda key: asking.ask(key, missing[key]), missing, count=self._config.concurrency)
            try:
                for key in threads.ended():
                    if not asking.stop.is_set():
                        done(key)
            except BaseException as error:
                asking.stop.set()
                if isinstance(error, KeyboardInterrupt) and asking.under_way:
                    log.warning(WAITING, asking.under_way)
                threads.finish()
                raise
        finally:
            asking.client.close()
        return {key: asking.failed.get(key, asking.last) for key in missing if asking.last is not None}


class _Asking:
    """What the threads of one call share. `stop` ends every wait, and nothing is sent after it.

    It is set by the `patience`-th request in a row that fails. `failed` are the requests that did, `last` the last one.
    `under_way` counts those that are sent and not answered.
    """

    def __init__(
        self, config: EndpointConfig, store: AnswerStore, clock: Clock, draw: Callable[[], float], *, patience: int
    ) -> None:
        self._config = config
        self._access = endpoint_access(config)
        self._store = store
        self._clock = clock
        self._draw = draw
        self._pace = Pace(config.requests_per_minute, clock)
        self.client = ChatClient(config, self._access, clock)
        self._patience = patience
        self._in_a_row = 0
        self._counting = Lock()
        self.under_way = 0
        self.failed: dict[str, EndpointError] = {}
        self.last: EndpointError | None = None
        self.stop = Event()

    def ask(self, key: str, request: ChatRequest) -> None:
        """Get one answer and keep it, or the error in its place."""
        try:
            answer = self._answer(request)
        except EndpointError as error:
            self._fail(key, error)
            return
        except BaseException:
            self.stop.set()
            raise
        if answer is not None:
            self._keep(key, answer)

    def _keep(self, key: str, answer: Answer) -> None:
        try:
            self._store.keep(key, answer)
        except BaseException:
            self.stop.set()
            raise
        with self._counting:
            self._in_a_row = 0

    def _fail(self, key: str, error: EndpointError) -> None:
        with self._counting:
            self.failed[key] = self.last = error
            self._in_a_row += 1
            if self._in_a_row >= self._patience:
                self.stop.set()

    def _answer(self, request: ChatRequest) -> Answer | None:
        """Attempts until one succeeds; None when the others were stopped meanwhile."""
        body = None
        for attempt in range(self._config.retries + 1):
            self._pace.wait_for_turn(self.stop)
            if self.stop.is_set():
                return None
            body = body or request_body(request, self._config)
            try:
                return self._send(body)
            except Failure as failure:
                if attempt == self._config.retries:
                    raise self._give_up(f"does not answer a request (attempts: {attempt + 1})", failure) from None
                self._wait_after(failure, attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, body: dict[str, Any]) -> Answer:
        with self._counting:
            self.under_way += 1
        try:
            return self.client.send(body)
        finally:
            with self._counting:
                self.under_way -= 1

    def _wait_after(self, failure: Failure, attempt: int) -> None:
        asked = failure.retry_after
        if asked is not None and asked > LONGEST_WAIT:
            raise self._give_up(f"asks to wait for {asked:.0f} s", failure)
        if asked is not None:
            self._pace.hold(asked)
        self._clock.wait(self.stop, retry_delay(attempt, retry_after=asked, draw=self._draw()))

    def _give_up(self, problem: str, failure: Failure) -> EndpointError:
        return EndpointError(
            f"{self._access.base_url} {problem}; the last time: {failure}. Answers that came are kept in "
            f"{self._store.path}: start again later to go on, or change retries, timeout, concurrency or "
            "requests_per_minute",
            kind=failure.kind,
        )


def _or_raise(answer: Answer | EndpointError) -> Answer:
    if isinstance(answer, EndpointError):
        raise answer
    return answer


def usage_of(answers: Iterable[Answer]) -> Usage:
    """What answers cost together."""
    given = list(answers)
    return Usage(
        answers=len(given),
        prompt_tokens=sum(answer.prompt_tokens or 0 for answer in given),
        completion_tokens=sum(answer.completion_tokens or 0 for answer in given),
    )


def _counted(progress: Progress | None, keys: Sequence[str], missing: Container[str]) -> Callable[[str], None]:
    """Called with every key that was answered, tells `progress` how many of all requests have their answer."""
    requests = Counter(keys)
    answered = sum(count for key, count in requests.items() if key not in missing)

    def done(key: str) -> None:
        nonlocal answered
        answered += requests[key]
        if progress is not None:
            progress(answered, len(keys))

    return done
