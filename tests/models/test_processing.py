"""The processors without their video part, and what they leave on disk for the stock ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer
from transformers.utils import is_torchvision_available

from tiny_models import QWEN, tiny_model, tiny_processor
from trimpi.models import save_model
from trimpi.rendering.renderer import Renderer
from trimpi.types import Example

CHAT_TEMPLATE = Path(__file__).parents[2] / "src" / "trimpi" / "models" / "nano" / "chat_template.jinja"


@pytest.fixture(params=QWEN)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def test_saved_files_name_no_processor_class_and_carry_a_video_configuration(family: str, tmp_path: Path) -> None:
    save_model(*tiny_model(family), tmp_path)
    saved = json.loads((tmp_path / "processor_config.json").read_text())
    assert "processor_class" not in saved
    assert "processor_class" not in json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert saved["video_processor"]["video_processor_type"].endswith("VideoProcessor")
    assert saved["video_processor"]["patch_size"] == saved["image_processor"]["patch_size"] == 8


@pytest.mark.skipif(not is_torchvision_available(), reason="the stock processors need torchvision")
def test_stock_processors_load_what_was_saved(family: str, tmp_path: Path) -> None:
    save_model(*tiny_model(family), tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert type(processor).__module__.startswith("transformers.")
    assert processor.image_processor.patch_size == processor.video_processor.patch_size == 8


def test_tokenizer_survives_the_round_trip(family: str, tmp_path: Path) -> None:
    model, processor = tiny_model(family)
    save_model(model, processor, tmp_path)
    text = "<|im_start|>user\n  ünïcode\t<think>1 + 1</think><|im_end|>"
    ids = processor.tokenizer(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == ids
    assert processor.tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((32, 32), 4), ((128, 96), 48), ((33, 47), 6), ((8, 8), 1), ((512, 512), 64)],
)
def test_a_visual_token_covers_sixteen_pixels_a_side(family: str, size: tuple[int, int], tokens: int) -> None:
    """Up to 64 tokens an image here; larger and smaller images are resized into the pixel limits."""
    processor: Any = tiny_processor(family)
    ids = processor(text=["<|image_pad|>"], images=[Image.new("RGB", size)])["input_ids"][0]
    assert len(ids) == tokens


def nano_like_processor() -> Any:
    processor: Any = tiny_processor("qwen2_5_vl")
    processor.chat_template = CHAT_TEMPLATE.read_text()
    return processor


def test_nano_template_is_chatml_without_a_default_system_turn() -> None:
    processor = nano_like_processor()
    user = {"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": "Hi", "image": None}]}
    text = processor.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Hi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_nano_template_takes_strings_as_well_as_parts() -> None:
    processor = nano_like_processor()
    as_string = [{"role": role, "content": f"{role} {{ 1 }}\n"} for role in ("system", "user", "assistant")]
    as_parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in as_string]
    texts = [processor.apply_chat_template(chat, tokenize=False) for chat in (as_string, as_parts)]
    assert texts[0] == texts[1]
    assert texts[0].endswith("<|im_start|>assistant\nassistant { 1 }\n<|im_end|>\n")


def test_nano_template_carries_our_prompts() -> None:
    renderer = Renderer(nano_like_processor(), instruction="Go.")
    prompt = renderer.prompt(Example(id="1", policy_name="P", prompt="A?", images=(), answer="B"))
    assert renderer.text(prompt, "B") == (
        "<|im_start|>system\nGo.<|im_end|>\n<|im_start|>user\nA?<|im_end|>\n<|im_start|>assistant\nB<|im_end|>"
    )
    assert renderer.format.system_images
