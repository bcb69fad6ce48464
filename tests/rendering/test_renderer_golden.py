"""One small prompt with an image in the policy and one in the request, its ids and labels computed by hand.

In the tiny Qwen2.5-VL processor a text token's id is its byte. The specials follow in the order they were added:
<|endoftext|> 256, <|im_start|> 257, <|im_end|> 258, <|vision_start|> 259, <|vision_end|> 260, <|image_pad|> 261.
An image of 32x32 pixels is 2x2 visual tokens, one of 16x32 is 1x2.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_models import tiny_processor, write_image
from trimpi.policies import Policy
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.types import Example, ImagePart

PAD, START, END, VISION_START, VISION_END, IMAGE = 256, 257, 258, 259, 260, 261
POLICY_IMAGE = [VISION_START, IMAGE, IMAGE, VISION_END]
SCENE_IMAGE = [VISION_START, IMAGE, IMAGE, IMAGE, IMAGE, VISION_END]
BEGIN = [START, *b"system\nGo."]
POLICY_TEXT = [*b"\n\nSee ", *POLICY_IMAGE, *b"!"]
REQUEST = [END, *b"\n", START, *b"user\n", *SCENE_IMAGE, *b"A?", END, *b"\n", START, *b"assistant\n"]
FREE = [*BEGIN, *REQUEST]
AWARE = [*BEGIN, *POLICY_TEXT, *REQUEST]
RESPONSE = [*b"\\boxed{B}", END]


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(tiny_processor("qwen2_5_vl"), instruction="Go.")


@pytest.fixture
def prompts(tmp_path: Path, renderer: Renderer) -> dict[str, Prompt]:
    scene = write_image(tmp_path / "scene.png", size=(32, 32))
    crop = write_image(tmp_path / "crop.png", size=(16, 32), color="blue")
    example = Example(id="1", policy_name="P", prompt="A?", images=(scene,), answer="B")
    policy = Policy(name="P", sections=("See ", ImagePart(path=crop), "!"))
    return {"free": renderer.prompt(example), "aware": renderer.prompt(example, policy)}


def test_prompt_ids(renderer: Renderer, prompts: dict[str, Prompt]) -> None:
    assert renderer.prompt_ids(prompts["free"]) == FREE
    assert renderer.prompt_ids(prompts["aware"]) == AWARE


def test_prompts_are_padded_on_the_left(renderer: Renderer, prompts: dict[str, Prompt]) -> None:
    batch = renderer.encode_prompts([prompts["free"], prompts["aware"]])
    gap = len(AWARE) - len(FREE)
    assert batch["input_ids"].tolist() == [[PAD] * gap + FREE, AWARE]
    assert batch["attention_mask"].tolist() == [[0] * gap + [1] * len(FREE), [1] * len(AWARE)]
    assert batch["mm_token_type_ids"].tolist() == [
        [0] * gap + [int(token == IMAGE) for token in FREE],
        [int(token == IMAGE) for token in AWARE],
    ]
    # In patches of 8x8 pixels and reading order over the batch: the scene; the policy's crop, the scene again.
    assert batch["image_grid_thw"].tolist() == [[1, 4, 4], [1, 4, 2], [1, 4, 4]]
    assert batch["pixel_values"].shape == (16 + 8 + 16, 3 * 2 * 8 * 8)


def test_response_labels(renderer: Renderer, prompts: dict[str, Prompt]) -> None:
    batch = renderer.encode_training(
        [TrainingExample(prompt=prompts["aware"], response="\\boxed{B}")], loss_on="response"
    )
    assert batch["input_ids"].tolist() == [AWARE + RESPONSE]
    assert batch["labels"].tolist() == [[-100] * len(AWARE) + RESPONSE]


def test_text_labels_leave_out_visual_tokens(renderer: Renderer, prompts: dict[str, Prompt]) -> None:
    batch = renderer.encode_training([TrainingExample(prompt=prompts["aware"], response="\\boxed{B}")], loss_on="text")
    policy = [*b"\n\nSee ", *[-100] * 4, *b"!"]
    request = [END, *b"\n", START, *b"user\n", *[-100] * 6, *b"A?", END, *b"\n", START, *b"assistant\n"]
    assert batch["labels"].tolist() == [[*BEGIN, *policy, *request, *RESPONSE]]


def test_training_batches_are_padded_on_the_right(renderer: Renderer, prompts: dict[str, Prompt]) -> None:
    rows = [TrainingExample(prompt=prompts[kind], response="\\boxed{B}") for kind in ("free", "aware")]
    batch = renderer.encode_training(rows, loss_on="response")
    gap = len(AWARE) - len(FREE)
    assert batch["input_ids"][0].tolist() == FREE + RESPONSE + [PAD] * gap
    assert batch["attention_mask"][0].tolist() == [1] * len(FREE + RESPONSE) + [0] * gap
    assert batch["labels"][0].tolist() == [-100] * len(FREE) + RESPONSE + [-100] * gap
    assert batch["mm_token_type_ids"][0].tolist() == [int(token == IMAGE) for token in FREE + RESPONSE] + [0] * gap
