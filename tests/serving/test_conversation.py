from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from trimpi.policies import Policy
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, PromptWriter, as_update
from trimpi.serving.conversation import Conversations
from trimpi.serving.refusals import Refusal
from trimpi.serving.requests import Turn
from trimpi.serving.tool_calls import WrittenCall, written_call
from trimpi.types import Example, ImagePart, Message

TURNS: TypeAdapter[list[Turn]] = TypeAdapter(list[Turn])
CALL = {"id": "c1", "type": "function", "function": {"name": "Weigh", "arguments": '{"parcel": 3}'}}


def messages(*turns: dict[str, Any], policy: Policy | None = None) -> tuple[Message, ...]:
    conversations = Conversations(writer=PromptWriter(), policy=policy)
    return conversations.prompt(TURNS.validate_python(list(turns)), Path).messages


def test_a_request_is_the_prompt_that_evaluation_writes() -> None:
    policy = as_update(Policy(name="P", sections=("Rules.", ImagePart(path=Path("rule.png")))))
    example = Example(id="1", policy_name="P", prompt="Which?", images=(Path("a.png"), Path("b.png")), answer="")
    images = [{"type": "image_url", "image_url": {"url": name, "detail": "low"}} for name in ("a.png", "b.png")]
    turn = {"role": "user", "content": [*images, {"type": "text", "text": "Which?"}]}
    for shown in (None, policy):
        assert messages(turn, policy=shown) == PromptWriter().prompt(example, shown).messages


def test_an_empty_system_turn_replaces_the_instruction_too() -> None:
    system, _ = messages({"role": "system", "content": ""}, {"role": "user", "content": "Which?"})
    assert system == Message(role="system", parts=())


def test_results_of_tools_are_the_users_turn() -> None:
    written = messages(
        {"role": "user", "content": "Weigh it."},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "2 kg"},
        {"role": "user", "content": "Well?"},
    )
    assert written == (
        Message(role="system", parts=(DEFAULT_INSTRUCTION,)),
        Message(role="user", parts=("Weigh it.",)),
        Message(role="assistant", parts=('\\boxed{{"name": "Weigh", "arguments": {"parcel": 3}}}',)),
        Message(role="user", parts=("Tool Weigh returned:\n2 kg\n\nWell?",)),
    )


def test_a_result_of_no_call_is_refused() -> None:
    with pytest.raises(Refusal, match="'c2'"):
        messages({"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "c2", "content": "b"})


@pytest.mark.parametrize(
    "text",
    [
        '<think>Heavy?</think>\\boxed{{"name": "Weigh", "arguments": {"parcel": 3}}}',
        'Let me see.\n<tool_call>\n{"name": "Weigh", "arguments": {"parcel": 3}}\n</tool_call>',
    ],
)
def test_calls_are_read_from_answers(text: str) -> None:
    assert written_call(text, {"Weigh"}) == WrittenCall(name="Weigh", arguments='{"parcel": 3}')
    assert written_call(text, {"Other"}) is None, "a tool that was not offered"
    assert written_call(text, ()) is None


@pytest.mark.parametrize("text", ["", "\\boxed{red}", '\\boxed{{"name": "Weigh"}', "<tool_call>{}</tool_call>"])
def test_what_is_no_call_is_text(text: str) -> None:
    assert written_call(text, {"Weigh"}) is None
