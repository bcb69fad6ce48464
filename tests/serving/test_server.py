"""A real server and the official client: the answers of `trimpi eval`, at one client and at many, and bad clients."""

from __future__ import annotations

import random
import socket
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from serving.server_process import KEY, LONGEST_WAIT, Server, served
from tiny_task import ColorTask, save_tiny_model
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.results import ExampleRecord, load_records
from trimpi.models import load_model, load_processor
from trimpi.rendering.openai_chat import to_openai_chat
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.types import Example, ImagePart, Message, Split

NEW_TOKENS = 24
CLIENTS = 32
pytestmark = pytest.mark.slow


class ManyColors(ColorTask):
    """As many test requests as there are clients, no two alike: random weights answer random texts differently."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, examples=CLIENTS)

    def examples(self, split: Split) -> list[Example]:
        rng = random.Random(0)
        texts = ["".join(rng.choices(string.printable, k=rng.randrange(5, 60))) for _ in range(CLIENTS)]
        return [replace(example, prompt=text) for example, text in zip(super().examples("train"), texts, strict=True)]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving")
    save_tiny_model(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def evaluated(workshop: Path) -> dict[str, tuple[Example, ExampleRecord]]:
    """Every request with what evaluation recorded of it."""
    task = ManyColors(workshop / "task")
    renderer = Renderer(load_processor(workshop / "tiny"))
    sampler = local_sampler(load_model(workshop / "tiny"), renderer, batch_size=8, engine="prefix")
    evaluate_suite(
        task,
        sampler,
        renderer,
        suite="accuracy",
        model="tiny",
        out_dir=workshop / "eval",
        max_new_tokens=NEW_TOKENS,
        seed=0,
    )
    examples = {example.id: example for example in task.examples("test")}
    return {record.id: (examples[record.id], record) for record in load_records(workshop / "eval" / "accuracy.jsonl")}


@pytest.fixture(scope="module")
def server(workshop: Path) -> Iterator[Server]:
    limits = ("--max-new-tokens", str(NEW_TOKENS), "--body-seconds", "4", "--batch", "16")
    with served(workshop / "tiny", workshop / "server.log", *limits) as server:
        yield server


def client_of(server: Server, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=60)


def turns_of(example: Example) -> Any:
    parts = (*(ImagePart(path=path) for path in example.images), example.prompt)
    return to_openai_chat([Message(role="user", parts=parts)])


def whole(client: openai.OpenAI, example: Example) -> str | None:
    return client.chat.completions.create(model="tiny", messages=turns_of(example)).choices[0].message.content


def streamed(client: openai.OpenAI, example: Example) -> str:
    stream = client.chat.completions.create(model="tiny", messages=turns_of(example), stream=True)
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("clients", [1, CLIENTS])
def test_the_official_client_gets_the_answers_of_evaluation(
    server: Server, evaluated: dict[str, tuple[Example, ExampleRecord]], ask: Any, clients: int
) -> None:
    pairs = list(evaluated.values())[: 4 if clients == 1 else None]
    with client_of(server) as client, ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda pair: ask(client, pair[0]), pairs))
    assert answers == [record.completion for _, record in pairs]
    assert len(set(answers)) > len(pairs) // 4


def test_bad_clients_get_their_status_and_others_their_answers(
    server: Server, evaluated: dict[str, tuple[Example, ExampleRecord]]
) -> None:
    example, record = next(iter(evaluated.values()))
    with client_of(server) as client, client_of(server, "wrong") as stranger:
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n"
            slow.sendall(f'{head}content-type: application/json\r\ncontent-length: 999\r\n\r\n{{"model'.encode())
            with pytest.raises(openai.AuthenticationError):
                whole(stranger, example)
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="other", messages=turns_of(example))
            with pytest.raises(openai.BadRequestError, match="base64 is broken"):
                broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,no!"}}
                client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": [broken]}])
            with pytest.raises(openai.APIStatusError) as refusal:
                client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "a" * 50_000_000}])
            assert refusal.value.status_code == 413
            assert whole(client, example) == record.completion
            slow.settimeout(30)
            assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
        # One who leaves in the middle of a stream.
        client.chat.completions.create(model="tiny", messages=turns_of(example), stream=True).close()
        assert whole(client, example) == record.completion
    assert server.process.poll() is None


def test_a_server_that_is_stopped_answers_what_it_has_taken(workshop: Path) -> None:
    limits = ("--max-new-tokens", "400")
    with served(workshop / "tiny", workshop / "stopped.log", *limits) as server, client_of(server) as client:
        stream = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "Go on."}], stream=True, seed=1, temperature=1.5
        )
        pieces = iter(stream)
        next(pieces)
        server.process.terminate()
        reasons = [choice.finish_reason for chunk in pieces for choice in chunk.choices]
        assert reasons[-1] in ("stop", "length") and len(reasons) > 20
        assert server.process.wait(LONGEST_WAIT) == 0
        with pytest.raises(openai.APIConnectionError):
            client.models.list()
