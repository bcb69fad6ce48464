"""Decoding over shared prefixes against a forward pass over each sequence alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

import tiny_models
from trimpi.policies import Policy
from trimpi.prefix.decoding import PrefixMemory, decode
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.types import Example, ImagePart

NEW_TOKENS = 5
WORDS = ("what now?", "so, what is the color of it then?", "a")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    sizes = ((32, 32), (48, 32), (32, 32))
    return [
        tiny_models.write_image(folder / f"{color}.png", color=color, size=size)
        for color, size in zip(("red", "blue", "gray"), sizes, strict=True)
    ]


@pytest.fixture(scope="module", params=tiny_models.FAMILIES)
def family(request: pytest.FixtureRequest) -> tuple[PreTrainedModel, Renderer]:
    model, processor = tiny_models.tiny_model(request.param)
    return model, Renderer(processor)


def make_prompt(renderer: Renderer, images: Sequence[Path], request: tuple[str, int, str]) -> Prompt:
    """A request: its words, how many images, and "none", "text" or "image" for the policy."""
    words, count, kind = request
    parts = {"none": None, "text": (f"# P\n{'Rules. ' * 6}",), "image": ("# P\nLike ", ImagePart(path=images[0]), "!")}
    sections = parts[kind]
    policy = None if sections is None else Policy(name="P", sections=sections)
    example = Example(id=words, policy_name="P", prompt=words, images=tuple(images[:count]), answer="x")
    return renderer.prompt(example, policy)


def run(
    model: PreTrainedModel, renderer: Renderer, prompts: Sequence[Prompt], prompt_of_row: Sequence[int], side: str
) -> list[tuple[list[int], list[float]]]:
    """Greedy decoding, but row r takes its r-th best token first, so that the rows of a prompt differ."""

    def choose(logits: torch.Tensor, step: int, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ranked = logits.log_softmax(-1).sort(descending=True)
        ranks = (rows if step == 0 else torch.zeros_like(rows))[:, None]
        return ranked.indices.gather(1, ranks)[:, 0], ranked.values.gather(1, ranks)[:, 0]

    inputs = renderer.encode_prompts(prompts, padding_side=side)  # type: ignore[arg-type]
    prefilled = PrefixMemory(model).prefill(inputs, prompt_of_row)
    return decode(model, prefilled, prompt_of_row, choose, max_new_tokens=NEW_TOKENS, end=renderer.end_of_turn_id)


def alone(model: PreTrainedModel, renderer: Renderer, prompt: Prompt, tokens: list[int]) -> torch.Tensor:
    """The logits (tokens, vocabulary) a plain forward pass gives where these tokens were chosen."""
    inputs = renderer.encode_prompts([prompt])
    written = torch.tensor([tokens])
    ids = torch.cat([inputs["input_ids"], written], dim=1)
    extra = {key: value for key, value in inputs.items() if key not in ("input_ids", "attention_mask")}
    if "mm_token_type_ids" in extra:
        extra["mm_token_type_ids"] = torch.cat([extra["mm_token_type_ids"], torch.zeros_like(written)], dim=1)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **extra).logits
    return logits[0, -written.shape[1] - 1 : -1].log_softmax(-1)  # type: ignore[no-any-return]


REQUESTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 3), st.sampled_from(["none", "text", "image"])),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=REQUESTS,
    rows=st.lists(st.integers(0, 3), min_size=1, max_size=16),
    side=st.sampled_from(["left", "right"]),
)
def test_every_row_is_what_it_would_be_alone(
    family: tuple[PreTrainedModel, Renderer],
    images: list[Path],
    requests: list[tuple[str, int, str]],
    rows: list[int],
    side: str,
) -> None:
    model, renderer = family
    prompts = [make_prompt(renderer, images, request) for request in requests]
    prompt_of_row = [row % len(prompts) for row in rows]
    for row, (tokens, log_probs) in enumerate(run(model, renderer, prompts, prompt_of_row, side)):
        expected = alone(model, renderer, prompts[prompt_of_row[row]], tokens)
        chosen = expected.gather(1, torch.tensor(tokens)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(log_probs), chosen, atol=1e-4, rtol=0)
        assert expected[1:].argmax(-1).tolist() == tokens[1:], "greedy after the first token"
        assert len(tokens) == NEW_TOKENS or tokens[-1] == renderer.end_of_turn_id


def test_a_policy_is_computed_and_held_once(images: list[Path]) -> None:
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    prompts = [make_prompt(renderer, images, (words, 1, "image")) for words in ("one?", "two?", "six!")]
    memory = PrefixMemory(model)
    computed: list[int] = []
    model.model.language_model.register_forward_pre_hook(  # type: ignore[union-attr,operator]
        lambda module, arguments, given: computed.append(given["inputs_embeds"][..., 0].numel()), with_kwargs=True
    )
    prefilled = memory.prefill(renderer.encode_prompts(prompts), [0, 1, 2, 0])
    policy, own = prefilled.levels
    assert policy.keys[0].shape[0] == 1
    assert policy.prefix_of_row == (0, 0, 0)
    shared, length = policy.keys[0].shape[2], len(renderer.prompt_ids(prompts[0]))
    assert computed == [shared, 3 * (length - shared - 1)], "the last token is left to decoding"
    assert own.present.shape == (3, length - shared - 1)
    assert (memory.asked, memory.computed) == (4 * length, shared + 3 * (length - shared - 1) + 4)
    memory.prefill(renderer.encode_prompts(prompts[:2]), [0, 1])
    assert computed[2:] == [2 * (length - shared - 1)], "remembered, not computed again"
    memory.prefill(renderer.encode_prompts(prompts[:1]), [0])
    assert computed[3:] == [length - shared - 1], "by a prompt on its own, too"


def test_an_image_is_encoded_once_however_many_rows_and_prompts_see_it(images: list[Path]) -> None:
    """The first image is the policy's and every request's, without the policy too; the second is in one request."""
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    requests = [(WORDS[0], 1, "image"), (WORDS[1], 1, "image"), (WORDS[0], 1, "none"), (WORDS[1], 2, "none")]
    prompts = [make_prompt(renderer, images, request) for request in requests]
    patches: list[int] = []
    model.model.visual.register_forward_pre_hook(  # type: ignore[union-attr,operator]
        lambda module, arguments: patches.append(len(arguments[0]))
    )
    run(model, renderer, prompts, [0, 1, 2, 3] * 2, "left")
    first, second = 16, 24  # their sizes in patches of 8x8
    assert sum(patches) == first + second


def test_finished_rows_are_dropped(images: list[Path]) -> None:
    model, processor = tiny_models.tiny_model("qwen2_5_vl")
    renderer = Renderer(processor)
    end = renderer.end_of_turn_id
    prefilled = PrefixMemory(model).prefill(
        renderer.encode_prompts([make_prompt(renderer, images, ("a", 1, "none"))]), [0] * 4
    )
    seen: list[list[int]] = []

    def choose(logits: torch.Tensor, step: int, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Row r writes r tokens, then ends."""
        seen.append(rows.tolist())
        return torch.where(rows <= step, end, 65), torch.zeros(len(rows))

    written = decode(model, prefilled, [0] * 4, choose, max_new_tokens=9, end=end)
    assert [tokens for tokens, _ in written] == [[65] * row + [end] for row in range(4)]
    assert seen == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]


def asked_and_computed(memory: PrefixMemory, renderer: Renderer, prompts: Sequence[Prompt]) -> tuple[int, int]:
    before = memory.asked, memory.computed
    memory.prefill(renderer.encode_prompts(prompts), range(len(prompts)))
    return memory.asked - before[0], memory.computed - before[1]


def test_a_copy_remembers_the_same_and_learns_apart(
    family: tuple[PreTrainedModel, Renderer], images: list[Path]
) -> None:
    model, renderer = family
    rules = Policy(name="P", sections=("# P\nLike ", ImagePart(path=images[0]), f"!\n{'Rules. ' * 20}"))

    def prompt(words: str) -> Prompt:
        return renderer.prompt(Example(id=words, policy_name="P", prompt=words, images=(), answer="x"), rules)

    memory = PrefixMemory(model)
    memory.prefill(renderer.encode_prompts([prompt("A"), prompt("B")]), [0, 1])
    copy = memory.copy()
    assert (copy.asked, copy.computed) == (0, 0)
    asked, computed = asked_and_computed(copy, renderer, [prompt("C what now?")])
    assert computed < asked / 2, "it knows the policy, with its image"
    longer = [prompt(f"C {'what now? ' * 20}{end}") for end in "xy"]
    learnt = asked_and_computed(copy, renderer, longer)
    assert asked_and_computed(copy, renderer, longer)[1] < learnt[1], "it has learnt what these share"
    assert asked_and_computed(memory, renderer, longer) == learnt, "and the first has not"


def test_without_sharing_every_prompt_is_computed_whole(
    family: tuple[PreTrainedModel, Renderer], images: list[Path]
) -> None:
    model, renderer = family
    prompts = [make_prompt(renderer, images, (words, 1, "image")) for words in WORDS]
    memory = PrefixMemory(model, sharing=False)
    for _ in range(2):
        asked, computed = asked_and_computed(memory, renderer, prompts)
        assert asked == computed == sum(len(renderer.prompt_ids(prompt)) for prompt in prompts)
