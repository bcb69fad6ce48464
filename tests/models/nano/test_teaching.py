"""What teaches the base model agrees with what uses it: pixels, ids, positions, labels; and a killed phase goes on
exactly.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast, Qwen2VLImageProcessorPil
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from tasks.clevr.by_hand import make_object, make_scene, make_tree
from trimpi.models.nano.batches import LessonEncoder, split_by_tokens
from trimpi.models.nano.build import build_nano_model
from trimpi.models.nano.gaze import Gaze, Recording, recording
from trimpi.models.nano.language_phase import token_losses
from trimpi.models.nano.lessons import Lesson, policy_lesson, text_lesson
from trimpi.models.nano.phase import run_phase
from trimpi.models.nano.pictures import CENTRE, EMPTY, PART, UNKNOWN, PictureLibrary, label_cells, pixel_patches
from trimpi.models.nano.symbols import Symbols
from trimpi.models.nano.tokenizer import train_tokenizer
from trimpi.models.nano.train import tokenizer_corpus
from trimpi.rewards.response import write_response
from trimpi.tasks.clevr import rendered
from trimpi.tasks.clevr.policy_text import write_cot, write_policy, write_request
from trimpi.tasks.clevr.tree import walk
from trimpi.tasks.skills.scene_questions import ask_count
from trimpi.types import ImagePart, Message


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> PictureLibrary:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "SHARD", 6)
        return PictureLibrary(
            rendered.rendered_scenes(6, seed=5, cache_dir=tmp_path_factory.mktemp("scenes"), masks=True)
        )


@pytest.fixture(scope="module")
def tokenizer(library: PictureLibrary) -> PreTrainedTokenizerFast:
    return train_tokenizer(tokenizer_corpus(library, seed=0, lessons=600))


def test_patches_are_those_of_the_stock_image_processor(library: PictureLibrary) -> None:
    pictures = [library.picture(0), library.picture(1, mirrored=True), library.crop(random.Random(0))]
    values, grid = pixel_patches(pictures, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    processor = Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, size={"shortest_edge": 1024, "longest_edge": 16384}
    )
    images = [Image.fromarray(np.ascontiguousarray(picture.pixels)) for picture in pictures]
    stock = processor(images, return_tensors="pt")
    torch.testing.assert_close(values, stock["pixel_values"])
    assert grid.tolist() == stock["image_grid_thw"].tolist()


def test_positions_are_those_of_the_model(library: PictureLibrary, tokenizer: PreTrainedTokenizerFast) -> None:
    encoder, model = LessonEncoder(tokenizer), build_nano_model(tokenizer)
    lesson = encoder.encode(policy_lesson(random.Random(1), library, layers=3, variant="M", requests=2))
    grid = torch.tensor([[1, 2 * picture.grid[0], 2 * picture.grid[1]] for picture in lesson.pictures])
    ids = lesson.ids[None]
    positions, _ = model.model.get_rope_index(
        ids,
        mm_token_type_ids=(ids == encoder.image_pad).int(),
        image_grid_thw=grid,
        attention_mask=torch.ones_like(ids),
    )
    assert torch.equal(positions[:, 0], lesson.positions)


def test_losses_are_those_of_the_model_on_pixels(library: PictureLibrary, tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    encoder, model = LessonEncoder(tokenizer), build_nano_model(tokenizer).eval()
    lessons = [
        encoder.encode(policy_lesson(random.Random(n), library, layers=1, variant="M", requests=1)) for n in (2, 3)
    ]
    batch = encoder.batch(lessons)
    values, grid = pixel_patches(batch.pictures, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    with torch.no_grad():
        mine = token_losses(model, batch, model.model.visual(values, grid).pooler_output, encoder.image_pad)
        stock = model(
            input_ids=batch.ids,
            attention_mask=(batch.ids != encoder.padding).long(),
            mm_token_type_ids=(batch.ids == encoder.image_pad).int(),
            pixel_values=values,
            image_grid_thw=grid,
            labels=batch.ids.masked_fill(~batch.learned, -100),
        ).loss
    torch.testing.assert_close(mine.mean(), stock, rtol=1e-4, atol=1e-5)


def test_only_assistant_turns_are_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = (
        Message(role="system", parts=("go",)),
        Message(role="user", parts=("Yes",)),
        Message(role="assistant", parts=("No",)),
    )
    lesson = LessonEncoder(tokenizer).encode(Lesson(kind="text", messages=messages))
    assert tokenizer.decode(lesson.ids[lesson.learned]) == "No<|im_end|>"


def test_heads_are_told_to_look_at_what_is_asked_about(
    library: PictureLibrary, tokenizer: PreTrainedTokenizerFast
) -> None:
    cube, sphere = make_object("small cyan rubber cube"), make_object("large red metal sphere")
    cells = np.full((48, 5), UNKNOWN, dtype=np.int8)
    cells[:, 0] = EMPTY
    cells[7], cells[8] = [CENTRE, 1, 6, 0, 0], [PART, 0, 1, 1, 1]
    picture = replace(library.picture(0), cells=cells, objects=(cube, sphere))
    messages = (
        Message(role="system", parts=("Answer the question.",)),
        Message(role="user", parts=(ImagePart(path=Path("scene")), "Is there a small object?")),
        Message(role="assistant", parts=("Yes, a small cyan rubber cube.",)),
        Message(role="user", parts=("Is there a red cube?",)),
        Message(role="assistant", parts=("No.",)),
    )
    lesson = LessonEncoder(tokenizer).encode(
        Lesson(kind="question", messages=messages, pictures={Path("scene"): picture})
    )
    words = [tokenizer.decode([token]) for token in lesson.ids.tolist()]
    first = lesson.ids.tolist().index(tokenizer.get_vocab()["<|image_pad|>"])
    seen = [(words[gaze.position], [target - first for target in gaze.targets]) for gaze in lesson.gazes]
    on_cube, on_opening = [7], [-1]
    assert seen == [
        ("?", on_cube),
        ("\n", on_cube),
        *((word, on_cube) for word in (" a", " small", " cyan", " rubber")),
        ("?", on_opening),
        ("\n", on_opening),
    ]


def test_heads_are_told_which_token_of_the_policy_comes_next(tokenizer: PreTrainedTokenizerFast) -> None:
    tree = make_tree()
    steps, response = walk(tree, make_scene("large cyan metal sphere"))
    messages = (
        Message(role="system", parts=write_policy("L2-Surinu", tree).sections),
        Message(role="user", parts=(write_request("L2-Surinu"),)),
        Message(role="assistant", parts=(write_response(write_cot(steps, response), response),)),
    )
    lesson = LessonEncoder(tokenizer).encode(Lesson(kind="policy", messages=messages))
    words = [tokenizer.decode([token]) for token in lesson.ids.tolist()]
    copies = [
        ("".join(words[s.position - 1 : s.position + 2]), "".join(words[s.targets[0] - 3 : s.targets[0] + 1]))
        for s in lesson.sources
    ]
    assert copies == [
        (" there a cyan", "Is there a cyan"),
        ("\nCondition 1.1", " go to Condition 1.1"),
        (" there a small", " the cyan objects small"),
        (" a small cyan", " one of the cyan"),
        (" is Case 2", ": respond Case 2"),
        ("\\boxed{Case 2", ": respond Case 2"),
    ]


def test_heads_are_told_where_a_repeated_word_stands(tokenizer: PreTrainedTokenizerFast) -> None:
    """Not in the turn before, and after the longest run of the same words: the second `is`, not the first."""
    messages = (
        Message(role="system", parts=("Answer the question.",)),
        Message(role="user", parts=("Here No is 12. Value of No?",)),
        Message(role="assistant", parts=("Value of No is 12.",)),
        Message(role="user", parts=("Here Yes is 7; No is 9. Value of No?",)),
        Message(role="assistant", parts=("Value of No is 9.",)),
    )
    lesson = LessonEncoder(tokenizer).encode(Lesson(kind="lookup", messages=messages, repeats=True))
    ids = lesson.ids.tolist()
    words = [tokenizer.decode([token]) for token in ids]
    second = next(at for at, word in enumerate(words) if word == " Yes")
    told = {
        "".join(words[s.position - 1 : s.position + 2]): "".join(words[s.targets[0] - 3 : s.targets[0] + 1])
        for s in lesson.sources
        if s.position > second
    }
    assert told["Value of No"] == ". Value of No"
    assert told[" of No is"] == " 7; No is"
    assert told[" No is 9"] == "; No is 9"
    assert told[" is 9."] == " No is 9."
    assert all(s.targets[0] > second - 2 for s in lesson.sources if s.position > second + 20)
    assert all(ids[s.targets[0]] == ids[s.position + 1] for s in lesson.sources)


def test_counting_names_what_it_counts() -> None:
    scene = make_scene("large cyan metal sphere", "small red rubber cube")
    asked = {ask_count(random.Random(seed), scene) for seed in range(80)}
    assert ("How many cubes are there?", "A small red rubber cube. There are 1.") in asked
    assert {"How many objects are there?"} <= {question for question, _ in asked}
    assert any(answer == "There are 0." for _, answer in asked)


def test_gaze_loss_is_the_attention_that_misses() -> None:
    queries, keys = torch.zeros(1, 2, 4, 8), torch.zeros(1, 2, 4, 8)
    record = Recording(layers={2: (queries, keys)})
    loss = record.loss([[Gaze(3, (0, 1)), Gaze(1, (0,))]], slice(0, 2))
    torch.testing.assert_close(loss, torch.tensor(2.0).log())


def test_recording_changes_nothing(library: PictureLibrary, tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_nano_model(tokenizer).eval().model.language_model
    embeddings = torch.randn(2, 9, 192)
    with torch.no_grad(), recording(model) as record:
        recorded = model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    with torch.no_grad():
        plain = model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    assert sorted(record.layers) == [2, 3]
    torch.testing.assert_close(recorded, plain)


def test_micro_batches_stay_within_their_budget(library: PictureLibrary, tokenizer: PreTrainedTokenizerFast) -> None:
    encoder, rng = LessonEncoder(tokenizer), random.Random(4)
    lessons = [encoder.encode(text_lesson(rng, library)) for _ in range(6)]
    longest = max(len(lesson.ids) for lesson in lessons)
    batches = split_by_tokens(lessons, 2 * longest)
    assert sorted(id(lesson) for batch in batches for lesson in batch) == sorted(id(lesson) for lesson in lessons)
    assert all(max(len(lesson.ids) for lesson in batch) * len(batch) <= 2 * longest for batch in batches)


def test_a_cell_shows_the_object_that_covers_it_or_is_centred_in_it() -> None:
    mask = np.zeros((32, 48), dtype=np.uint8)
    mask[0:16, 0:16] = 1
    mask[0:16, 16:22] = 1
    mask[20:24, 40:44] = 2
    labels = label_cells(mask, [make_object("large red rubber cube"), make_object("small cyan metal sphere")])
    assert labels[:, 0].tolist() == [CENTRE, PART, EMPTY, EMPTY, EMPTY, CENTRE]
    assert labels[1].tolist() == [PART, 0, 1, 0, 0]
    assert labels[5].tolist() == [CENTRE, 1, 6, 1, 1]
    assert labels[2].tolist() == [EMPTY, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]


def test_symbols_read_back_what_they_say() -> None:
    symbols = Symbols()
    cells = torch.tensor([[CENTRE, 1, 6, 1, 2], [PART, 0, 3, 0, 0], [EMPTY, -1, -1, -1, -1]])
    tokens = symbols.of_cells(cells)
    read = symbols.read(tokens)
    assert read[:, 0].tolist() == [CENTRE, PART, EMPTY]
    assert read[:2, 1:].tolist() == cells[:2, 1:].tolist()
    assert symbols.loss(tokens, cells) < symbols.loss(torch.zeros_like(tokens), cells)


def test_a_phase_that_was_killed_ends_in_the_same_weights(tmp_path: Path) -> None:
    def train(folder: Path, stop_at: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        module = torch.nn.Linear(4, 4)

        def step_loss(step: int, rng: random.Random) -> tuple[torch.Tensor, dict[str, float]]:
            if step == stop_at:
                raise KeyboardInterrupt
            return module(torch.randn(2, 4)).square().mean(), {}

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trimpi.models.nano.phase.CHECKPOINT_SECONDS", 0)
            run_phase(
                "toy",
                module,
                step_loss,
                steps=8,
                learning_rate=0.1,
                weight_decay=0.0,
                decay=True,
                folder=folder,
                seed=0,
            )
        return module.weight.detach().clone()

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", stop_at=5)
    assert torch.equal(train(tmp_path / "killed", stop_at=None), train(tmp_path / "whole", stop_at=None))
