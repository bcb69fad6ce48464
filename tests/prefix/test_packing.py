"""Packed rows written out by hand. 0 is padding, -100 is not learned, -1 is nobody."""

from __future__ import annotations

import torch

from trimpi.prefix.packing import PackedAttention, PackedCluster, pack
from trimpi.prefix.sharing import Cluster

PADDED_RIGHT = torch.tensor([[5, 6, 7, 8, 0], [3, 4, 0, 0, 0], [5, 6, 9, 0, 0]])
PADDED_LEFT = torch.tensor([[0, 5, 6, 7, 8], [0, 0, 0, 3, 4], [0, 0, 5, 6, 9]])
CLUSTERS = [Cluster(members=(0, 2), shared=2), Cluster(members=(1,), shared=0)]
#          prefix | branch  | branch | alone
TOKENS = [5, 6, 6, 7, 8, 6, 9, 3, 4]
PLACES = [0, 1, 1, 2, 3, 1, 2, 0, 1]
LABELS = [6, -100, 7, 8, -100, 9, -100, 4, -100]


def labels_of(ids: torch.Tensor) -> torch.Tensor:
    return ids.masked_fill(ids == 0, -100)


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def test_rows_padded_on_the_right() -> None:
    mask = PADDED_RIGHT != 0
    packed = pack(PADDED_RIGHT, mask, labels_of(PADDED_RIGHT), positions_of(mask), CLUSTERS)
    assert packed.input_ids.tolist() == [TOKENS]
    assert packed.position_ids.tolist() == [PLACES]
    assert packed.shift_labels.tolist() == [LABELS]
    assert packed.source.tolist() == [[0, 2, 3, -1], [7, -1, -1, -1], [0, 5, -1, -1]]
    assert packed.clusters == (
        PackedCluster(start=0, length=2, branches=((2, 3), (5, 2))),
        PackedCluster(start=7, length=2, branches=()),
    )


def test_rows_padded_on_the_left_pack_to_the_same() -> None:
    mask = PADDED_LEFT != 0
    packed = pack(PADDED_LEFT, mask, labels_of(PADDED_LEFT), positions_of(mask), CLUSTERS)
    assert packed.input_ids.tolist() == [TOKENS]
    assert packed.position_ids.tolist() == [PLACES]
    assert packed.shift_labels.tolist() == [LABELS]
    assert packed.source.tolist() == [[-1, 0, 2, 3], [-1, -1, -1, 7], [-1, -1, 0, 5]]


def test_positions_with_axes_keep_them() -> None:
    mask = PADDED_RIGHT != 0
    axes = torch.stack([positions_of(mask), positions_of(mask) + 10, positions_of(mask) + 20])
    packed = pack(PADDED_RIGHT, mask, labels_of(PADDED_RIGHT), axes, CLUSTERS)
    assert packed.position_ids.shape == (3, 1, len(TOKENS))
    assert packed.position_ids[1].tolist() == [[place + 10 for place in PLACES]]


def test_what_only_one_row_learns_is_learned() -> None:
    mask = PADDED_RIGHT != 0
    labels = torch.full_like(PADDED_RIGHT, -100)
    labels[2, 1:3] = torch.tensor([6, 9])
    packed = pack(PADDED_RIGHT, mask, labels, positions_of(mask), CLUSTERS)
    assert packed.shift_labels.tolist() == [[6, -100, -100, -100, -100, 9, -100, -100, -100]]
    values = torch.arange(9.0)[None] + 1
    assert packed.unpack(values, labels[:, 1:] != -100).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 6, 0, 0]]


def test_a_branch_sees_the_prefix_and_itself_and_nothing_else() -> None:
    """Attention to equal keys is the mean of the values seen: every token's value is its place, so it can be told."""
    packed = pack(PADDED_RIGHT, PADDED_RIGHT != 0, labels_of(PADDED_RIGHT), positions_of(PADDED_RIGHT != 0), CLUSTERS)
    values = torch.arange(float(len(TOKENS))).reshape(1, 1, -1, 1)
    zeros = torch.zeros(1, 1, len(TOKENS), 1)
    seen = PackedAttention(packed.clusters, torch.device("cpu")).attend(0, zeros, zeros, values, scaling=1.0)
    #           5,  6: 0 1 |  6: 0 2   7: 0 2 3   8: 0 2 3 4 |  6: 0 5   9: 0 5 6 |  3     4: 7 8
    expected = [0, 1 / 2, 2 / 2, 5 / 3, 9 / 4, 5 / 2, 11 / 3, 7, 15 / 2]
    torch.testing.assert_close(seen.flatten(), torch.tensor(expected))
