"""One request, one attempt: an answer, a failure worth another attempt, or an error with what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trimpi.errors import EndpointError
from trimpi.recipe import EndpointConfig
from trimpi.sampling.endpoint.access import EndpointAccess
from trimpi.sampling.endpoint.answers import Answer
from trimpi.sampling.endpoint.pacing import Clock, retry_after

if TYPE_CHECKING:
    import openai

BUSY = (408, 409, 425, 429)
"""Statuses that pass, as those of 500 and more do."""
FILTERED = "content_filter"
NO_CREDIT = "insufficient_quota"
LONGEST_QUOTE = 200

REMEDIES = {
    400: "the model may not take images, so long a prompt, or one of the settings: change the model, max_new_tokens, "
    "omit or max_tokens_key",
    401: "check the API key in ${api_key_env}",
    403: "use a key that may use this model and endpoint; the one used is in ${api_key_env}",
    404: "check model, and that base_url is the root of the API, which usually ends in /v1",
    413: "use smaller images or a shorter policy",
    429: "the account behind ${api_key_env} has no credit left: add some and start again",
}
OTHER_REMEDY = "check model and base_url"


class Failure(Exception):
    """An attempt that another one may mend. `retry_after` is what the server asks to wait, in seconds.

    `kind` is as in `EndpointError`.
    """

    def __init__(self, reason: str, *, kind: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after = retry_after


class ChatClient:
    """Sends to one endpoint; threads may share it. The library's own retries are off: ours count and keep the pace."""

    def __init__(self, config: EndpointConfig, access: EndpointAccess, clock: Clock) -> None:
        from openai import OpenAI  # half a second; not needed when every answer is there already

        self._config = config
        self._access = access
        self._clock = clock
        self._client = OpenAI(base_url=access.base_url, api_key=access.api_key, timeout=config.timeout, max_retries=0)

    def send(self, body: dict[str, Any]) -> Answer:
        """Raises Failure for what may pass, EndpointError for what will not."""
        import openai

        try:
            response = self._client.chat.completions.with_raw_response.create(**body)
        except openai.APIStatusError as error:
            return self._refused(error)
        except openai.APITimeoutError:
            raise Failure(f"no answer within {self._config.timeout:g} s", kind="timeout") from None
        except openai.APIConnectionError as error:
            raise Failure(f"the connection failed ({error.__cause__ or error})", kind="connection") from None
        answer = read_answer(response.text)
        if answer is None:
            raise Failure(f"what came is no chat completion: {self._quote(response.text)}", kind="no completion")
        return answer

    def close(self) -> None:
        self._client.close()

    def _refused(self, error: openai.APIStatusError) -> Answer:
        status = error.status_code
        details = error.body if isinstance(error.body, dict) else {}
        if status == 400 and details.get("code") == FILTERED:
            return Answer(text="", finish_reason=FILTERED)
        said = f"{status}: {self._quote(details.get('message') or error.response.text)}"
        passes = status >= 500 or status in BUSY
        if passes and details.get("code") != NO_CREDIT:
            wait = retry_after(error.response.headers, wall=self._clock.wall())
            raise Failure(said, kind=str(status), retry_after=wait)
        remedy = REMEDIES.get(status, OTHER_REMEDY)
        if status == 401 and self._config.api_key_env is None:
            remedy = "it asks for a key: name the environment variable that holds it in api_key_env"
        remedy = remedy.replace("{api_key_env}", self._config.api_key_env or "(no key)")
        raise EndpointError(
            f"{self._access.base_url} refuses a request to the model {self._config.model!r} ({said}): {remedy}",
            kind=str(status),
        )

    def _quote(self, text: object) -> str:
        line = " ".join(str(text).replace(self._access.api_key, "[key]").split())
        return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."


def read_answer(text: str) -> Answer | None:
    """The first choice of a chat completion; None for anything that is not one.

    No content (a refusal, a filter) is an empty text; halves of characters become U+FFFD.
    """
    try:
        data = json.loads(text)
        choice = data["choices"][0]
        content = choice["message"]["content"]
        finish_reason = choice.get("finish_reason")
        usage = data.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(content, str | None) or not isinstance(finish_reason, str | None):
        return None
    prompt_tokens, completion_tokens = (count if type(count) is int else None for count in counts)
    return Answer(
        text=_whole_characters(content or ""),
        finish_reason=None if finish_reason is None else _whole_characters(finish_reason),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _whole_characters(text: str) -> str:
    """JSON can say half a surrogate pair, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
