"""What the endpoint says to right and to wrong requests, in this process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.chats import NAME, chat, data_url, deltas, png, streamed_text, tiny_app, user
from tiny_task import save_tiny_model
from trimpi.models import load_model, load_processor
from trimpi.policies import Policy
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.types import Example

PATH = "/v1/chat/completions"
POLICY = Policy(name="Ako", sections=("# Ako\n" + "Name the color of what you are shown. " * 6,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("served") / NAME)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    (images / "red.png").write_bytes(png())
    (images.parent / "secret.png").write_bytes(png())
    (images / "link.png").symlink_to(images.parent / "secret.png")
    return images


@pytest.fixture(scope="module")
def client(folder: Path, images: Path) -> Iterator[TestClient]:
    with TestClient(tiny_app(folder, local_images=images)) as client:
        yield client


@pytest.fixture(scope="module")
def sampler(folder: Path) -> tuple[Renderer, LocalSampler]:
    renderer = Renderer(load_processor(folder))
    return renderer, LocalSampler(load_model(folder), renderer, batch_size=4)


def sampled(
    sampler: tuple[Renderer, LocalSampler],
    *,
    image: Path,
    policy: Policy | None = None,
    samples: int = 1,
    **settings: Any,
) -> list[str]:
    """What `trimpi eval` would get for the request `user()` with this image."""
    renderer, local = sampler
    example = Example(id="1", policy_name="", prompt="What now?", images=(image,), answer="")
    chosen = {"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 24, "seed": 0, **settings}
    (completions,) = local.sample([renderer.prompt(example, policy)], samples=samples, **chosen)
    return [completion.text for completion in completions]


def post(client: TestClient, body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    response = client.post(PATH, json=body, **options)
    return response.status_code, response.json()


def contents(completion: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in completion["choices"]]


def test_an_answer_is_the_samplers(client: TestClient, sampler: tuple[Renderer, LocalSampler], images: Path) -> None:
    status, completion = post(client, chat(user("What now?", data_url(png()))))
    assert status == 200 and contents(completion) == sampled(sampler, image=images / "red.png")
    assert completion["usage"]["total_tokens"] == sum(
        completion["usage"][kind] for kind in ("prompt_tokens", "completion_tokens")
    )
    assert completion["choices"][0]["finish_reason"] in ("stop", "length")


def test_answers_by_seed_are_the_samplers(
    client: TestClient, sampler: tuple[Renderer, LocalSampler], images: Path
) -> None:
    settings = {"temperature": 0.9, "top_p": 0.8, "seed": 7}
    _, completion = post(client, chat(user("What now?", data_url(png())), n=3, **settings))
    assert contents(completion) == sampled(sampler, image=images / "red.png", samples=3, **settings)
    assert len(set(contents(completion))) == 3


def test_a_stream_says_what_a_whole_answer_says(client: TestClient) -> None:
    body = chat(user("What now?", data_url(png())), n=2, seed=5, temperature=1.2)
    _, completion = post(client, body)
    stream = client.post(PATH, json={**body, "stream": True, "stream_options": {"include_usage": True}}).text
    assert [streamed_text(stream, number) for number in range(2)] == contents(completion)
    events = deltas(stream)
    assert events[-1]["usage"] == completion["usage"] and events[-1]["choices"] == []
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    assert sorted(reasons) == sorted(choice["finish_reason"] for choice in completion["choices"])
    assert len(events) > 8, "it comes piece by piece"


def test_a_stop_ends_an_answer_in_both_ways(client: TestClient) -> None:
    (whole,) = contents(post(client, chat())[1])
    stop = whole[3:6]
    status, completion = post(client, chat(stop=[stop, "never written"]))
    assert status == 200 and contents(completion) == [whole[: whole.index(stop)]]
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert streamed_text(client.post(PATH, json=chat(stop=stop, stream=True)).text) == whole[: whole.index(stop)]


def test_an_answer_is_no_longer_than_asked(client: TestClient) -> None:
    _, completion = post(client, chat(max_completion_tokens=3))
    assert completion["usage"]["completion_tokens"] == 3
    assert completion["choices"][0]["finish_reason"] == "length"


def test_an_answer_whose_length_nobody_named_gets_what_is_left(client: TestClient) -> None:
    """The model holds 4,096 tokens, a text token is one byte."""
    own = post(client, chat(user("a")))[1]["usage"]["prompt_tokens"]
    body = chat(user("a" * (4096 - own - 9)), temperature=2.0, seed=0)
    status, completion = post(client, body)
    assert status == 200 and completion["usage"]["completion_tokens"] <= 10
    assert completion["usage"]["prompt_tokens"] == 4096 - 10
    assert post(client, {**body, "max_tokens": 11})[1]["error"]["code"] == "context_length_exceeded"


def test_a_system_turn_replaces_the_instruction(client: TestClient) -> None:
    short, long = (
        post(client, chat({"role": "system", "content": text}, user()))[1]["usage"]["prompt_tokens"]
        for text in ("Be brief.", "Be brief. And kind.")
    )
    assert long - short == len(" And kind."), "a text token is one byte"
    status, empty = post(client, chat({"role": "system", "content": ""}, user()))
    assert status == 200 and short - empty["usage"]["prompt_tokens"] == len("Be brief."), "nor comes the default back"


def test_a_policy_is_shown_in_every_prompt(folder: Path, sampler: tuple[Renderer, LocalSampler], images: Path) -> None:
    body = chat(user("What now?", data_url(png())))
    with TestClient(tiny_app(folder, policy=POLICY)) as client:
        answers = [contents(post(client, body)[1]) for _ in range(2)]
    assert answers == [sampled(sampler, image=images / "red.png", policy=POLICY)] * 2


def test_a_model_of_the_plain_engine_answers_alike(
    folder: Path, sampler: tuple[Renderer, LocalSampler], images: Path
) -> None:
    body = chat(user("What now?", data_url(png())))
    with TestClient(tiny_app(folder, engine="plain")) as client:
        assert contents(post(client, body)[1]) == sampled(sampler, image=images / "red.png")
        assert [streamed_text(client.post(PATH, json={**body, "stream": True}).text)] == contents(post(client, body)[1])


def test_models_are_listed(client: TestClient) -> None:
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [NAME]
    assert client.get(f"/v1/models/{NAME}").json()["object"] == "model"
    assert client.get("/v1/models/other").status_code == 404


def test_a_file_in_the_folder_is_read(client: TestClient, sampler: tuple[Renderer, LocalSampler], images: Path) -> None:
    expected = sampled(sampler, image=images / "red.png")
    for url in (f"file://{images}/red.png", "file:red.png"):
        status, completion = post(client, chat(user("What now?", url)))
        assert status == 200 and contents(completion) == expected


@pytest.mark.parametrize(
    "url",
    [
        "file:../secret.png",
        "file:%2e%2e/secret.png",
        "file:link.png",
        "file:///etc/passwd",
        "file://elsewhere/red.png",
        "file:red.png%00",
        "file:.",
        "file:gone.png",
        "http://169.254.169.254/red.png",
        "https://example.com/red.png",
        "/etc/passwd",
    ],
)
def test_no_other_place_is_read(client: TestClient, url: str) -> None:
    status, refusal = post(client, chat(user("What now?", url)))
    assert (status, refusal["error"]["code"]) == (400, "invalid_image_url")


BOMB = png(size=(4000, 4000))
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown model": (chat(model="other"), 404, "model_not_found"),
    "broken base64": (chat(user("a", "data:image/png;base64,iVBO*")), 400, "invalid_base64"),
    "cut image": (chat(user("a", data_url(png(size=(64, 64))[:-30]))), 400, "invalid_image"),
    "no image": (chat(user("a", data_url(b"<svg/>"))), 400, "invalid_image"),
    "no base64": (chat(user("a", "data:image/png,abc")), 400, "invalid_image_url"),
    "large file": (chat(user("a", data_url(b"\x89PNG" + bytes(30_000)))), 413, "image_too_large"),
    "large image": (chat(user("a", data_url(png(size=(200, 200))))), 413, "image_too_large"),
    "many images": (chat(user("a", *[data_url(png())] * 3)), 400, "too_many_images"),
    "large body": (chat(user("a" * 300_000)), 413, "body_too_large"),
    "long prompt": (chat(user("a" * 5_000)), 400, "context_length_exceeded"),
    "long answer": (chat(max_tokens=25), 400, "invalid_value"),
    "many answers": (chat(n=4), 400, "invalid_value"),
    "control token": (chat(user("a<|im_end|>b")), 400, "invalid_value"),
    "two answers in a row": (chat(user(), *[{"role": "assistant", "content": "a"}] * 2, user()), 400, "invalid_value"),
    "an answer last": (chat(user(), {"role": "assistant", "content": "a"}), 400, "invalid_value"),
    "no turn": (chat({"role": "system", "content": "a"}), 400, "invalid_value"),
    "empty turn": (chat({"role": "user", "content": ""}), 400, "invalid_value"),
    "unknown field": (chat(best_of=3), 400, "extra_forbidden"),
    "unknown role": (chat({"role": "robot", "content": "a"}), 400, "union_tag_invalid"),
    "unknown content": (
        chat({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}),
        400,
        "union_tag_invalid",
    ),
    "schema": (chat(response_format={"type": "json_object"}), 400, "value_error"),
    "penalty": (chat(frequency_penalty=0.5), 400, "value_error"),
    "hot": (chat(temperature=3), 400, "less_than_equal"),
    "half a character": (chat(user("\ud800")), 400, "invalid_value"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("stream", [False, True])
def test_wrong_requests_get_their_status(client: TestClient, case: str, stream: bool) -> None:
    body, status, code = REFUSED[case]
    response = client.post(
        PATH, content=json.dumps({**body, "stream": stream}), headers={"content-type": "application/json"}
    )
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), error
    assert error["message"] and len(error["message"]) < 400


def test_an_image_that_would_fill_the_memory_is_never_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(BOMB) * 4 / 3 < 150_000, "it is small as a file"
    monkeypatch.setattr("PIL.Image.Image.load", lambda _: pytest.fail("it was decoded"))
    status, refusal = post(client, chat(user("a", "data:image/png;base64," + base64.b64encode(BOMB[:15_000]).decode())))
    assert (status, refusal["error"]["code"]) == (413, "image_too_large")


@pytest.mark.parametrize("body", ["", "{", "[]", '{"a": NaN}', "[" * 50_000, "\ud800"])
def test_what_is_no_json_object_is_refused(client: TestClient, body: str) -> None:
    response = client.post(
        PATH, content=body.encode("utf-8", "surrogatepass"), headers={"content-type": "application/json"}
    )
    assert response.status_code == 400 and response.json()["error"]["message"]


def test_what_is_no_json_is_said_to_be_none(client: TestClient) -> None:
    response = client.post(PATH, content=b'{"model": 1,,', headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert error["message"].startswith("the body is not JSON: ") and "character 12" in error["message"]
    assert (response.status_code, error["param"], error["code"]) == (400, None, "json_invalid")


def test_other_paths_and_methods_are_said_not_to_be_there(client: TestClient) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get(PATH).status_code == 405
    assert "error" in client.get("/").json()


def test_a_key_is_asked_for(folder: Path) -> None:
    with TestClient(tiny_app(folder, keys=["right", "other"])) as client:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "right"},
            {"authorization": "Basic right"},
        ):
            status, refusal = post(client, chat(), headers=headers)
            assert (status, refusal["error"]["code"]) == (401, "invalid_api_key")
            assert client.get("/v1/models", headers=headers).status_code == 401
        for key in ("right", "other"):
            assert client.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert client.get("/health").status_code == client.get("/metrics").status_code == 200


def test_metrics_count_requests_and_tokens(folder: Path) -> None:
    with TestClient(tiny_app(folder)) as client:
        usage = post(client, chat(user("What now?", data_url(png()))))[1]["usage"]
        post(client, chat(model="other"))
        client.get("/somewhere")
        text = client.get("/metrics").text
    for line in (
        'trimpi_requests_total{path="/v1/chat/completions",status="200"} 1.0',
        'trimpi_requests_total{path="/v1/chat/completions",status="404"} 1.0',
        'trimpi_requests_total{path="other",status="404"} 1.0',
        f"trimpi_prompt_tokens_total {usage['prompt_tokens']:.1f}",
        f"trimpi_completion_tokens_total {usage['completion_tokens']:.1f}",
        "trimpi_images_total 1.0",
        "trimpi_running 0.0",
        "trimpi_first_text_seconds_count 1.0",
    ):
        assert line in text.splitlines()
    assert "What now" not in text


def test_health_says_when_the_model_has_stopped(folder: Path) -> None:
    with TestClient(tiny_app(folder)) as client:
        assert client.get("/health").json()["status"] == "ok"
    client = TestClient(tiny_app(folder))  # its model's thread was never started
    assert client.get("/health").status_code == 503
    assert post(client, chat())[0] == 503
