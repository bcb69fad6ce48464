"""Where an endpoint is and the key that opens it, from recipe and environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from trimpi.errors import EndpointError
from trimpi.recipe import EndpointConfig
from trimpi.recipe.endpoint import url_problem

BASE_URL_VARIABLE = "OPENAI_BASE_URL"
NO_KEY = "none"
"""Sent to servers that ask for no key: the client library insists on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAccess:
    """What a client needs to open an endpoint."""

    base_url: str
    api_key: str = field(repr=False)


def endpoint_access(config: EndpointConfig) -> EndpointAccess:
    """Raises EndpointError when the environment does not say what the recipe leaves to it."""
    return EndpointAccess(base_url=_base_url(config), api_key=_api_key(config))


def _base_url(config: EndpointConfig) -> str:
    if config.base_url is not None:
        return config.base_url
    url = os.environ.get(BASE_URL_VARIABLE, "")
    if not url:
        raise EndpointError(
            f"it is not said where the model {config.model!r} is: give base_url in the recipe, or set "
            f"${BASE_URL_VARIABLE}, such as https://HOST/v1"
        )
    problem = url_problem(url)
    if problem is not None:
        raise EndpointError(f"${BASE_URL_VARIABLE} is not the root of an API: {problem}")
    return url


def _api_key(config: EndpointConfig) -> str:
    if config.api_key_env is None:
        return NO_KEY
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise EndpointError(
            f"the environment variable {config.api_key_env} does not hold the API key for the model "
            f"{config.model!r}: set it, name another in api_key_env, or give api_key_env: null if no key is asked for"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise EndpointError(f"what {config.api_key_env} holds is no API key: it has spaces or special characters")
    return key
