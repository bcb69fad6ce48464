"""Teaching the language model: on perfect visual tokens, then on those of the vision tower, which stays as it is."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration

from trimpi.models.nano.batches import Batch, EncodedLesson, LessonEncoder, split_by_tokens
from trimpi.models.nano.gaze import COPYING, LOOKING, recording
from trimpi.models.nano.lessons import (
    Lesson,
    crop_lesson,
    override_lesson,
    policy_lesson,
    question_lesson,
    recitation_lesson,
    text_lesson,
)
from trimpi.models.nano.phase import run_phase
from trimpi.models.nano.pictures import Picture, PictureLibrary

MICRO_BATCH_TOKENS = 6144
GAZE_WEIGHT = 0.2
"""Weight of the loss that tells attention heads where to look."""
KINDS = ("question", "policy_T", "policy_M", "crop", "text", "recitation", "override")
FIRST_MIX = (0.42, 0.20, 0.04, 0.04, 0.20, 0.08, 0.02)
LAST_MIX = (0.20, 0.37, 0.18, 0.03, 0.13, 0.04, 0.05)

Seer = Callable[[list[Picture]], Tensor]
"""Pictures to their visual tokens (cells of all pictures, HIDDEN_SIZE)."""


def sample_lesson(rng: random.Random, library: PictureLibrary, progress: float) -> Lesson:
    """A lesson for a point in training (0..1): questions first, deeper policies as it goes on."""
    weights = [
        first + (last - first) * min(1.0, 1.5 * progress) for first, last in zip(FIRST_MIX, LAST_MIX, strict=True)
    ]
    kind = rng.choices(KINDS, weights=weights)[0]
    deeper, deepest = 2.0 * min(1, 4 * progress), 1.2 * max(0, 3 * progress - 1)
    layers = rng.choices((1, 2, 3, 4), weights=(1.0, 1.5, deeper, deepest))[0]
    if kind == "question":
        return question_lesson(rng, library)
    if kind in ("policy_T", "policy_M"):
        return policy_lesson(rng, library, layers=layers, variant=kind[-1], requests=rng.choice((1, 2, 3)))
    if kind == "recitation":
        return recitation_lesson(rng, library, layers=layers)
    return {"crop": crop_lesson, "text": text_lesson, "override": override_lesson}[kind](rng, library)


def teach_language(
    name: str,
    model: Qwen2_5_VLForConditionalGeneration,
    encoder: LessonEncoder,
    library: PictureLibrary,
    *,
    steps: int,
    learning_rate: float,
    tokens_per_step: int,
    see: Seer,
    decay: bool,
    progress: tuple[float, float],
    frozen_rows: Tensor | None,
    measure: Callable[[], dict[str, float]] | None,
    folder: Path,
    seed: int,
) -> None:
    """Next-token loss on every assistant turn, with heads told where to look; visual tokens come from `see`.

    `decay` brings the learning rate down. `progress` is the stretch of the curriculum this phase covers. `frozen_rows`
    are embedding rows that stay as they are. The vision tower is not trained.
    """
    first, last = progress
    model.model.visual.requires_grad_(False)
    if frozen_rows is not None:
        table = model.model.language_model.embed_tokens.weight
        table.register_hook(lambda gradient: gradient.index_fill(0, frozen_rows, 0.0))

    def step_loss(step: int, rng: random.Random) -> tuple[Tensor, dict[str, float]]:
        reached = first + (last - first) * step / steps
        lessons = list(_lessons_of_a_step(rng, library, encoder, reached, tokens_per_step))
        learned = sum(int(lesson.learned.sum()) for lesson in lessons)
        by_kind: dict[str, list[float]] = defaultdict(list)
        total, gaze, source = (torch.zeros(()) for _ in range(3))
        micro_batches = split_by_tokens(lessons, MICRO_BATCH_TOKENS)
        for index, rows in enumerate(micro_batches):
            batch = encoder.batch(rows)
            with torch.no_grad():
                visual_tokens = see(batch.pictures) if batch.pictures else None
            with recording(model.model.language_model) as record:
                losses = token_losses(model, batch, visual_tokens, encoder.image_pad)
            share = len(rows) / len(lessons)
            looking = record.loss([row.gazes for row in rows], LOOKING) * share
            copying = record.loss([row.sources for row in rows], COPYING) * share
            gaze, source = gaze + looking.detach(), source + copying.detach()
            loss = losses.sum() / learned + GAZE_WEIGHT * (looking + copying)
            if index + 1 < len(micro_batches):
                loss.backward()  # type: ignore[no-untyped-call]
                loss = loss.detach()
            total = total + loss
            _note_kinds(by_kind, rows, losses.detach())
        metrics = {kind: sum(values) / len(values) for kind, values in by_kind.items()}
        return total, metrics | {"gaze": float(gaze), "source": float(source)}

    run_phase(
        name,
        model,
        step_loss,
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=0.02,
        decay=decay,
        folder=folder,
        seed=seed,
        measure=measure,
    )


def token_losses(
    model: Qwen2_5_VLForConditionalGeneration, batch: Batch, visual_tokens: Tensor | None, image_pad: int
) -> Tensor:
    """Next-token losses (learned tokens,), row by row. Padding is on the right, so causality hides it."""
    embeddings = model.model.language_model.embed_tokens(batch.ids)
    if visual_tokens is not None:
        where = (batch.ids == image_pad)[..., None].expand_as(embeddings)
        embeddings = embeddings.masked_scatter(where, visual_tokens)
    hidden = model.model.language_model(
        inputs_embeds=embeddings, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    target = batch.learned[:, 1:]
    logits = model.lm_head(hidden[:, :-1][target])
    return nn.functional.cross_entropy(logits, batch.ids[:, 1:][target], reduction="none")


def _lessons_of_a_step(
    rng: random.Random, library: PictureLibrary, encoder: LessonEncoder, progress: float, budget: int
) -> Iterator[EncodedLesson]:
    used = 0
    while used < budget:
        lesson = encoder.encode(sample_lesson(rng, library, progress))
        used += len(lesson.ids)
        yield lesson


def _note_kinds(by_kind: dict[str, list[float]], rows: Sequence[EncodedLesson], losses: Tensor) -> None:
    counts = [int(row.learned.sum()) for row in rows]
    for row, part in zip(rows, losses.split(counts), strict=True):
        by_kind[row.kind].append(float(part.mean()))
