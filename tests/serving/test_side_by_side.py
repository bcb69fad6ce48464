"""Models beside each other on one request; the page itself is tried where gradio is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import tiny_models
from serving.test_app import POLICY
from tiny_task import save_tiny_model
from trimpi.models import load_model, load_processor
from trimpi.policies import Policy
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.serving.chat_page import build_page, facts, launch
from trimpi.serving.side_by_side import Saying, Speaker, in_turn
from trimpi.serving.source import find_model
from trimpi.types import Example

SETTINGS = {"temperature": 1.0, "new_tokens": 12, "seed": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("chat") / "tiny")


@pytest.fixture(scope="module")
def image(folder: Path) -> Path:
    return tiny_models.write_image(folder.parent / "red.png")


@pytest.fixture(scope="module")
def speakers(folder: Path) -> list[Speaker]:
    source = find_model(str(folder))
    return [Speaker(source, label="prompted", policy=POLICY), Speaker(source, label="internalized", policy=None)]


def expected(folder: Path, image: Path, policy: Policy | None) -> str:
    renderer = Renderer(load_processor(folder))
    sampler = LocalSampler(load_model(folder), renderer, batch_size=1)
    example = Example(id="", policy_name="", prompt="What now?", images=(image,), answer="")
    sampled = sampler.sample(
        [renderer.prompt(example, policy)], samples=1, temperature=1.0, top_p=1.0, max_new_tokens=12, seed=4
    )
    return sampled[0][0].text


def test_each_says_what_its_sampler_says(folder: Path, image: Path, speakers: list[Speaker]) -> None:
    steps = list(in_turn(speakers, "What now?", image, **SETTINGS))
    said = steps[-1]
    assert [saying.text for saying in said if saying] == [expected(folder, image, policy) for policy in (POLICY, None)]
    prompted, internalized = said
    assert prompted and internalized and prompted.finished and internalized.finished
    assert prompted.prompt_tokens - internalized.prompt_tokens > len(POLICY.text)
    assert all(step[1] is None for step in steps[: prompted.written_tokens]), "they have the machine one at a time"
    assert 0 < prompted.written_tokens <= 12


def test_facts_are_tokens_and_times() -> None:
    saying = Saying(text="a", prompt_tokens=1234, written_tokens=5, first_text_seconds=0.25, seconds=1.5, finished=True)
    assert "<td>1,234</td>" in facts(saying) and "<td>0.25 s</td>" in facts(saying)
    assert "<td>–</td>" in facts(None)


@pytest.mark.skipif(find_spec("gradio") is None, reason="gradio is not installed: pip install 'trimpi[chat]'")
def test_the_page_answers_its_own_client(folder: Path, image: Path, speakers: list[Speaker]) -> None:
    from gradio_client import Client, handle_file

    page = build_page(speakers, new_tokens=12)
    _, url, _ = launch(page, host="127.0.0.1", port=None, block=False)
    try:
        client = Client(url, verbose=False)
        prompted, table, internalized, _ = client.predict(handle_file(str(image)), "What now?", 1.0, 4, api_name="/ask")
        assert [prompted, internalized] == [expected(folder, image, policy) for policy in (POLICY, None)]
        assert "tokens read" in table
        with pytest.raises(Exception, match="Write a request first"):
            client.predict(None, " ", 1.0, 4, api_name="/ask")
    finally:
        page.close()
