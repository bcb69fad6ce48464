r"""The tool call in an answer: boxed as models trained here write it, or in <tool_call> tags. Torch-free.

The answer's text stays whole beside it, so that it reads as evaluation read it and can be sent back as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from trimpi.rewards.response import read_response
from trimpi.rewards.tool_call import read_call

TAGGED = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """`arguments` is JSON text."""

    name: str
    arguments: str


def written_call(text: str, tools: Collection[str]) -> WrittenCall | None:
    """The call of one of these tools that an answer makes; None where it makes none, or a call that is malformed."""
    if not tools:
        return None
    tagged = TAGGED.search(text)
    boxed = read_response(text).answer
    for written in (boxed, tagged[1] if tagged else None):
        call = None if written is None else read_call(written)
        if call is not None and not isinstance(call, str) and call.name in tools:
            return WrittenCall(name=call.name, arguments=json.dumps(dict(call.arguments), ensure_ascii=False))
    return None
