"""The endpoint: chat completions and models as OpenAI's clients ask for them, health, metrics. Torch-free."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from trimpi.rendering.prompts import Prompt
from trimpi.sampling.sampler import SamplingSettings, row_seed
from trimpi.serving.conversation import Conversations
from trimpi.serving.gate import Gate
from trimpi.serving.images import ImageIntake
from trimpi.serving.jobs import Accepted, Failed, Finished, Job, News, Wrote
from trimpi.serving.limits import Limits
from trimpi.serving.metrics import CONTENT_TYPE, Metrics
from trimpi.serving.refusals import Refusal, bad_request
from trimpi.serving.requests import ChatRequest
from trimpi.serving.responses import STREAM_END, Header, event, finish_reason, usage
from trimpi.serving.tool_calls import written_call

SECONDS_BETWEEN_LOOKS = 0.25
"""How often a request that waits for its whole answer looks whether its client is still there."""


class Answering(Protocol):
    """What answers jobs: see `Batcher`."""

    @property
    def alive(self) -> bool: ...

    @property
    def state(self) -> Mapping[str, int]: ...

    def start(self) -> None: ...

    def submit(self, job: Job) -> None: ...

    def close(self, seconds: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is served under the name `model`: `created` is when its serving began, in seconds of the epoch.

    Requests that say nothing of it are answered at `temperature`. Without `keys` none is asked for; `local_images` is
    the folder that files may be read from.
    """

    model: str
    created: int
    conversations: Conversations
    batcher: Answering
    limits: Limits
    keys: Sequence[str] = ()
    local_images: Path | None = None
    temperature: float = 0.0


def build_app(service: Service) -> ASGIApp:
    """The application; the model's thread runs from its start to its end."""
    metrics = Metrics(lambda: service.batcher.state)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await asyncio.to_thread(service.batcher.close, service.limits.shutdown_seconds)

    app = FastAPI(title="trimpi", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    listed = {"id": service.model, "object": "model", "created": service.created, "owned_by": "trimpi"}

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request, body: ChatRequest) -> Response:
        _require_model(service, body.model)
        exchange = await _Exchange.open(service, metrics, body)
        if body.stream:
            return StreamingResponse(exchange.events(), media_type="text/event-stream")
        return JSONResponse(await exchange.whole(request))

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [listed]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        _require_model(service, name)
        return listed

    @app.get("/health")
    async def health() -> Response:
        alive = service.batcher.alive
        state = {"status": "ok" if alive else "unavailable", "model": service.model, **service.batcher.state}
        return JSONResponse(state, 200 if alive else 503)

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return JSONResponse(refusal.body, refusal.status, refusal.headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        refusal = _malformed(error)
        return JSONResponse(refusal.body, refusal.status)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        code = "not_found" if error.status_code == 404 else "invalid_request"
        refusal = Refusal(error.status_code, f"{request.method} {request.url.path}: {error.detail}", code=code)
        return JSONResponse(refusal.body, refusal.status, error.headers)

    return Gate(app, keys=service.keys, limits=service.limits, metrics=metrics)


def _require_model(service: Service, name: str) -> None:
    if name != service.model:
        raise Refusal(
            404, f"no model {name[:200]!r} here; served is {service.model!r}", code="model_not_found", param="model"
        )


def _malformed(error: RequestValidationError) -> Refusal:
    """What is wrong deepest in a body, by the path to it: where several forms are allowed, the one that was meant."""
    worst = max(error.errors(), key=lambda found: len(found["loc"]))
    if worst["type"] == "json_invalid":
        position, why = worst["loc"][1], worst["ctx"]["error"]
        return bad_request(f"the body is not JSON: {why} (character {position})", code="json_invalid")
    steps = [str(step) for step in worst["loc"][1:]]
    place = ".".join(step for step in steps if step != "str" and "[" not in step)  # not the names of forms
    message = str(worst["msg"]).removeprefix("Value error, ")
    return bad_request(f"{place or 'the body'}: {message}", code=worst["type"], param=place or None)


class _Exchange:
    """One request and what comes back for it."""

    def __init__(self, service: Service, metrics: Metrics, body: ChatRequest) -> None:
        self._service, self._metrics, self._body = service, metrics, body
        self._header = Header(id=f"chatcmpl-{uuid.uuid4().hex}", created=int(time.time()), model=service.model)
        self._start = time.perf_counter()
        self._first_text: float | None = None
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._folder = tempfile.TemporaryDirectory(prefix="trimpi-images-")
        self._finished: dict[int, Finished] = {}
        self._prompt_tokens = 0
        self._answers = body.n or 1
        self._job: Job | None = None

    @classmethod
    async def open(cls, service: Service, metrics: Metrics, body: ChatRequest) -> _Exchange:
        """Raises Refusal unless the model takes the request: what is wrong with it is known before a stream begins."""
        exchange = cls(service, metrics, body)
        try:
            await exchange._ask()
        except BaseException:
            exchange._close()
            raise
        return exchange

    async def whole(self, request: Request) -> dict[str, Any]:
        """The response when all of it is there. Raises Refusal when it fails."""
        watch = asyncio.create_task(self._watch(request))
        try:
            while len(self._finished) < self._answers:
                self._note(await self._news.get())
            answers = [self._finished[number] for number in range(self._answers)]
            calls = [(answer, written_call(answer.text, self._body.called_tools)) for answer in answers]
            return self._header.completion(calls, usage(self._prompt_tokens, answers))
        finally:
            watch.cancel()
            self._close()

    async def events(self) -> AsyncIterator[str]:
        """The response as server-sent events, piece by piece. A client that leaves ends the work for it."""
        options = self._body.stream_options
        counted = options is not None and options.include_usage
        try:
            for number in range(self._answers):
                yield self._header.chunk(number, {"role": "assistant", "content": ""}, usage=counted)
            while len(self._finished) < self._answers:
                news = await self._news.get()
                self._note(news)
                if isinstance(news, Wrote):
                    yield self._header.chunk(news.answer, {"content": news.text}, usage=counted)
                elif isinstance(news, Finished):
                    call = written_call(news.text, self._body.called_tools)
                    if call is not None:
                        yield self._header.call_chunk(news.answer, call, usage=counted)
                    yield self._header.chunk(news.answer, {}, finish=finish_reason(news, call), usage=counted)
            if counted:
                yield self._header.usage_chunk(usage(self._prompt_tokens, list(self._finished.values())))
            yield STREAM_END
        except Refusal as refusal:
            yield event(refusal.body)
        finally:
            self._close()

    async def _ask(self) -> None:
        settings, limits = self._settings(), self._service.limits
        if self._answers > limits.answers:
            raise bad_request(f"n is {self._answers}; allowed are up to {limits.answers}", param="n")
        prompt = await asyncio.to_thread(self._prompt)
        loop = asyncio.get_running_loop()
        # As `Sampler.sample` seeds the answers of one prompt.
        seed = self._body.seed if self._body.seed is not None else uuid.uuid4().int >> 65
        self._job = Job(
            prompt=prompt,
            seeds=[row_seed(seed, 0, number) for number in range(self._answers)],
            settings=settings,
            stops=self._body.stops,
            any_length=self._body.most_new_tokens is None,
            tell=lambda news: _told(loop, self._news, news),
        )
        self._service.batcher.submit(self._job)
        self._note(await self._news.get())
        self._metrics.prompt_tokens.inc(self._prompt_tokens)
        self._metrics.images.inc(len(prompt.images))

    def _settings(self) -> SamplingSettings:
        body, limits = self._body, self._service.limits
        most = body.most_new_tokens
        if most is not None and most > limits.new_tokens:
            raise bad_request(
                f"an answer of {most:,} tokens; allowed are up to {limits.new_tokens:,}", param="max_completion_tokens"
            )
        return SamplingSettings(
            temperature=self._service.temperature if body.temperature is None else body.temperature,
            top_p=1.0 if body.top_p is None else body.top_p,
            max_new_tokens=most or limits.new_tokens,
        )

    def _prompt(self) -> Prompt:
        intake = ImageIntake(self._service.limits, Path(self._folder.name), local=self._service.local_images)
        return self._service.conversations.prompt(self._body.messages, intake.take)

    def _note(self, news: News) -> None:
        """Raises Refusal when that is the news."""
        if isinstance(news, Failed):
            raise news.refusal
        if isinstance(news, Accepted):
            self._prompt_tokens = news.prompt_tokens
        elif isinstance(news, Finished):
            self._finished[news.answer] = news
            self._metrics.completion_tokens.inc(news.tokens)
        elif self._first_text is None:
            self._first_text = time.perf_counter() - self._start
            self._metrics.first_text_seconds.observe(self._first_text)

    async def _watch(self, request: Request) -> None:
        """End the work when the client has gone."""
        while not await request.is_disconnected():
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        if self._job is not None:
            self._job.fail(Refusal(499, "the client has gone", code="client_closed_request"))

    def _close(self) -> None:
        if self._job is not None:
            self._job.cancelled.set()
        self._metrics.request_seconds.observe(time.perf_counter() - self._start)
        self._folder.cleanup()


def _told(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[News], news: News) -> None:
    """From the model's thread; nobody listens any more when the server has stopped."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(queue.put_nowait, news)
