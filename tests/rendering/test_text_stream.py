from __future__ import annotations

import random

import pytest

import tiny_models
from trimpi.rendering.renderer import Renderer
from trimpi.rendering.text_stream import TextStream


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
def test_pieces_put_together_are_the_decoded_text(family: str) -> None:
    renderer = Renderer(tiny_models.tiny_processor(family))
    rng = random.Random(0)
    texts = [" It is ünïcödé, 漢字 and 🙂.".encode(), *(rng.randbytes(40) for _ in range(20))]
    for text in texts:
        stream = TextStream(renderer)
        pieces = [stream.push(token) for token in text]
        assert "".join([*pieces, stream.finish()]) == renderer.decode(text)


def test_half_a_character_waits_for_its_other_half() -> None:
    stream = TextStream(Renderer(tiny_models.tiny_processor("qwen2_5_vl")))
    assert [stream.push(token) for token in "é!".encode()] == ["", "é", "!"]


def test_nothing_is_said_after_the_end() -> None:
    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))
    stream = TextStream(renderer)
    tokens = [*b"ab", renderer.pad_token_id, *b"cd"]
    assert "".join(stream.push(token) for token in tokens) + stream.finish() == "ab"
