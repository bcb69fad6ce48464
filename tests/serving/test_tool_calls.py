"""Tool calls through the endpoint: a model that writes what a script says, and the official client's own types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from starlette.testclient import TestClient

import tiny_models
from serving.chats import NAME, chat, deltas, streamed_text, user
from serving.test_batcher import ScriptedWaves
from trimpi.rendering.renderer import Renderer
from trimpi.serving.app import Service, build_app
from trimpi.serving.batcher import Batcher
from trimpi.serving.conversation import Conversations
from trimpi.serving.jobs import Answer
from trimpi.serving.limits import Limits

PATH = "/v1/chat/completions"
TEXT = '<think>It is heavy.</think>\\boxed{{"name": "Weigh", "arguments": {"parcel": 3}}}'
TOOLS = [{"type": "function", "function": {"name": "Weigh", "parameters": {"type": "object"}}}]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))

    def write_text(answers: list[Answer]) -> None:
        for answer in answers:
            any(answer.push(token) for token in [*TEXT.encode(), renderer.end_of_turn_id])
        answers.clear()

    service = Service(
        model=NAME,
        created=0,
        conversations=Conversations(writer=renderer.prompts),
        batcher=Batcher(ScriptedWaves(write_text), renderer, Limits()),
        limits=Limits(),
    )
    with TestClient(build_app(service)) as client:
        yield client


def test_a_call_of_an_offered_tool_comes_as_one(client: TestClient) -> None:
    choice = ChatCompletion.model_validate(client.post(PATH, json=chat(tools=TOOLS)).json()).choices[0]
    (call,) = choice.message.tool_calls or ()
    assert call.type == "function" and (call.function.name, call.function.arguments) == ("Weigh", '{"parcel": 3}')
    assert choice.finish_reason == "tool_calls" and choice.message.content == TEXT


def test_it_comes_at_the_end_of_a_stream(client: TestClient) -> None:
    stream = client.post(PATH, json=chat(tools=TOOLS, stream=True)).text
    chunks = [ChatCompletionChunk.model_validate(event) for event in deltas(stream)]
    assert streamed_text(stream) == TEXT
    (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert call.index == 0 and call.function and call.function.name == "Weigh"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_its_result_can_be_sent_back(client: TestClient) -> None:
    message = client.post(PATH, json=chat(tools=TOOLS)).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "2 kg"}
    assert client.post(PATH, json=chat(user(), message, result, tools=TOOLS)).status_code == 200


@pytest.mark.parametrize("fields", [{}, {"tools": TOOLS, "tool_choice": "none"}])
def test_nothing_is_called_that_was_not_offered(client: TestClient, fields: dict[str, object]) -> None:
    choice = client.post(PATH, json=chat(**fields)).json()["choices"][0]
    assert "tool_calls" not in choice["message"] and choice["finish_reason"] == "stop"


def test_a_call_cannot_be_forced(client: TestClient) -> None:
    response = client.post(PATH, json=chat(tools=TOOLS, tool_choice="required"))
    assert response.status_code == 400 and response.json()["error"]["param"] == "tool_choice"
