"""Columns of prompts and completions that no row uses: cut off before a forward pass, put back after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

PER_TOKEN_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""Those of a forward pass's inputs that have a column for every token."""


def without_padding(inputs: Mapping[str, Any], completion_columns: int) -> tuple[dict[str, Any], int]:
    """Inputs whose prompts are padded on the left and completions on the right, without columns nobody uses.

    Also returns how many columns of completions are left, at least one.
    """
    mask = inputs["attention_mask"]
    columns = mask.shape[1]
    used = mask.any(dim=0).nonzero()[:, 0].tolist()
    start, end = used[0], max(used[-1] + 1, columns - completion_columns + 1)
    trimmed = {key: inputs[key][:, start:end] for key in PER_TOKEN_INPUTS if key in inputs}
    return {**inputs, **trimmed}, completion_columns - (columns - end)


def widened(field: Tensor | None, columns: int) -> Tensor | None:
    """(rows, fewer columns) -> (rows, columns), zeros where padding was cut off."""
    return None if field is None else pad(field, (0, columns - field.shape[1]))
