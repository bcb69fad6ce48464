"""What a client is told when its request is not answered, in the form OpenAI's clients read. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A request that is not answered: `status` is the HTTP status, `code` a word for programs, `param` what is wrong.

    `retry_after` are seconds after which the same request may be answered.
    """

    def __init__(
        self, status: int, message: str, *, code: str, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> Mapping[str, str]:
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


def bad_request(message: str, *, code: str = "invalid_value", param: str | None = None) -> Refusal:
    """Status 400: the request is not one that can be answered."""
    return Refusal(400, message, code=code, param=param)


def too_large(message: str, *, code: str, param: str | None = None) -> Refusal:
    """Status 413: more than the server's limits allow."""
    return Refusal(413, message, code=code, param=param)


def busy(message: str) -> Refusal:
    """Status 429: too many requests wait already."""
    return Refusal(429, message, code="rate_limit_exceeded", retry_after=1)


def stopping() -> Refusal:
    """Status 503: the server takes nothing more."""
    return Refusal(503, "the server is stopping", code="unavailable", retry_after=5)


def failed() -> Refusal:
    """Status 500: the server's own fault, whose details are in its log."""
    return Refusal(500, "the model failed on this request; the server's log says why", code="internal_error")
