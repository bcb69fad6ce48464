"""Rows that nobody has checked yet, read as examples."""

from __future__ import annotations

from typing import Any

from trimpi.errors import DataError
from trimpi.rewards.response import write_response
from trimpi.tasks.custom.task import CustomTask
from trimpi.types import Completion, Example


def read_example(task: CustomTask, row: dict[str, Any], *, place: str) -> Example:
    """Raises DataError, which begins with `place`, for what could be no row, and for an answer that is none by the
    reward.
    """
    example = task.read_example(row, place=place)
    score = task.score(example, Completion(text=write_response("", example.answer), token_ids=()))
    if score.outcome != "correct":
        raise DataError(f"{place}: the answer {example.answer[:80]!r} is none by the reward: {score.reason}")
    return example
