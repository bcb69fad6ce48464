from __future__ import annotations

import torch

from trimpi.stages.columns import widened, without_padding

#                          prompts      | completions
MASK = torch.tensor([[0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0]])


def test_columns_without_a_token_are_left_out_of_every_per_token_input() -> None:
    ids = torch.arange(16).reshape(2, 8)
    inputs, kept = without_padding(
        {"input_ids": ids, "attention_mask": MASK, "mm_token_type_ids": ids, "pixel_values": ids, "num_images": [1, 1]},
        4,
    )
    assert kept == 3
    for name in ("input_ids", "mm_token_type_ids"):
        assert torch.equal(inputs[name], ids[:, 2:7])
    assert torch.equal(inputs["attention_mask"], MASK[:, 2:7])
    assert inputs["pixel_values"] is ids and inputs["num_images"] == [1, 1]


def test_one_column_of_completions_stays() -> None:
    inputs, kept = without_padding({"attention_mask": torch.tensor([[1, 1, 0, 0, 0]])}, 3)
    assert kept == 1
    assert inputs["attention_mask"].tolist() == [[1, 1, 0]]


def test_what_was_left_out_comes_back_as_zeros() -> None:
    assert widened(torch.ones(1, 2), 4).tolist() == [[1, 1, 0, 0]]
    assert widened(None, 4) is None
