"""Which tokens a stage learns from, and padding. Pure functions on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

IGNORED = -100

PaddingSide = Literal["left", "right"]
LossOn = Literal["text", "response"]


def pad_rows(rows: Sequence[torch.Tensor], value: int, side: PaddingSide) -> torch.Tensor:
    """1-D rows of any lengths as one (rows, longest) tensor, filled up with `value` on `side`."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value, padding_side=side)


def text_labels(ids: torch.Tensor, visual: torch.Tensor) -> torch.Tensor:
    """Labels of visually-masked pretraining (paper, VM-CPT): every token but the visual ones. Shapes as given."""
    return ids.masked_fill(visual, IGNORED)


def response_labels(ids: torch.Tensor, prompt_length: int) -> torch.Tensor:
    """Labels of fine-tuning (paper, CoT SFT): what follows the first `prompt_length` tokens of a 1-D row."""
    labels = ids.clone()
    labels[:prompt_length] = IGNORED
    return labels
