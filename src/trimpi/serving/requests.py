"""Chat requests as OpenAI's clients send them: what is understood, and what is refused rather than ignored. Torch-free.

Fields that would change an answer and cannot be honoured are refused unless they hold what changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

IGNORED = (
    "user",
    "metadata",
    "store",
    "service_tier",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
)
"""Fields that never change an answer here: a model makes one call at a time, and nothing is stored."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "tool_choice": ("auto", "none"),
}
"""Fields that are taken with these values, or null, only."""
MOST_STOPS = 4


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Loose(BaseModel):
    """Objects whose further fields say nothing to us."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TextContent(_Strict):
    type: Literal["text"]
    text: str


class ImageUrl(_Loose):
    """`detail` is ignored: every image is shown as the model was trained to see it."""

    url: str


class ImageContent(_Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


Content = Annotated[TextContent | ImageContent, Field(discriminator="type")]


class CalledFunction(_Loose):
    name: str
    arguments: str


class ToolCall(_Loose):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class SystemTurn(_Loose):
    role: Literal["system", "developer"]
    content: str | list[TextContent]


class UserTurn(_Loose):
    role: Literal["user"]
    content: str | list[Content]


class AssistantTurn(_Loose):
    role: Literal["assistant"]
    content: str | list[TextContent] | None = None
    tool_calls: list[ToolCall] | None = None


class ToolTurn(_Loose):
    """What a tool returned."""

    role: Literal["tool"]
    content: str | list[TextContent]
    tool_call_id: str


Turn = Annotated[SystemTurn | UserTurn | AssistantTurn | ToolTurn, Field(discriminator="role")]


class Function(_Loose):
    name: str


class Tool(_Loose):
    type: Literal["function"]
    function: Function


class StreamOptions(_Loose):
    include_usage: bool = False


class ChatRequest(_Strict):
    """The body of POST /v1/chat/completions."""

    model: str
    messages: list[Turn] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    n: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    response_format: Any = None
    modalities: Any = None
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    parallel_tool_calls: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None

    @field_validator(*NEUTRAL)
    @classmethod
    def _is_neutral(cls, value: Any, info: Any) -> Any:
        allowed = NEUTRAL[info.field_name]
        if value is not None and value not in allowed:
            words = " or ".join(map(repr, allowed))
            raise ValueError(f"this server cannot honour it: leave it out, or give {words}")
        return value

    @field_validator("stop")
    @classmethod
    def _stops_are_few(cls, value: str | list[str] | None) -> str | list[str] | None:
        stops = [value] if isinstance(value, str) else value or []
        if len(stops) > MOST_STOPS or "" in stops:
            raise ValueError(f"allowed are up to {MOST_STOPS} texts, none of them empty")
        return value

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def most_new_tokens(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def called_tools(self) -> frozenset[str]:
        """The tools whose calls are to be recognised."""
        return frozenset() if self.tool_choice == "none" else frozenset(tool.function.name for tool in self.tools or ())
