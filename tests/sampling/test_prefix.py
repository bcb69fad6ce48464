from __future__ import annotations

import torch

from trimpi.sampling.prefix import shared_out


def test_a_layer_with_room_holds_what_a_growing_one_would() -> None:
    keys, values = torch.arange(12.0).view(2, 1, 3, 2), -torch.arange(12.0).view(2, 1, 3, 2)
    layer = shared_out(keys, values, copies=2, room=2)
    assert layer.get_seq_length() == 3
    assert torch.equal(layer.keys, keys[[0, 0, 1, 1]])
    new = torch.full((4, 1, 1, 2), 7.0)
    seen_keys, seen_values = layer.update(new, -new)
    assert torch.equal(seen_keys, torch.cat([keys[[0, 0, 1, 1]], new], dim=2))
    assert torch.equal(seen_values, -seen_keys)
    assert layer.get_seq_length() == 4


def test_rows_of_one_prompt_do_not_share_what_they_write() -> None:
    layer = shared_out(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), copies=2, room=1)
    keys, _ = layer.update(torch.tensor([1.0, 2.0]).view(2, 1, 1, 1), torch.zeros(2, 1, 1, 1))
    assert keys[:, 0, 1, 0].tolist() == [1.0, 2.0]
