"""What the renderer promises for every model family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from tiny_models import FAMILIES, IDEFICS_SPECIALS, QWEN2_TEMPLATE, tiny_processor, write_image
from trimpi.errors import DataError, ModelError
from trimpi.policies import Policy
from trimpi.rendering.prompts import Prompt, to_chat
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.types import Example, ImagePart, Message

RESPONSE = "<think>It is red.</think>\\boxed{Case 1}"


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def renderer(family: str) -> Renderer:
    return Renderer(tiny_processor(family))


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    sizes = [(32, 32), (48, 32), (16, 32)]
    return [write_image(tmp_path / f"{number}.png", size=size) for number, size in enumerate(sizes)]


def example(images: tuple[Path, ...] = (), prompt: str = "Which case?") -> Example:
    return Example(id="1", policy_name="P", prompt=prompt, images=images, answer="Case 1")


def illustrated_policy(*images: Path) -> Policy:
    sections = [part for image in images for part in ("If you see ", ImagePart(path=image), ", Case 1.\n")]
    return Policy(name="P", sections=("# P\n", *sections))


def test_policy_aware_and_free_differ_only_in_the_policy(renderer: Renderer, images: list[Path]) -> None:
    request = example((images[0],))
    free, aware = (renderer.prompt_ids(renderer.prompt(request, p)) for p in (None, illustrated_policy(images[1])))
    before = next(at for at, pair in enumerate(zip(free, aware, strict=False)) if pair[0] != pair[1])
    assert free[before:] == aware[len(aware) - (len(free) - before) :]


def test_prompts_of_one_policy_share_it_as_prefix(renderer: Renderer, images: list[Path]) -> None:
    policy = illustrated_policy(images[1])
    texts = [renderer.text(renderer.prompt(example((image,), f"Case {image}?"), policy)) for image in images]
    shared = len(texts[0].partition(", Case 1.\n")[0])
    assert shared > 0
    assert len({text[: shared + len(", Case 1.\n")] for text in texts}) == 1


def test_system_turn_is_the_instruction_and_nothing_of_the_template(renderer: Renderer) -> None:
    text = renderer.text(renderer.prompt(example()))
    assert renderer.parse(text)[0] == Message(role="system", parts=(renderer.instruction,))
    assert "helpful" not in text


def test_training_begins_with_the_generation_prompt(renderer: Renderer, images: list[Path]) -> None:
    prompt = renderer.prompt(example((images[0],)), illustrated_policy(images[1]))
    batch = renderer.encode_training([TrainingExample(prompt=prompt, response=RESPONSE)], loss_on="response")
    ids = batch["input_ids"][0].tolist()
    expected = renderer.prompt_ids(prompt)
    assert ids[: len(expected)] == expected
    assert ids[len(expected) :] == renderer.response_ids(RESPONSE)
    assert renderer.encode_prompts([prompt])["input_ids"][0].tolist() == expected


def test_text_is_what_the_template_writes_for_the_whole_chat(renderer: Renderer, images: list[Path]) -> None:
    prompt = renderer.prompt(example((images[0],)))
    answered = (*prompt.messages, Message(role="assistant", parts=(RESPONSE,)))
    whole = renderer.processor.apply_chat_template(to_chat(answered), tokenize=False)
    assert whole.startswith(renderer.text(prompt, RESPONSE))
    assert whole.removeprefix(renderer.text(prompt, RESPONSE)).strip() == ""


def test_solved_requests_stand_in_front_and_read_back(renderer: Renderer, images: list[Path]) -> None:
    """With images and without, policy-free and policy-aware; the prompt without the last request begins the other."""
    solved = [(example((images[0],), "And this?"), RESPONSE), (example((), "And now?"), "\\boxed{Case 2}")]
    for policy in (None, illustrated_policy(images[1])):
        prompt = renderer.prompt(example((images[2],)), policy, shots=solved)
        text = renderer.text(prompt)
        assert renderer.parse(text, prompt.images) == prompt.messages
        assert [message.role for message in prompt.messages] == ["system", *["user", "assistant"] * 2, "user"]
        assert text.startswith(renderer.text(renderer.prompt(solved[0][0], policy), RESPONSE))
        assert renderer.prompt_ids(prompt)


def test_decode_gives_the_response_back(renderer: Renderer) -> None:
    ids = renderer.response_ids(RESPONSE)
    assert ids[-1] == renderer.end_of_turn_id
    assert renderer.decode(ids) == RESPONSE
    assert renderer.decode(ids[:-1]) == RESPONSE
    assert renderer.decode([*ids, renderer.pad_token_id, *ids]) == RESPONSE
    assert renderer.decode([]) == ""


def test_no_label_on_visual_tokens_nor_padding(renderer: Renderer, images: list[Path]) -> None:
    rows = [
        TrainingExample(prompt=renderer.prompt(example((images[0],)), illustrated_policy(*images)), response=RESPONSE),
        TrainingExample(prompt=renderer.prompt(example((images[1], images[2]))), response="\\boxed{Case 2}"),
    ]
    batch = renderer.encode_training(rows, loss_on="text")
    learned = {int(label) for label in batch["labels"].flatten()} - {-100}
    assert not learned & renderer.visual_token_ids
    kept = (batch["labels"] != -100) == (
        (batch["attention_mask"] == 1) & ~sum(batch["input_ids"] == token for token in renderer.visual_token_ids).bool()
    )
    assert kept.all()
    assert (batch["labels"] != -100).sum(dim=1).min() > 50


def test_ragged_batches_equal_their_rows(renderer: Renderer, images: list[Path]) -> None:
    prompts = [
        renderer.prompt(example()),
        renderer.prompt(example((images[0], images[1], images[2]))),
        renderer.prompt(example((images[1],)), illustrated_policy(images[2])),
    ]
    for side in ("left", "right"):
        batch = renderer.encode_prompts(prompts, padding_side=side)
        rows = [
            ids[mask.bool()].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ]
        assert rows == [renderer.prompt_ids(prompt) for prompt in prompts]


def test_a_batch_without_images_has_no_image_tensors(renderer: Renderer) -> None:
    batch = renderer.encode_prompts([renderer.prompt(example()), renderer.prompt(example(prompt="Longer request?"))])
    assert set(batch) <= {"input_ids", "attention_mask", "mm_token_type_ids"}


def test_modalities_are_given_to_the_families_that_need_them(
    renderer: Renderer, family: str, images: list[Path]
) -> None:
    batch = renderer.encode_prompts([renderer.prompt(example((images[0],)))])
    assert ("mm_token_type_ids" in batch) == family.startswith("qwen")
    if "mm_token_type_ids" in batch:
        assert batch["mm_token_type_ids"].sum() == 4


@pytest.mark.parametrize("bad", ["<|im_start|>", "<|image_pad|>", "<|endoftext|>", "<|vision_start|>"])
@pytest.mark.parametrize("place", ["request", "policy", "response"])
def test_control_tokens_in_a_text_are_refused(bad: str, place: str) -> None:
    renderer = Renderer(tiny_processor("qwen2_5_vl"))
    policy = Policy(name="P", sections=(f"say {bad}" if place == "policy" else "say hi",))
    prompt = renderer.prompt(example(prompt=f"A {bad}?" if place == "request" else "A?"), policy)
    response = f"oh {bad}" if place == "response" else "oh"
    with pytest.raises(DataError, match="keeps for turns and images"):
        renderer.text(prompt, response)
    with pytest.raises(DataError, match="keeps for turns and images"):
        renderer.encode_training([TrainingExample(prompt=prompt, response=response)], loss_on="response")


def test_an_unreadable_image_is_named(renderer: Renderer, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.png"):
        renderer.encode_prompts([renderer.prompt(example((tmp_path / "broken.png",)))])


def test_tiled_images_are_visual_through_and_through(images: list[Path]) -> None:
    processor = tiny_processor("idefics3")
    processor.image_processor = Idefics3ImageProcessorPil(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}
    )
    renderer = Renderer(processor, instruction="Go.")
    prompt = renderer.prompt(example((images[0],), prompt="A?"))
    batch = renderer.encode_training([TrainingExample(prompt=prompt, response="B")], loss_on="text")
    assert batch["pixel_values"].shape[1] == 5  # four tiles and the whole
    learned = [int(label) for label in batch["labels"][0] if label != -100]
    assert renderer.tokenizer.decode(learned) == (
        "<|begin_of_text|>System: Go.<end_of_utterance>\nUser:A?<end_of_utterance>\nAssistant: B<end_of_utterance>"
    )


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: not any(token in text for token in ("<|", *IDEFICS_SPECIALS))
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    instruction=texts,
    sections=st.lists(texts | st.none(), min_size=1, max_size=4),
    request=texts,
    shown=st.integers(0, 2),
)
def test_parse_undoes_render(
    family: str, images: list[Path], instruction: str, sections: list[str | None], request: str, shown: int
) -> None:
    renderer = Renderer(tiny_processor(family), instruction=instruction)
    policy_parts = tuple(ImagePart(path=images[2]) if text is None else text for text in sections)
    if all(isinstance(part, str) and not part.strip() for part in policy_parts):
        policy_parts = (*policy_parts, "P")
    policy = Policy(name="P", sections=policy_parts)
    for prompt in (renderer.prompt(example(tuple(images[:shown]), request), p) for p in (None, policy)):
        assert renderer.parse(renderer.text(prompt), prompt.images) == prompt.messages
        answered = (*prompt.messages, Message(role="assistant", parts=(RESPONSE,)))
        assert renderer.parse(renderer.text(prompt, RESPONSE), prompt.images) == answered


def test_parse_leaves_placeholders_without_paths(renderer: Renderer, images: list[Path]) -> None:
    prompt = renderer.prompt(example((images[0],)))
    assert renderer.parse(renderer.text(prompt))[1].parts == (ImagePart(path=Path("image")), "Which case?")


def test_parse_refuses_other_text_and_wrong_image_counts(renderer: Renderer, images: list[Path]) -> None:
    with pytest.raises(DataError, match="not a chat"):
        renderer.parse("hello")
    with pytest.raises(DataError, match="shows 1 images but 2"):
        renderer.parse(renderer.text(renderer.prompt(example((images[0],)))), images[:2])


def test_qwen3_places_every_policy_in_the_user_turn(images: list[Path]) -> None:
    """Its system turn drops images, so a policy stands at the start of the user turn, with images or without."""
    renderer = Renderer(tiny_processor("qwen3_vl"))
    for policy in (illustrated_policy(images[0]), Policy(name="P", sections=("Text only.",))):
        prompt = renderer.prompt(example((images[1],)), policy)
        assert prompt.messages[0].parts == (renderer.instruction,)
        assert prompt.images == (*policy.images, images[1])


BAD_TEMPLATES = {
    "no system turn": "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}",
    "images first": QWEN2_TEMPLATE.replace(
        "{% for part in m.content -%}", "{% for part in m.content | sort(attribute='type') -%}"
    ),
    "opens reasoning": QWEN2_TEMPLATE.replace("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'"),
    "loses text": "{% for m in messages %}<|im_start|>{{ m.role }}{% endfor %}",
}


@pytest.mark.parametrize("template", BAD_TEMPLATES.values(), ids=BAD_TEMPLATES)
def test_a_template_that_cannot_carry_prompts_is_refused(template: str) -> None:
    processor: Any = tiny_processor("qwen2_5_vl")
    processor.chat_template = template
    with pytest.raises(ModelError, match="chat template"):
        Renderer(processor)


def test_a_processor_without_template_is_refused() -> None:
    processor: Any = tiny_processor("qwen2_5_vl")
    processor.chat_template = None
    with pytest.raises(ModelError, match="chat template"):
        Renderer(processor)


def test_a_template_that_changes_a_text_is_found_at_the_prompt() -> None:
    processor: Any = tiny_processor("qwen2_5_vl")
    processor.chat_template = QWEN2_TEMPLATE.replace("{{ part.text }}", "{{ part.text | trim }}")
    renderer = Renderer(processor)
    prompt: Prompt = renderer.prompt(example(prompt="  indented"))
    with pytest.raises(ModelError, match="changes this prompt"):
        renderer.text(prompt)


def test_control_tokens_can_be_looked_for() -> None:
    renderer = Renderer(tiny_processor("qwen2_5_vl"))
    assert renderer.control_token_in("ends <|im_end|> here") == "<|im_end|>"
    assert renderer.control_token_in(RESPONSE) is None


def test_a_processor_that_refuses_the_images_of_several_chats_is_an_error(tmp_path: Path) -> None:
    """As Gemma 3's does, which wants a list for each."""
    processor = tiny_processor("idefics3")
    renderer = Renderer(processor)
    image = write_image(tmp_path / "red.png")
    prompt = renderer.prompt(Example(id="1", policy_name="P", prompt="Which?", images=(image,), answer="A"))

    class Refusing(type(processor)):  # type: ignore[misc]
        def __call__(self, *args: object, **kwargs: object) -> None:
            raise ValueError("Found [1, 1] images in texts and [2] given")

    processor.__class__ = Refusing
    with pytest.raises(ModelError, match=r"Refusing does not take these chats with their images \(Found \[1, 1\]"):
        renderer.encode_prompts([prompt, prompt])
