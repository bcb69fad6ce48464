"""Lessons as tensors: tokens, what is to be learned, where pictures go, and M-RoPE positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from trimpi.models.nano.gaze import Gaze, GazeFinder
from trimpi.models.nano.lessons import Lesson
from trimpi.models.nano.pictures import Picture
from trimpi.models.nano.sources import SourceFinder
from trimpi.rendering.prompts import to_chat


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedLesson:
    """One conversation: ids and learned (length,), M-RoPE positions (3, length), pictures in token order."""

    kind: str
    ids: Tensor
    learned: Tensor
    positions: Tensor
    pictures: tuple[Picture, ...]
    gazes: tuple[Gaze, ...]
    sources: tuple[Gaze, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Right-padded conversations: ids, learned (rows, length), positions (3, rows, length), pictures in order."""

    ids: Tensor
    learned: Tensor
    positions: Tensor
    pictures: list[Picture]


class LessonEncoder:
    """Encodes lessons through the tokenizer's chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.gaze_finder, self.source_finder = GazeFinder(tokenizer), SourceFinder(tokenizer)
        self.image_pad, self.turn_end, self.turn_start, self.padding = (
            tokenizer.get_vocab()[token] for token in ("<|image_pad|>", "<|im_end|>", "<|im_start|>", "<|endoftext|>")
        )
        self.answer_start = tokenizer("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]

    def encode(self, lesson: Lesson) -> EncodedLesson:
        """Every assistant turn is learned, its end of turn included; nothing else is."""
        text = self.tokenizer.apply_chat_template(to_chat(lesson.messages), tokenize=False)
        compact = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        pictures = [lesson.pictures[path] for message in lesson.messages for path in message.images]
        ids: list[int] = []
        grids = iter(pictures)
        for token in compact:
            rows, columns = next(grids).grid if token == self.image_pad else (1, 1)
            ids.extend([token] * (rows * columns))
        learned = self._learned(ids)
        find = self.source_finder.find_repeated if lesson.repeats else self.source_finder.find
        return EncodedLesson(
            kind=lesson.kind,
            ids=torch.tensor(ids),
            learned=learned,
            positions=self._positions(ids, pictures),
            pictures=tuple(pictures),
            gazes=tuple(self.gaze_finder.find(ids, learned.tolist(), pictures)),
            sources=tuple(Gaze(at, (source,)) for at, source in find(ids, learned.tolist())),
        )

    def batch(self, lessons: Sequence[EncodedLesson]) -> Batch:
        length = max(len(lesson.ids) for lesson in lessons)
        ids = torch.full((len(lessons), length), self.padding)
        learned = torch.zeros((len(lessons), length), dtype=torch.bool)
        positions = torch.zeros((3, len(lessons), length), dtype=torch.long)
        for row, lesson in enumerate(lessons):
            ids[row, : len(lesson.ids)] = lesson.ids
            learned[row, : len(lesson.ids)] = lesson.learned
            positions[:, row, : len(lesson.ids)] = lesson.positions
        return Batch(
            ids=ids, learned=learned, positions=positions, pictures=[p for lesson in lessons for p in lesson.pictures]
        )

    def _learned(self, ids: list[int]) -> Tensor:
        learned = torch.zeros(len(ids), dtype=torch.bool)
        width, index = len(self.answer_start), 0
        while index < len(ids):
            if ids[index] == self.turn_start and ids[index : index + width] == self.answer_start:
                end = ids.index(self.turn_end, index) + 1
                learned[index + width : end] = True
                index = end
            else:
                index += 1
        return learned

    def _positions(self, ids: list[int], pictures: Sequence[Picture]) -> Tensor:
        """Text counts up by one; a picture lies on a grid at the next position, text goes on past its longer side."""
        columns: list[tuple[int, int, int]] = []
        following, grids, index = 0, iter(pictures), 0
        while index < len(ids):
            if ids[index] != self.image_pad:
                columns.append((following, following, following))
                following, index = following + 1, index + 1
                continue
            rows, width = next(grids).grid
            columns += [
                (following, following + row, following + column) for row in range(rows) for column in range(width)
            ]
            following, index = following + max(rows, width), index + rows * width
        return torch.tensor(columns).T


def split_by_tokens(lessons: Sequence[EncodedLesson], budget: int) -> list[list[EncodedLesson]]:
    """Micro-batches of lessons of similar length whose padded size stays within `budget` tokens."""
    batches: list[list[EncodedLesson]] = []
    for lesson in sorted(lessons, key=lambda lesson: len(lesson.ids)):
        if batches and len(lesson.ids) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(lesson)
        else:
            batches.append([lesson])
    return batches
