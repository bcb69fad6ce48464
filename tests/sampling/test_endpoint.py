"""An endpoint that is busy, breaks, refuses or lies, and what was paid for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from sampling.fake_clock import FakeClock
from sampling.scripted_server import Body, Reply, ScriptedServer, fails, says, serving
from trimpi.errors import EndpointError
from trimpi.recipe import EndpointConfig
from trimpi.rendering.prompts import make_prompt
from trimpi.sampling.endpoint import ChatRequest, Endpoint, EndpointSampler, Usage
from trimpi.types import Example, Message

KEY = "sk-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def endpoint(server: ScriptedServer, folder: Path, clock: FakeClock | None = None, **settings: Any) -> Endpoint:
    """One request at a time unless told otherwise, so that the script's order is known."""
    config = EndpointConfig(
        **{"model": "m", "base_url": server.url, "api_key_env": "TEST_KEY", "concurrency": 1, **settings}
    )
    return Endpoint(config, answers=folder / "answers.jsonl", clock=(clock or FakeClock()).clock, draw=lambda: 0.5)


def ask(text: str, *, sample: int = 0, **settings: Any) -> ChatRequest:
    message = Message(role="user", parts=(text,))
    return ChatRequest(messages=(message,), sample=sample, **{"temperature": 1.0, "max_tokens": 8, **settings})


def texts(server: ScriptedServer) -> list[str]:
    return [body["messages"][0]["content"] for body in server.asked]


def echo(body: Body) -> Reply:
    return says(f"to {body['messages'][0]['content']}")


def test_a_busy_broken_and_silent_server_is_asked_again_and_each_answer_is_paid_for_once(tmp_path: Path) -> None:
    clock = FakeClock()
    script = (
        fails(429, retry_after="7"),
        fails(500),
        Reply(hang=True),
        says("lost on the way", cut=20),
        Reply(body=b"<html>what?"),
        fails(503),
        says("one"),
        says("two"),
    )
    with serving(*script) as server:
        asking = endpoint(server, tmp_path, clock, timeout=0.2)
        answers = asking.complete([ask("a"), ask("b")])
        assert [answer.text for answer in answers] == ["one", "two"]
        assert texts(server) == ["a"] * 7 + ["b"]
        # 7 s and a half (the draw) as asked, then three quarters of 2, 4, 8, 16, 32 s.
        assert clock.waits == [7.5, 1.5, 3.0, 6.0, 12.0, 24.0]
        assert asking.usage == Usage(answers=2, prompt_tokens=20, completion_tokens=4)

        again = endpoint(server, tmp_path, clock)
        assert again.complete([ask("b"), ask("a")]) == answers[::-1]
        assert again.usage == asking.usage
        assert len(server.asked) == 8, "the second run asks nothing"


def test_answers_that_are_all_there_need_no_key_and_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says("one")) as server:
        first = endpoint(server, tmp_path).complete([ask("a")])
    monkeypatch.delenv("TEST_KEY")
    assert endpoint(server, tmp_path).complete([ask("a")]) == first


def test_what_is_sent_is_the_chat_with_its_settings_and_the_key_from_the_environment(tmp_path: Path) -> None:
    with serving(says("one")) as server:
        endpoint(server, tmp_path).complete([ask("a", top_p=0.5)])
    assert server.asked == [
        {
            "path": "/v1/chat/completions",
            "model": "m",
            "messages": [{"role": "user", "content": "a"}],
            "temperature": 1.0,
            "top_p": 0.5,
            "max_tokens": 8,
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]


def test_what_an_endpoint_does_not_take_is_left_out(tmp_path: Path) -> None:
    with serving(says("one")) as server:
        asking = endpoint(server, tmp_path, omit=["temperature", "top_p"], max_tokens_key="max_completion_tokens")
        asking.complete([ask("a")])
    assert server.asked[0].keys() == {"path", "model", "messages", "max_completion_tokens"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (fails(401, f"no such key {KEY}"), r"refuses .* \(401: no such key \[key\]\): check the API key in \$TEST_KEY"),
        (fails(403), "403: no.*use a key that may use this model"),
        (fails(404, "no model m"), r"404: no model m.*base_url is the root of the API, which usually ends in /v1"),
        (fails(400, "too\nlong " * 100), r"400: too long .*\.\.\.\): the model may not take .* change the model"),
        (fails(413), "413: no.*smaller images"),
        (fails(429, code="insufficient_quota"), r"429: no.*no credit left"),
        (fails(422), "422: no.*check model and base_url"),
    ],
)
def test_a_refusal_ends_all_with_what_to_do(tmp_path: Path, reply: Reply, message: str) -> None:
    with serving(says("one"), reply) as server, pytest.raises(EndpointError, match=message) as error:
        endpoint(server, tmp_path).complete([ask(text) for text in "abcd"])
    assert texts(server) == ["a", "b"], "nothing is asked after it"
    assert KEY not in str(error.value) and "\n" not in str(error.value)
    with serving(echo, echo, echo) as server:
        answers = endpoint(server, tmp_path).complete([ask(text) for text in "abcd"])
    assert [answer.text for answer in answers] == ["one", "to b", "to c", "to d"]


def test_a_server_without_key_that_wants_one_is_one_clear_error(tmp_path: Path) -> None:
    with serving(fails(401)) as server, pytest.raises(EndpointError, match="name the environment variable"):
        endpoint(server, tmp_path, api_key_env=None).complete([ask("a")])


def test_retries_end(tmp_path: Path) -> None:
    clock = FakeClock()
    with serving(*[fails(500, "down")] * 3) as server:
        with pytest.raises(EndpointError, match=r"\(attempts: 3\); the last time: 500: down.*start again later"):
            endpoint(server, tmp_path, clock, retries=2).complete([ask("a"), ask("b")])
        assert (texts(server), clock.waits) == (["a"] * 3, [0.75, 1.5])


def test_a_server_that_wants_to_be_left_alone_for_long_is_left_alone(tmp_path: Path) -> None:
    with serving(fails(429, retry_after="3600")) as server:
        with pytest.raises(EndpointError, match="asks to wait for 3600 s; the last time: 429"):
            endpoint(server, tmp_path).complete([ask("a")])
        assert len(server.asked) == 1


def test_nobody_at_the_address_is_an_error_after_the_retries(tmp_path: Path) -> None:
    with serving() as server:
        pass
    with pytest.raises(EndpointError, match=r"\(attempts: 2\); the last time: the connection failed"):
        endpoint(server, tmp_path, retries=1).complete([ask("a")])


def test_no_more_than_so_many_requests_start_in_a_minute(tmp_path: Path) -> None:
    clock = FakeClock()
    with serving(echo, fails(500), echo, echo) as server:
        endpoint(server, tmp_path, clock, requests_per_minute=6).complete([ask(text) for text in "abc"])
    # Every 10 s, the second attempt too: it waits its own 0.75 s first.
    assert clock.waits == [10.0, 0.75, 9.25, 10.0]


def test_a_busy_server_is_left_alone_by_all_threads(tmp_path: Path) -> None:
    clock = FakeClock()
    together = threading.Barrier(2)

    def busy(body: Body) -> Reply:
        together.wait(5)
        return fails(429, retry_after="5")

    with serving(busy, busy, echo, echo, echo, echo) as server:
        answers = endpoint(server, tmp_path, clock, concurrency=2).complete([ask(text) for text in "abcd"])
    assert [answer.text for answer in answers] == ["to a", "to b", "to c", "to d"]
    assert clock.time >= 1005.0 and len(server.asked) == 6


def test_so_many_requests_are_under_way_at_once_and_no_more(tmp_path: Path) -> None:
    together = threading.Barrier(3)
    most, now, lock = 0, 0, threading.Lock()

    def meet(body: Body) -> Reply:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        together.wait(5)
        with lock:
            now -= 1
        return echo(body)

    with serving(*[meet] * 6) as server:
        answers = endpoint(server, tmp_path, concurrency=3).complete([ask(text) for text in "abcdef"])
    assert [answer.text for answer in answers] == [f"to {text}" for text in "abcdef"]
    assert most == 3


def test_an_interrupt_keeps_what_is_paid_for_and_what_is_under_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    under_way = threading.Event()

    def slow(body: Body) -> Reply:
        under_way.set()
        time.sleep(0.2)
        return echo(body)

    def interrupt(done: int, total: int) -> None:
        under_way.wait(5)
        raise KeyboardInterrupt

    requests = [ask(text) for text in "abcdef"]
    with serving(echo, slow, echo, echo, echo, echo) as server:
        with pytest.raises(KeyboardInterrupt):
            endpoint(server, tmp_path).complete(requests, progress=interrupt)
        assert texts(server) == ["a", "b"]
        assert "waiting for the calls under way (1), which are paid for; Ctrl-C again drops them" in caplog.text
        answers = endpoint(server, tmp_path).complete(requests)
        assert texts(server) == list("abcdef"), "each was asked once, over both runs"
    assert [answer.text for answer in answers] == [f"to {text}" for text in "abcdef"]


def test_a_second_interrupt_drops_what_is_under_way_and_the_process_ends(tmp_path: Path) -> None:
    program = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from trimpi.recipe import EndpointConfig\n"
        "from trimpi.sampling.endpoint import ChatRequest, Endpoint\n"
        "from trimpi.types import Message\n"
        "turns = [(Message(role='user', parts=(text,)),) for text in 'abcdef']\n"
        "requests = [ChatRequest(messages=turn, temperature=1.0, max_tokens=8) for turn in turns]\n"
        "config = EndpointConfig(model='m', base_url=sys.argv[1], api_key_env=None)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # what started the tests may have it ignored
        "try:\n"
        "    Endpoint(config, answers=Path(sys.argv[2])).complete(requests)\n"
        "except KeyboardInterrupt:\n"
        "    print('dropped')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with serving(*[Reply(hang=True)] * 6) as server:
        command = [sys.executable, "-c", program, server.url, str(tmp_path / "answers.jsonl")]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            while len(server.asked) < 4:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline().startswith("interrupted: waiting for the calls under way (4)")
            process.send_signal(signal.SIGINT)
            said, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, said, errors) == (0, "dropped\n", "")


def test_how_many_calls_there_would_be_is_found_out_without_a_file(tmp_path: Path) -> None:
    with serving(echo) as server:
        asked = endpoint(server, tmp_path / "new")
        assert asked.unanswered([ask("a"), ask("a"), ask("b")]) == 2
        assert not (tmp_path / "new").exists()
        asked.complete([ask("a")])
        assert asked.unanswered([ask("a"), ask("b")]) == 1


def test_the_same_request_is_paid_for_once_and_another_sample_is_another_request(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    with serving(says("first"), says("second")) as server:
        answers = endpoint(server, tmp_path).complete(
            [ask("a"), ask("a"), ask("a", sample=1)], progress=lambda *numbers: done.append(numbers)
        )
        assert [answer.text for answer in answers] == ["first", "first", "second"]
        assert len(server.asked) == 2
    assert done == [(2, 3), (3, 3)]


def test_another_model_setting_or_image_is_another_request(tmp_path: Path) -> None:
    picture = tiny_models.write_image(tmp_path / "picture.png")
    request = ask("a")
    shown = ChatRequest(
        messages=make_prompt(
            Example(id="1", policy_name="P", prompt="?", images=(picture,), answer="x"), None
        ).messages,
        temperature=1.0,
        max_tokens=8,
    )
    with serving(*[echo] * 2, *[says("seen")] * 2, *[echo] * 2) as server:
        endpoint(server, tmp_path).complete([request, ask("a", temperature=0.5), shown])
        tiny_models.write_image(picture, color="blue")
        endpoint(server, tmp_path).complete([request, shown])
        assert len(server.asked) == 4, "the file's name is the same, its bytes are not"
        endpoint(server, tmp_path, model="n").complete([request])
        endpoint(server, tmp_path, omit=["top_p"]).complete([request])
        assert len(server.asked) == 6
    image = server.asked[2]["messages"][1]["content"][0]
    assert image["type"] == "image_url" and image["image_url"]["url"].startswith("data:image/png;base64,")


def test_text_that_no_file_can_hold_and_refusals_are_answers(tmp_path: Path) -> None:
    script = (
        says("half \ud83d of it", usage=None),
        says(None, finish="content_filter"),
        fails(400, "filtered", code="content_filter"),
        says("cut", finish="length"),
    )
    with serving(*script) as server:
        asking = endpoint(server, tmp_path)
        answers = asking.complete([ask(text) for text in "abcd"])
        assert [answer.text for answer in answers] == ["half \ufffd of it", "", "", "cut"]
        assert [answer.finish_reason for answer in answers] == ["stop", "content_filter", "content_filter", "length"]
        assert endpoint(server, tmp_path).complete([ask("a")]) == answers[:1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 3}}]}',
        b'{"choices": [{"message": null}]}',
        b'{"error": {"message": "upstream"}}',
        b"[" * 100_000,
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": 1}]}',
    ],
)
def test_what_is_no_chat_completion_is_asked_for_again(tmp_path: Path, body: bytes) -> None:
    with serving(Reply(body=body), says("one")) as server:
        assert endpoint(server, tmp_path).complete([ask("a")])[0].text == "one"
        assert len(server.asked) == 2


def test_the_sampler_gives_each_prompt_its_samples_in_order(tmp_path: Path) -> None:
    example = Example(id="1", policy_name="P", prompt="?", images=(), answer="x")
    prompts = [make_prompt(example, None, instruction=text) for text in ("I", "J")]
    with serving(*[echo] * 2, says("cut", finish="length"), says("", finish="content_filter")) as server:
        sampler = EndpointSampler(endpoint(server, tmp_path))
        sampled = sampler.sample(prompts, samples=2, temperature=0.7, top_p=0.9, max_new_tokens=5, seed=1)
    assert [[completion.text for completion in row] for row in sampled] == [["to I", "to I"], ["cut", ""]]
    assert [[completion.truncated for completion in row] for row in sampled] == [[False, False], [True, True]]
    assert sampler.usage == Usage(answers=4, prompt_tokens=40, completion_tokens=8)
    sent = {name: server.asked[0][name] for name in ("temperature", "top_p", "max_tokens")}
    assert sent == {"temperature": 0.7, "top_p": 0.9, "max_tokens": 5}


@pytest.mark.parametrize(
    ("settings", "variable", "message"),
    [
        ({"base_url": None}, {}, r"give base_url in the recipe, or set \$OPENAI_BASE_URL"),
        (
            {"base_url": None},
            {"OPENAI_BASE_URL": "ftp://x"},
            r"\$OPENAI_BASE_URL is not the root of an API: allowed is",
        ),
        ({"api_key_env": "OTHER_KEY"}, {}, "OTHER_KEY does not hold the API key"),
        ({}, {"TEST_KEY": " "}, "TEST_KEY does not hold the API key"),
        ({}, {"TEST_KEY": "two words"}, "what TEST_KEY holds is no API key"),
    ],
)
def test_an_endpoint_that_is_not_set_up_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Body, variable: dict[str, str], message: str
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    with serving() as server, pytest.raises(EndpointError, match=message) as error:
        endpoint(server, tmp_path, **settings).complete([ask("a")])
    assert not server.asked and "two words" not in str(error.value)


def test_the_place_comes_from_the_environment_where_the_recipe_leaves_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(says("one")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert endpoint(server, tmp_path, base_url=None).complete([ask("a")])[0].text == "one"


def test_the_store_never_holds_the_key(tmp_path: Path) -> None:
    with serving(says("one")) as server:
        endpoint(server, tmp_path).complete([ask("a")])
    stored = (tmp_path / "answers.jsonl").read_text()
    assert KEY not in stored and json.loads(stored)["text"] == "one"
