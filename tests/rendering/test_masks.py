"""Masks and padding by hand."""

from __future__ import annotations

import torch

from trimpi.rendering.masks import pad_rows, response_labels, text_labels


def test_text_labels_leave_out_visual_tokens_only() -> None:
    ids = torch.tensor([5, 90, 91, 6, 7])
    assert text_labels(ids, ids >= 90).tolist() == [5, -100, -100, 6, 7]


def test_response_labels_begin_after_the_prompt() -> None:
    ids = torch.tensor([5, 6, 7, 8])
    assert response_labels(ids, 3).tolist() == [-100, -100, -100, 8]
    assert ids.tolist() == [5, 6, 7, 8]


def test_rows_are_padded_on_the_side_asked_for() -> None:
    rows = [torch.tensor([1]), torch.tensor([2, 3, 4])]
    assert pad_rows(rows, 0, "left").tolist() == [[0, 0, 1], [2, 3, 4]]
    assert pad_rows(rows, 0, "right").tolist() == [[1, 0, 0], [2, 3, 4]]
