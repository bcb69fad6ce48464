"""Another model behind an OpenAI-compatible endpoint. Keys are named, never written: a recipe is shared."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from trimpi.recipe.numbers import Count, Positive
from trimpi.recipe.strict import StrictModel


class EndpointConfig(StrictModel):
    """A chat endpoint. `base_url` null takes $OPENAI_BASE_URL; it is the API's root and usually ends in /v1.

    `api_key_env` names the environment variable that holds the key; null for a server that asks for none. `concurrency`
    requests are under way at once, `requests_per_minute` of them start (null: no limit), and each is tried
    1 + `retries` times when the server is busy or does not answer within `timeout` seconds. `omit` leaves out what the
    model behind the endpoint does not take; `max_tokens_key` is what it calls the longest answer.
    """

    type: Literal["endpoint"] = "endpoint"
    model: str = Field(min_length=1)
    base_url: str | None = None
    api_key_env: str | None = "OPENAI_API_KEY"
    concurrency: Count = 4
    requests_per_minute: Positive | None = None
    retries: Annotated[int, Field(ge=0)] = 6
    timeout: Positive = 120.0
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    omit: list[Literal["temperature", "top_p"]] = Field(default_factory=list)

    @field_validator("base_url")
    @classmethod
    def _usable_url(cls, url: str | None) -> str | None:
        problem = None if url is None else url_problem(url)
        if problem is not None:
            raise ValueError(problem)
        return url

    @field_validator("api_key_env")
    @classmethod
    def _name_of_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            raise ValueError("allowed is the name of the environment variable that holds the key, not the key; or null")
        return name


def url_problem(url: str) -> str | None:
    """Why a text cannot be an API's root, and what can; None when it can."""
    allowed = "allowed is http(s)://HOST/PATH"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"{allowed} ({error})"
    if parts.scheme not in ("http", "https") or not host or url != url.strip():
        return allowed
    if parts.username is not None or parts.query or parts.fragment:
        return f"{allowed} without a user name, a query or a key: the key goes into an environment variable"
    return None
