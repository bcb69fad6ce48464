"""Completions and their chunks as OpenAI's clients read them. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimpi.serving.jobs import Finished
from trimpi.serving.tool_calls import WrittenCall

STREAM_END = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What all parts of one response say: its `id`, the second it was `created` in, and the model's name."""

    id: str
    created: int
    model: str

    def completion(
        self, answers: Sequence[tuple[Finished, WrittenCall | None]], usage: Mapping[str, int]
    ) -> dict[str, Any]:
        """The whole response: `answers` in order, each with the call it makes."""
        choices = [
            {
                "index": answer.answer,
                "message": {
                    "role": "assistant",
                    "content": answer.text,
                    "refusal": None,
                    **({} if call is None else {"tool_calls": [self._call(answer.answer, call)]}),
                },
                "logprobs": None,
                "finish_reason": finish_reason(answer, call),
            }
            for answer, call in answers
        ]
        return {**self._fields("chat.completion"), "choices": choices, "usage": dict(usage)}

    def chunk(self, answer: int, delta: Mapping[str, Any], *, finish: str | None = None, usage: bool = False) -> str:
        """A piece of one answer, as an event; `usage` says whether the stream will end with one."""
        choice = {"index": answer, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
        fields = {**self._fields("chat.completion.chunk"), "choices": [choice], **({"usage": None} if usage else {})}
        return event(fields)

    def call_chunk(self, answer: int, call: WrittenCall, *, usage: bool) -> str:
        """The call that an answer makes."""
        return self.chunk(answer, {"tool_calls": [{"index": 0, **self._call(answer, call)}]}, usage=usage)

    def usage_chunk(self, usage: Mapping[str, int]) -> str:
        """The last piece, where usage was asked for."""
        return event({**self._fields("chat.completion.chunk"), "choices": [], "usage": dict(usage)})

    def _fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _call(self, answer: int, call: WrittenCall) -> dict[str, Any]:
        return {
            "id": f"call_{self.id.removeprefix('chatcmpl-')}_{answer}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }


def finish_reason(answer: Finished, call: WrittenCall | None) -> str:
    return answer.reason if call is None else "tool_calls"


def usage(prompt_tokens: int, answers: Sequence[Finished]) -> dict[str, int]:
    """Tokens read and written; the prompt counts once, however many answers it gets."""
    written = sum(answer.tokens for answer in answers)
    return {"prompt_tokens": prompt_tokens, "completion_tokens": written, "total_tokens": prompt_tokens + written}


def event(data: Mapping[str, Any]) -> str:
    """JSON as a server-sent event. It is written on one line, so no text can end the event early."""
    return f"data: {json.dumps(data)}\n\n"
