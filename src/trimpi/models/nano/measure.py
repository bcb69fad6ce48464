"""What the base model scores on held-out scenes and policies nobody has seen: greedy answers, exact match."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from trimpi.models.nano.batches import LessonEncoder
from trimpi.models.nano.language_phase import Seer
from trimpi.models.nano.lessons import (
    Lesson,
    override_lesson,
    policy_lesson,
    single_question_lesson,
    single_skill_lesson,
)
from trimpi.models.nano.pictures import PictureLibrary
from trimpi.tasks.skills.answers import is_right
from trimpi.tasks.skills.scene_questions import SCENE_SKILLS
from trimpi.tasks.skills.text_skills import TEXT_SKILLS

MAX_NEW_TOKENS = 160
Examiner = Callable[[random.Random, PictureLibrary], Lesson]


def _policy_exam(variant: str, layers: int) -> Examiner:
    return partial(policy_lesson, layers=layers, variant=variant, requests=1)


EXAMS: dict[str, Examiner] = {
    **{skill: partial(single_question_lesson, asker=asker) for skill, asker in SCENE_SKILLS.items()},
    **{skill: partial(single_skill_lesson, skill=skill) for skill in TEXT_SKILLS},
    "override": override_lesson,
    **{f"policy_{variant}{layers}": _policy_exam(variant, layers) for variant in "TM" for layers in (1, 2, 3, 4)},
}


def measure_exams(
    model: Qwen2_5_VLForConditionalGeneration,
    encoder: LessonEncoder,
    library: PictureLibrary,
    see: Seer,
    *,
    count: int,
    seed: int,
    names: tuple[str, ...] = tuple(EXAMS),
) -> dict[str, float]:
    """Share of `count` lessons per exam whose first answer is right; of a policy task only the response counts."""
    scores: dict[str, float] = {}
    for name in names:
        lessons = [EXAMS[name](random.Random(f"{seed}-{name}-{index}"), library) for index in range(count)]
        right = 0
        for start in range(0, count, 64):
            part = lessons[start : start + 64]
            answers = answer_lessons(model, encoder, part, see)
            right += sum(is_right(answer, _gold(lesson)) for lesson, answer in zip(part, answers, strict=True))
        scores[name] = right / count
    return scores


def _gold(lesson: Lesson) -> str:
    return str(lesson.messages[2].parts[0])


@torch.no_grad()
def answer_lessons(
    model: Qwen2_5_VLForConditionalGeneration, encoder: LessonEncoder, lessons: list[Lesson], see: Seer
) -> list[str]:
    """The greedy answer to each lesson's first request."""
    encoded = [encoder.encode(lesson) for lesson in lessons]
    starts = [int(row.learned.nonzero()[0]) for row in encoded]
    width = max(starts)
    ids = torch.full((len(lessons), width), encoder.padding)
    mask = torch.zeros((len(lessons), width), dtype=torch.long)
    positions = torch.zeros((3, len(lessons), width), dtype=torch.long)
    for index, (row, start) in enumerate(zip(encoded, starts, strict=True)):
        ids[index, width - start :] = row.ids[:start]
        mask[index, width - start :] = 1
        positions[:, index, width - start :] = row.positions[:, :start]
    pictures = [
        lesson.pictures[path] for lesson in lessons for message in lesson.messages[:2] for path in message.images
    ]
    embeddings = model.model.language_model.embed_tokens(ids)
    if pictures:
        where = (ids == encoder.image_pad)[..., None].expand_as(embeddings)
        embeddings = embeddings.masked_scatter(where, see(pictures))
    written = _decode_greedily(model, embeddings, mask, positions, encoder.turn_end)
    return [_text_until_end(encoder, row) for row in written.tolist()]


def _decode_greedily(
    model: Qwen2_5_VLForConditionalGeneration, embeddings: Tensor, mask: Tensor, positions: Tensor, end: int
) -> Tensor:
    language, cache, columns = model.model.language_model, None, []
    following = positions.amax(dim=(0, 2)) + 1
    done = torch.zeros(len(mask), dtype=torch.bool)
    for _ in range(MAX_NEW_TOKENS):
        output = language(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        cache, token = output.past_key_values, model.lm_head(output.last_hidden_state[:, -1]).argmax(dim=-1)
        columns.append(token)
        done |= token == end
        if done.all():
            break
        embeddings = language.embed_tokens(token)[:, None]
        mask = torch.cat([mask, torch.ones(len(mask), 1, dtype=torch.long)], dim=1)
        positions, following = following.expand(3, -1)[..., None], following + 1
    return torch.stack(columns, dim=1)


def _text_until_end(encoder: LessonEncoder, ids: list[int]) -> str:
    kept = ids[: ids.index(encoder.turn_end)] if encoder.turn_end in ids else ids
    return str(encoder.tokenizer.decode(kept, skip_special_tokens=True))
