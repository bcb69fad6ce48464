"""What every request passes first: its key, the size of its body, and the time it takes to send it. Torch-free.

A body is read whole before anything looks into it. One that is too large is read to its end and thrown away: a client
that is cut off while it still sends would never see why.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trimpi.serving.limits import MEGABYTE, Limits
from trimpi.serving.metrics import Metrics
from trimpi.serving.refusals import Refusal, too_large

GUARDED = "/v1/"
COUNTED = ("/v1/chat/completions", "/v1/models", "/health", "/metrics")
"""Paths that are counted by name; any other is "other", so that nobody fills the memory with names."""
DRAINED_BYTES = 1000 * MEGABYTE
"""A body that says it is larger, or goes on beyond it, is cut off."""


class Gate:
    """In front of an application. No `keys` means that none is asked for."""

    def __init__(self, app: ASGIApp, *, keys: Sequence[str], limits: Limits, metrics: Metrics) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in COUNTED else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(path, str(message["status"])).inc()
            await send(message)

        try:
            body = await self._body(scope, receive)
            if scope["path"].startswith(GUARDED):
                self._check_key(scope)
        except Refusal as refusal:
            headers = {**refusal.headers, "connection": "close"}
            if refusal.status == 401:
                headers["www-authenticate"] = "Bearer"
            await JSONResponse(refusal.body, refusal.status, headers)(scope, receive, counted)
            return
        if body is not None:
            await self._app(scope, _replayed(body, receive), counted)

    def _check_key(self, scope: Scope) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.partition(b" ")
        right = [hmac.compare_digest(key.strip(), known) for known in self._keys]  # all, whichever is right
        if self._keys and not (scheme.lower() == b"bearer" and any(right)):
            raise Refusal(401, "no key, or a wrong one: send Authorization: Bearer KEY", code="invalid_api_key")

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """All of it; None when the client left. Raises Refusal with 408 when it is slow and 413 when it is large."""
        refusal = too_large(f"a body of more than {self._limits.body_bytes:,} bytes", code="body_too_large")
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > DRAINED_BYTES:
            raise refusal
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    more = message.get("more_body", False)
                    if size <= self._limits.body_bytes:
                        chunks.append(chunk)
                    else:
                        chunks.clear()
                    if size > DRAINED_BYTES:
                        raise refusal
        except TimeoutError:
            raise Refusal(
                408, f"the body was not sent within {self._limits.body_seconds:g} seconds", code="timeout"
            ) from None
        if size > self._limits.body_bytes:
            raise refusal
        return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, and afterwards what the connection gives: that it is gone."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
